#include "gate/rig/sink_service.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "gate/otlp/response.h"
#include "gate/otlp/walk.h"
#include "gate/rig/census.h"
#include "zc/wire/view/record_view.h"

namespace sluice::rig {
namespace {

constexpr auto sweep_every = std::chrono::seconds(1);
constexpr std::string_view json_type = "application/json";
constexpr std::string_view protobuf_type = "application/x-protobuf";

void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

std::optional<otlp::signal> signal_of(const zc::net::request_head& head) noexcept {
  if (head.via == zc::net::protocol::grpc) return otlp::signal_of_grpc_path(head.path);
  for (const otlp::signal s : otlp::all_signals) {
    if (head.path == otlp::http_path(s)) return s;
  }
  return std::nullopt;
}

bool is_json(const zc::net::request_head& head) noexcept {
  return head.via != zc::net::protocol::grpc && head.content_type.starts_with(json_type);
}

// An inflater's output, joined in one vector that is used again and again.
class joining_sink final : public zc::coding_sink {
 public:
  joining_sink(std::vector<std::byte>& into, std::size_t bytes_max) noexcept
      : into_(into), bytes_max_(bytes_max) {}
  std::span<std::byte> room() override {
    if (into_.size() - used_ < block_bytes_min) {
      const std::size_t wanted = std::max<std::size_t>(into_.size() * 2, 256_KiB);
      into_.resize(std::min(wanted, bytes_max_ + block_bytes_min));
    }
    if (into_.size() - used_ < block_bytes_min) return {};
    return std::span(into_).subspan(used_);
  }
  zc::result<void> produced(std::span<const std::byte> written) override {
    used_ += written.size();
    return {};
  }
  std::span<const std::byte> all() const noexcept { return std::span(into_).first(used_); }

 private:
  std::vector<std::byte>& into_;
  std::size_t bytes_max_;
  std::size_t used_ = 0;
};

// An inflater's output, counted and forgotten.
class counting_sink final : public zc::coding_sink {
 public:
  counting_sink(otlp::signal s, std::span<std::byte> scratch) noexcept
      : counter_(s), scratch_(scratch) {}
  std::span<std::byte> room() override { return scratch_; }
  zc::result<void> produced(std::span<const std::byte> written) override {
    return counter_.feed(written);
  }
  zc::result<std::uint64_t> finish() noexcept { return counter_.finish(); }

 private:
  otlp::item_counter counter_;
  std::span<std::byte> scratch_;
};

// Keeps what a census finds until it is known to be whole: a request with a fault at its end must
// leave nothing.
class gathering_visitor final : public census_visitor {
 public:
  explicit gathering_visitor(std::vector<sink_service::item_run>& into) noexcept : into_(into) {}
  void on_items(const identity& first, std::uint64_t count) override {
    into_.push_back({first, count});
  }

