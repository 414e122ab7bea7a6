#include "gate/app/status_page.h"

#include <iterator>

#include <fmt/format.h>

#include "gate/app/process_metrics.h"
#include "gate/app/version.h"
#include "zc/base/ledger.h"
#include "zc/io/system.h"
#include "zc/wire/protobuf/utf8.h"

namespace sluice {
namespace {

// The row that `same` recognises, or the next free one; null when there is none. `at` is where the
// row ought to be, since all shards have the same nodes, and then where the next one ought to be.
template <class Row, std::size_t N, class Same>
Row* find_row(std::array<Row, N>& rows, std::uint64_t& used, std::size_t& at, const Same& same) {
  for (std::size_t i = 0; i < used; ++i) {
    const std::size_t here = (at + i) % used;
    if (!same(rows[here])) continue;
    at = here + 1;
    return &rows[here];
  }
  if (used == N) return nullptr;
  at = used + 1;
  return &rows[used++];
}

status_name name_of(std::string_view id) noexcept {
  status_name name{};
  put_name(name, id);
  return name;
}

void add(std::uint64_t& to, const counter& c) noexcept {
  to += c.read();
}

// As in /metrics: profiles where there is something to tell, the others always.
template <class... Counters>
bool silent(otlp::signal s, const Counters&... all) noexcept {
  return s == otlp::signal::profiles && ((all.read() == 0) && ...);
}

// Each returns how many rows found no room.
std::uint64_t put_receivers(status_page& to, const metrics& shard) {
  std::uint64_t missed = 0;
  std::size_t at = 0;
  for (const receiver_metrics& r : shard.receivers()) {
    const status_name name = name_of(r.id);
    std::array<char, 8> transport{};
    put_name(transport, r.transport);
    for (const otlp::signal s : otlp::all_signals) {
      const auto& of = r.of[s];
      if (silent(s, of.accepted, of.refused, of.failed, of.requests, of.opaque)) continue;
      const auto signal = static_cast<std::uint64_t>(s);
      status_receiver* const row =
          find_row(to.receivers, to.head.receivers, at, [&](const status_receiver& other) {
            return other.signal == signal && other.name == name && other.transport == transport;
          });
      if (row == nullptr) {
        ++missed;
        continue;
      }
      row->name = name;
      row->transport = transport;
      row->signal = signal;
      add(row->accepted, of.accepted);
      add(row->refused, of.refused);
      add(row->failed, of.failed);
      add(row->requests, of.requests);
      add(row->opaque, of.opaque);
      add(row->bytes, of.bytes);
    }
  }
  return missed;
}

std::uint64_t put_exporters(status_page& to, const metrics& shard) {
  std::uint64_t missed = 0;
  std::size_t at = 0;
  for (const exporter_metrics& e : shard.exporters()) {
    const status_name name = name_of(e.id);
    for (const otlp::signal s : otlp::all_signals) {
      const auto& of = e.of[s];
      if (silent(s, of.sent, of.send_failed, of.enqueue_failed, of.rejected)) continue;
      const auto signal = static_cast<std::uint64_t>(s);
      status_exporter* const row =
          find_row(to.exporters, to.head.exporters, at,
                   [&](const status_exporter& o) { return o.signal == signal && o.name == name; });
      if (row == nullptr) {
        ++missed;
        continue;
      }
      row->name = name;
      row->signal = signal;
      add(row->sent, of.sent);
      add(row->send_failed, of.send_failed);
      add(row->enqueue_failed, of.enqueue_failed);
      add(row->rejected, of.rejected);
    }
  }
  return missed;
}

std::uint64_t put_queues(status_page& to, const metrics& shard) {
  std::uint64_t missed = 0;
  std::size_t at = 0;
  for (const exporter_metrics& e : shard.exporters()) {
    const status_name name = name_of(e.id);
    status_queue* const row = find_row(to.queues, to.head.queues, at,
                                       [&](const status_queue& o) { return o.name == name; });
    if (row == nullptr) {
      ++missed;
      continue;
    }
    row->name = name;
    add(row->size, e.queue_size);
    row->capacity = std::max(row->capacity, e.queue_capacity.read());  // the same on each shard
    add(row->bytes, e.queue_bytes);
    add(row->in_flight, e.in_flight);
    add(row->held, e.held);
    add(row->requests, e.requests);
    add(row->retries, e.retries);
    add(row->sent_bytes, e.bytes);
  }
  return missed;
}

bool is_control(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(at) < 0x20 || byte(at) == 0x7f) return true;
  // U+0080 to U+009F, of which terminals obey some: C2 80 to C2 9F.
  return byte(at) == 0xc2 && at + 1 < text.size() && byte(at + 1) >= 0x80 && byte(at + 1) < 0xa0;
}

}  // namespace

void put_name(std::span<char> to, std::string_view text) noexcept {
  std::size_t size = std::min(to.size(), text.size());
  while (size > 0 && size < text.size() && (text[size] & 0xc0) == 0x80) --size;
  std::ranges::fill(std::ranges::copy(text.substr(0, size), to.begin()).out, to.end(), '\0');
}

void put_nodes(status_page& to, std::span<const metrics* const> shards) {
  for (const metrics* shard : shards) {
    const std::uint64_t missed =
        put_receivers(to, *shard) + put_exporters(to, *shard) + put_queues(to, *shard);
    to.head.left_out = std::max(to.head.left_out, missed);  // the same rows on each shard
  }
}

void put_servers(status_head& to, std::span<const server_counters* const> shards) {
  to.connections_accepted = sum_of(shards, &server_counters::accepted);
  to.connections_open = sum_of(shards, &server_counters::open);
  to.requests = sum_of(shards, &server_counters::requests);
  to.refused_memory = sum_of(shards, &server_counters::refused_memory);
  to.refused_early = sum_of(shards, &server_counters::refused_early);
  to.protocol_errors = sum_of(shards, &server_counters::protocol_errors);
  to.timed_out = sum_of(shards, &server_counters::timed_out);
  to.socket_received = sum_of(shards, &server_counters::bytes_received);
  to.socket_sent = sum_of(shards, &server_counters::bytes_sent);
}

void put_process(status_head& to) {
  put_name(to.version, version);
  to.process = static_cast<std::uint64_t>(zc::io::process_id());
  to.cpu_ns = static_cast<std::uint64_t>(zc::io::cpu_time().count());
  to.memory_resident = zc::io::resident_memory();
  const zc::ledger::totals ledger = zc::ledger::read();
  to.payload_received = ledger.received;
  to.payload_forwarded = ledger.forwarded;
  to.payload_copied = ledger.copied();
}

std::string shown_name(std::span<const char> name) {
  const std::string_view text(name.begin(), std::ranges::find(name, '\0'));
  const bool utf8 = zc::pb::is_utf8(std::as_bytes(std::span(text)));
  std::string shown;
  std::size_t escape = 0;  // so many bytes from here on
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (escape == 0 && is_control(text, i)) escape = byte >= 0x80 ? 2 : 1;
    if (escape == 0 && byte >= 0x80 && !utf8) escape = 1;
    if (escape == 0) {
      shown += text[i];
      continue;
    }
    fmt::format_to(std::back_inserter(shown), "\\x{:02x}", byte);
    --escape;
  }
  return shown;
}

std::string shown_signal(std::uint64_t signal) {
  if (signal >= otlp::signals) return fmt::format("{}", signal);
  return std::string(otlp::name_of(static_cast<otlp::signal>(signal)));
}

}  // namespace sluice
