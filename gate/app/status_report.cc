#include "gate/app/status_report.h"

#include <iterator>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "gate/app/rate_line.h"
#include "gate/rig/json.h"

namespace sluice {
namespace {

using rig::json_writer;
using seconds = std::chrono::duration<double>;

// Rates over the time between the writing of two pages.
class rates {
 public:
  explicit rates(const status_look& of) noexcept
      : seconds_(of.now.head.written_at > of.before.head.written_at
                     ? static_cast<double>(of.now.head.written_at - of.before.head.written_at) / 1e9
                     : 0) {}

  double over_seconds() const noexcept { return seconds_; }
  double operator()(std::uint64_t before, std::uint64_t now) const noexcept {
    return seconds_ <= 0 || now <= before ? 0 : static_cast<double>(now - before) / seconds_;
  }
  template <class Row>
  double operator()(const Row& before, const Row& now, std::uint64_t Row::* which) const noexcept {
    return (*this)(before.*which, now.*which);
  }

 private:
  double seconds_;
};

bool same(const status_receiver& a, const status_receiver& b) noexcept {
  return a.name == b.name && a.transport == b.transport && a.signal == b.signal;
}
bool same(const status_exporter& a, const status_exporter& b) noexcept {
  return a.name == b.name && a.signal == b.signal;
}
bool same(const status_queue& a, const status_queue& b) noexcept {
  return a.name == b.name;
}

// The same row of the page before; one of zeros where there was none.
template <class Row>
Row former(std::span<const Row> rows, const Row& of, std::size_t at) noexcept {
  if (at < rows.size() && same(rows[at], of)) return rows[at];
  const auto found = std::ranges::find_if(rows, [&](const Row& r) { return same(r, of); });
  return found == rows.end() ? Row{} : *found;
}

// Calls each(before, now) for all rows in use.
template <class Row, std::size_t N, class Each>
void for_rows(const status_look& look, std::array<Row, N> status_page::* rows,
              std::uint64_t status_head::* used, const Each& each) {
  const std::span<const Row> before = rows_of(look.before.*rows, look.before.head.*used);
  const std::span<const Row> now = rows_of(look.now.*rows, look.now.head.*used);
  for (std::size_t i = 0; i < now.size(); ++i) each(former(before, now[i], i), now[i]);
}

std::string_view name_of(gateway_state state) noexcept {
  switch (state) {
    case gateway_state::running:
      return "running";
    case gateway_state::draining:
      return "draining";
    case gateway_state::stopped:
      return "stopped";
  }
  return "unknown";
}

double uptime(const status_head& head) noexcept {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::chrono::nanoseconds since(static_cast<std::int64_t>(head.started_at));
  return std::max(0.0, seconds(now - since).count());
}

// "42 s", "3 min 12 s", "5 h 3 min", "12 d 4 h"
std::string time_text(double length) {
  const auto s = static_cast<std::uint64_t>(length);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  if (s < 86'400) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
  return fmt::format("{} d {} h", s / 86'400, s / 3600 % 24);
}

std::string mib(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / 0x1p20);
}

std::string figure(std::uint64_t n) {
  return short_number(static_cast<double>(n));
}

std::string count_of(std::uint64_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

// Columns as wide as what is in them: texts to the left, figures to the right.
class table {
 public:
  table(std::size_t texts, std::vector<std::string> titles) : texts_(texts) {
    lines_.push_back(std::move(titles));
  }
  void line(std::vector<std::string> cells) { lines_.push_back(std::move(cells)); }

  void write(std::string& to) const {
    std::vector<std::size_t> widths(lines_.front().size());
    for (const auto& cells : lines_) {
      for (std::size_t i = 0; i < cells.size(); ++i) {
        widths[i] = std::max(widths[i], cells[i].size());
      }
    }
    for (const auto& cells : lines_) {
      for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i > 0) to += "  ";
        const auto into = std::back_inserter(to);
        if (i < texts_) {
          fmt::format_to(into, "{:<{}}", cells[i], widths[i]);
        } else {
          fmt::format_to(into, "{:>{}}", cells[i], widths[i]);
        }
      }
      to += '\n';
    }
  }

 private:
  std::size_t texts_;
  std::vector<std::vector<std::string>> lines_;
};

void put_head(std::string& to, const status_look& look) {
  const status_head& before = look.before.head;
  const status_head& now = look.now.head;
  const rates rate(look);
  const auto per_second = [&](std::uint64_t status_head::* which) {
    return short_number(rate(before, now, which));
  };
  const auto into = std::back_inserter(to);
  if (!look.responding) {
    fmt::format_to(into, "NOT RESPONDING: nothing written for {:.1f} s; this is from then\n",
                   seconds(look.age).count());
  }
  fmt::format_to(into, "sluice {}, process {}: {}, up {}, {}, {}\n", shown_name(now.version),
                 look.process, name_of(now.state), time_text(uptime(now)),
                 count_of(now.shards, "shard"), count_of(now.connections_open, "connection"));
  fmt::format_to(into,
                 "memory  {} of {} for payload (at most {} so far), {} resident; CPU {:.0f} %\n",
                 mib(now.memory_payload), mib(now.memory_limit), mib(now.memory_peak),
                 mib(now.memory_resident), rate(before, now, &status_head::cpu_ns) / 1e7);
  fmt::format_to(into, "in      {} requests/s, {}B/s; refused for memory {}/s, early {}/s\n",
                 per_second(&status_head::requests), per_second(&status_head::socket_received),
                 per_second(&status_head::refused_memory), per_second(&status_head::refused_early));
  fmt::format_to(into, "total   {} items refused, {} failed, {} protocol errors, {} timeouts\n",
                 figure(now.items_refused), figure(now.items_failed), figure(now.protocol_errors),
                 figure(now.timed_out));
}

void put_receivers(std::string& to, const status_look& look) {
  const rates rate(look);
  using row = status_receiver;
  table rows(3, {"RECEIVER", "VIA", "SIGNAL", "ITEMS/S", "REQUESTS/S", "B/S", "REFUSED/S",
                 "FAILED/S", "ITEMS", "REFUSED", "FAILED"});
  for_rows(
      look, &status_page::receivers, &status_head::receivers,
      [&](const row& before, const row& now) {
        if (now.accepted + now.refused + now.failed + now.requests == 0) return;
        const auto per_second = [&](std::uint64_t row::* which) {
          return short_number(rate(before, now, which));
        };
        rows.line({shown_name(now.name), shown_name(now.transport), shown_signal(now.signal),
                   per_second(&row::accepted), per_second(&row::requests), per_second(&row::bytes),
                   per_second(&row::refused), per_second(&row::failed), figure(now.accepted),
                   figure(now.refused), figure(now.failed)});
      });
  rows.write(to);
}

void put_exporters(std::string& to, const status_look& look) {
  const rates rate(look);
  using row = status_exporter;
  table rows(2, {"EXPORTER", "SIGNAL", "SENT/S", "NO ROOM/S", "REJECTED/S", "FAILED/S", "SENT",
                 "NO ROOM", "REJECTED", "FAILED"});
  for_rows(look, &status_page::exporters, &status_head::exporters,
           [&](const row& before, const row& now) {
             if (now.sent + now.send_failed + now.enqueue_failed + now.rejected == 0) return;
             const auto per_second = [&](std::uint64_t row::* which) {
               return short_number(rate(before, now, which));
             };
             rows.line({shown_name(now.name), shown_signal(now.signal), per_second(&row::sent),
                        per_second(&row::enqueue_failed), per_second(&row::rejected),
                        per_second(&row::send_failed), figure(now.sent), figure(now.enqueue_failed),
                        figure(now.rejected), figure(now.send_failed)});
           });
  rows.write(to);
}

void put_queues(std::string& to, const status_look& look) {
  const rates rate(look);
  using row = status_queue;
  table rows(
      1, {"QUEUE", "HOLDS", "OF", "BYTES", "HELD", "IN FLIGHT", "REQUESTS/S", "RETRIES/S", "B/S"});
  for_rows(look, &status_page::queues, &status_head::queues,
           [&](const row& before, const row& now) {
             const bool has = now.capacity != 0;
             const auto of_queue = [&](std::uint64_t n) { return has ? figure(n) : "-"; };
             rows.line({shown_name(now.name), of_queue(now.size), of_queue(now.capacity),
                        of_queue(now.bytes), of_queue(now.held), figure(now.in_flight),
                        short_number(rate(before, now, &row::requests)),
                        short_number(rate(before, now, &row::retries)),
                        short_number(rate(before, now, &row::sent_bytes))});
           });
  rows.write(to);
}

// A figure and what it grew by per second.
template <class Row>
struct json_field {
  const char* name;
  std::uint64_t Row::* which;
  bool counts = true;  // else it is a gauge, without a rate
};

template <class Row, std::size_t N>
void put_fields(json_writer& to, const rates& rate, const Row& before, const Row& now,
                const json_field<Row> (&fields)[N]) {
  for (const json_field<Row>& f : fields) {
    to.field(f.name, now.*f.which);
    if (f.counts) to.field(std::string(f.name) + "_per_second", rate(before, now, f.which));
  }
}

void put_head(json_writer& to, const status_look& look, const rates& rate) {
  const status_head& now = look.now.head;
  to.field("pid", static_cast<std::uint64_t>(look.process));
  to.field("version", shown_name(now.version));
  to.field("state", name_of(now.state));
  to.field("responding", look.responding);
  to.field("page_age_seconds", seconds(look.age).count());
  to.field("interval_seconds", rate.over_seconds());
  to.field("uptime_seconds", uptime(now));
  to.field("shards", now.shards);
  to.field("cpu_seconds", static_cast<double>(now.cpu_ns) / 1e9);
  to.key("totals").begin_object();
  for (const otlp::signal s : otlp::all_signals) {
    to.field(otlp::items_of(s), now.items[static_cast<std::size_t>(s)]);
  }
  static constexpr json_field<status_head> totals[] = {
      {"refused", &status_head::items_refused},
      {"failed", &status_head::items_failed},
      {"queued", &status_head::queued, false},
  };
  put_fields(to, rate, look.before.head, now, totals);
  to.end_object();
  static constexpr json_field<status_head> memory[] = {
      {"payload_bytes", &status_head::memory_payload, false},
      {"payload_bytes_peak", &status_head::memory_peak, false},
      {"payload_bytes_limit", &status_head::memory_limit, false},
      {"resident_bytes", &status_head::memory_resident, false},
  };
  put_fields(to.key("memory").begin_object(), rate, look.before.head, now, memory);
  to.end_object();
  static constexpr json_field<status_head> servers[] = {
      {"connections_open", &status_head::connections_open, false},
      {"connections_accepted", &status_head::connections_accepted},
      {"requests", &status_head::requests},
      {"refused_memory", &status_head::refused_memory},
      {"refused_early", &status_head::refused_early},
      {"protocol_errors", &status_head::protocol_errors},
      {"timed_out", &status_head::timed_out},
      {"received_bytes", &status_head::socket_received},
      {"sent_bytes", &status_head::socket_sent},
  };
  put_fields(to.key("servers").begin_object(), rate, look.before.head, now, servers);
  to.end_object();
  static constexpr json_field<status_head> payload[] = {
      {"received_bytes", &status_head::payload_received},
      {"forwarded_bytes", &status_head::payload_forwarded},
      {"copied_bytes", &status_head::payload_copied},
  };
  put_fields(to.key("payload").begin_object(), rate, look.before.head, now, payload);
  to.end_object();
}

}  // namespace

std::chrono::nanoseconds age_of(const status_page& page, std::chrono::nanoseconds now) noexcept {
  const auto at = static_cast<std::uint64_t>(now.count());
  if (page.head.written_at >= at) return {};
  return std::chrono::nanoseconds(static_cast<std::int64_t>(at - page.head.written_at));
}

std::string status_table(const status_look& look) {
  std::string text;
  put_head(text, look);
  text += '\n';
  put_receivers(text, look);
  text += '\n';
  put_exporters(text, look);
  text += '\n';
  put_queues(text, look);
  if (look.now.head.left_out > 0) {
    fmt::format_to(std::back_inserter(text), "... and {} rows for which the page has no room\n",
                   look.now.head.left_out);
  }
  return text;
}

std::string status_json(const status_look& look) {
  const rates rate(look);
  json_writer to;
  to.begin_object();
  put_head(to, look, rate);
  to.key("receivers").begin_array();
  using in = status_receiver;
  for_rows(look, &status_page::receivers, &status_head::receivers,
           [&](const in& before, const in& now) {
             to.begin_object().field("receiver", shown_name(now.name));
             to.field("transport", shown_name(now.transport));
             to.field("signal", shown_signal(now.signal));
             static constexpr json_field<in> fields[] = {
                 {"accepted", &in::accepted}, {"refused", &in::refused},
                 {"failed", &in::failed},     {"requests", &in::requests},
                 {"bytes", &in::bytes},       {"opaque_requests", &in::opaque}};
             put_fields(to, rate, before, now, fields);
             to.end_object();
           });
  to.end_array().key("exporters").begin_array();
  using out = status_exporter;
  for_rows(look, &status_page::exporters, &status_head::exporters,
           [&](const out& before, const out& now) {
             to.begin_object().field("exporter", shown_name(now.name));
             to.field("signal", shown_signal(now.signal));
             static constexpr json_field<out> fields[] = {{"sent", &out::sent},
                                                          {"send_failed", &out::send_failed},
                                                          {"enqueue_failed", &out::enqueue_failed},
                                                          {"rejected", &out::rejected}};
             put_fields(to, rate, before, now, fields);
             to.end_object();
           });
  to.end_array().key("queues").begin_array();
  using queue = status_queue;
  for_rows(look, &status_page::queues, &status_head::queues,
           [&](const queue& before, const queue& now) {
             to.begin_object().field("exporter", shown_name(now.name));
             static constexpr json_field<queue> fields[] = {
                 {"size", &queue::size, false},   {"capacity", &queue::capacity, false},
                 {"bytes", &queue::bytes, false}, {"in_flight", &queue::in_flight, false},
                 {"held", &queue::held, false},   {"requests", &queue::requests},
                 {"retries", &queue::retries},    {"sent_bytes", &queue::sent_bytes}};
             put_fields(to, rate, before, now, fields);
             to.end_object();
           });
  to.end_array().field("rows_left_out", look.now.head.left_out).end_object();
  return to.text();
}

}  // namespace sluice