 private:
  std::vector<sink_service::item_run>& into_;
};

}  // namespace

sink_service::sink_service(zc::shard& on, const sink_options& how, unruly_poller* cutter,
                           sink_gauges& now)
    : on_(on), how_(how), cutter_(cutter), now_(now), dice_(scramble(how.seed) + on.id()) {
  if (how_.silence > 0 || how_.delay_max.count() > 0) on_.arm(sweeper_, sweep_every);
}

sink_service::~sink_service() = default;

std::optional<zc::grpc::status> sink_service::admit(zc::net::request_head& head) {
  std::transform(head.content_type.begin(), head.content_type.end(), head.content_type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (!signal_of(head)) {
    return zc::grpc::status{zc::grpc::code::unimplemented, 404, "no such service", {}, false};
  }
  if (head.via == zc::net::protocol::grpc) return std::nullopt;
  if (head.method != "POST") {
    return zc::grpc::status{zc::grpc::code::unimplemented, 405, "use POST", {}, false};
  }
  if (!is_json(head) && !head.content_type.starts_with(protobuf_type)) {
    return zc::grpc::status{
        zc::grpc::code::invalid_argument, 415, "unsupported content type", {}, false};
  }
  return std::nullopt;
}

sink_service::verdict sink_service::decide() {
  if (held_.size() >= how_.concurrent_max) return verdict::busy;
  if (how_.cut > 0 && dice_.chance(how_.cut)) return verdict::cut;
  if (how_.silence > 0 && dice_.chance(how_.silence)) return verdict::silence;
  if (how_.refuse > 0 && dice_.chance(how_.refuse)) return verdict::refuse;
  return verdict::take;
}

void sink_service::serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) {
  const auto named = signal_of(request->head());
  if (!named) {  // admit() has seen to it; a head that changed since is not ours to trust
    request->refuse({zc::grpc::code::unimplemented, 404, "no such service", {}, false});
    return;
  }
  const otlp::signal s = *named;
  of(s).requests += 1;
  add(now_.requests, 1);
  const verdict what = decide();
  if (what == verdict::take) return take(std::move(request), s, std::move(body));
  add(now_.errors, 1);
  switch (what) {
    case verdict::silence:
      of(s).silent += 1;
      return hold(std::move(request), s, true);
    case verdict::cut:
      of(s).cut += 1;
      if (cutter_ != nullptr) cutter_->hang_up(request->head().peer);
      // Kept until the connection is gone: dropping it here would answer.
      return hold(std::move(request), s, true);
    default:
      return refuse(*request, s, what);
  }
}

void sink_service::refuse(zc::net::exchange& request, otlp::signal s, verdict why) {
  zc::grpc::status status;
  if (why == verdict::busy) {
    of(s).busy += 1;
    status = {zc::grpc::code::unavailable, 503, "too many requests under way", {}, false};
    status.retry_after = std::chrono::milliseconds(100);
  } else {
    of(s).refused += 1;
    status = {how_.refuse_grpc, how_.refuse_http, "refused on purpose", {}, false};
  }
  if (how_.retry_after) status.retry_after = *how_.retry_after;
  request.refuse(status);
}

void sink_service::take(std::unique_ptr<zc::net::exchange> request, otlp::signal s,
                        zc::bytes_chain body) {
  if (!look_at(s, request->head(), body)) {
    of(s).malformed += 1;
    add(now_.errors, 1);
    request->refuse(
        {zc::grpc::code::invalid_argument, 400, "the request cannot be read", {}, false});
    return;
  }
  of(s).taken += 1;
  of(s).bytes += body.size();
  add(now_.bytes, body.size());
  body.clear();  // what waits below waits without its body
  if (how_.delay_max.count() > 0) return hold(std::move(request), s, false);
  answer(*request, s);
}

// Counts what is in the request. False when it cannot be read; then nothing was counted.
bool sink_service::look_at(otlp::signal s, const zc::net::request_head& head,
                           const zc::bytes_chain& body) {
  if (is_json(head)) {
    of(s).json += 1;
    return true;
  }
  const bool verify = how_.look == scrutiny::verify && s != otlp::signal::profiles;
  if (!verify && how_.write_directory.empty()) return count(s, head, body);
  const auto telemetry = flat(head, body);
  if (!telemetry) return false;
  if (!(verify ? read(s, *telemetry) : count(s, head, body))) return false;
  write(s, *telemetry);
  return true;
}

bool sink_service::count(otlp::signal s, const zc::net::request_head& head,
                         const zc::bytes_chain& body) {
  const bool plain = head.body_coding == zc::coding::identity;
  if (how_.look == scrutiny::none) {
    if (plain) of(s).telemetry += body.size();
    return true;
  }
  std::uint64_t items = 0;
  std::size_t size = body.size();
  if (plain) {
    const auto counted = otlp::count_items(s, body);
    if (!counted) return false;
    items = *counted;
  } else {
    counting_sink sink(s, on_.scratch());
    const auto inflated = coder_.inflate(body, head.body_coding, how_.inflated_bytes_max, sink);
    if (!inflated) return false;
    const auto counted = sink.finish();
    if (!counted) return false;
    items = *counted;
    size = inflated->size;
  }
  of(s).telemetry += size;
  of(s).items += items;
  add(now_.items, items);
  return true;
}

// The telemetry in one run of memory: where it lies, or in flat_.
std::optional<std::span<const std::byte>> sink_service::flat(const zc::net::request_head& head,
                                                             const zc::bytes_chain& body) {
  if (head.body_coding != zc::coding::identity) {
    joining_sink joined(flat_, how_.inflated_bytes_max);
    const auto done = coder_.inflate(body, head.body_coding, how_.inflated_bytes_max, joined);
    if (!done) return std::nullopt;
    return joined.all();
  }
  if (body.size() > how_.inflated_bytes_max) return std::nullopt;
  if (body.pieces() == 1) return body.begin()->view();
  if (flat_.size() < body.size()) flat_.resize(body.size());
  const auto room = std::span(flat_).first(body.size());
  body.copy_to(0, room);
  return room;
}

bool sink_service::read(otlp::signal s, std::span<const std::byte> telemetry) {
  runs_.clear();
  gathering_visitor gathered(runs_);
  const auto found = take_census(s, telemetry, gathered);
  if (!found) return false;
  for (const item_run& r : runs_) received_.insert(s, r.first, r.count);
  of(s).telemetry += telemetry.size();
  of(s).items += found->items;
  of(s).traced += found->traced;
  add(now_.items, found->items);
  return true;
}

// Each body behind its length, 4 bytes with the big end first: as the Collector's file exporter
// writes `proto`.
void sink_service::write(otlp::signal s, std::span<const std::byte> telemetry) {
  if (how_.write_directory.empty()) return;
  const auto prefix = zc::record_prefix::of(telemetry.size(), zc::length_prefix::u32be);
  if (!prefix || telemetry.size() > how_.write_bytes_max - written_) {
    unwritten_ += 1;
    return;
  }
  std::ofstream& file = files_[static_cast<std::size_t>(s)];
  if (!file.is_open()) {
    const auto name = fmt::format("{}-{}.otlp", otlp::name_of(s), on_.id());
    file.open(std::filesystem::path(how_.write_directory) / name, std::ios::binary);
  }
  file.write(reinterpret_cast<const char*>(prefix->view().data()),
             static_cast<std::streamsize>(prefix->view().size()));
  file.write(reinterpret_cast<const char*>(telemetry.data()),
             static_cast<std::streamsize>(telemetry.size()));
  written_ += telemetry.size();
  if (!file) unwritten_ += 1;
}

void sink_service::hold(std::unique_ptr<zc::net::exchange> request, otlp::signal s, bool silent) {
  held& h = held_.emplace_back(*this);
  h.self = std::prev(held_.end());
  h.request = std::move(request);
  h.signal = s;
  h.silent = silent;
  now_.waiting.store(held_.size(), std::memory_order_relaxed);
  if (silent) {
    if (!sweeper_.armed()) on_.arm(sweeper_, sweep_every);
    return;
  }
  const auto low = static_cast<std::uint64_t>(how_.delay_min.count());
  const auto high = std::max(low, static_cast<std::uint64_t>(how_.delay_max.count()));
  on_.arm(h, std::chrono::microseconds(dice_.between(low, high)));
}

void sink_service::release(std::list<held>::iterator which) {
  std::list<held> mine;
  mine.splice(mine.begin(), held_, which);  // answering may bring the next request
  now_.waiting.store(held_.size(), std::memory_order_relaxed);
  answer(*which->request, which->signal);
}

void sink_service::answer(zc::net::exchange& request, otlp::signal s) {
  otlp::partial_success said;
  if (how_.partial > 0 && dice_.chance(how_.partial)) {
    said.rejected = static_cast<std::int64_t>(how_.partial_rejected);
    said.message = "rejected on purpose";
    of(s).partial += 1;
  }
  zc::net::reply r;
  if (is_json(request.head())) {
    r.content_type = json_type;
    r.body = zc::bytes_chain(zc::bytes::from_static("{}"));
  } else {
    r.content_type = protobuf_type;
    r.body = zc::bytes_chain(otlp::encode_response(said));
  }
  request.answer(std::move(r));
}

// Exchanges that will never be answered go when their clients have gone.
void sink_service::sweep() {
  for (auto h = held_.begin(); h != held_.end();) {
    const auto next = std::next(h);
    if (h->silent && h->request->client_gone()) held_.erase(h);
    h = next;
  }
  now_.waiting.store(held_.size(), std::memory_order_relaxed);
  if (!held_.empty()) on_.arm(sweeper_, sweep_every);
}

}  // namespace sluice::rig
