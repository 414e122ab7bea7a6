#include "gate/rig/load_worker.h"

#include <algorithm>
#include <utility>

#include "gate/otlp/response.h"
#include "zc/base/check.h"
#include "zc/shard/object_pool_wait.h"
#include "zc/shard/sleep.h"
#include "zc/shard/timer.h"
#include "zc/wire/grpc/status.h"

namespace sluice::rig {
namespace {

using kind = zc::net::outcome::kind;

// A worker begins at most this much before it looks at its answers.
constexpr std::size_t burst_bytes_max = 4_MiB;
constexpr std::size_t burst_requests_max = 64;
constexpr auto a_moment = std::chrono::milliseconds(1);
constexpr std::size_t reasons_max = 256;  // different causes of failed attempts that are told apart

std::unique_ptr<zc::net::client> make_client(load_lane& lane, std::uint32_t number) {
  const load_options& how = *lane.plan.how;
  zc::net::client_options o;
  o.to = how.targets[number % how.targets.size()];
  o.socket.congestion = how.congestion;
  o.user_agent = "sluice-load";
  o.fields = zc::shared_array<zc::net::client_field>::from_range(how.fields);
  o.requests_max = how.in_flight;
  o.connections_max = how.via == transport::http ? how.in_flight : 1;
  o.backoff_min =
      std::chrono::milliseconds(50);  // a load is meant to find a restarted gateway soon
  o.backoff_max = std::chrono::milliseconds(1'000);
  return how.via == transport::http ? zc::net::client::http1(lane.on, std::move(o))
                                    : zc::net::client::grpc(lane.on, std::move(o));
}

std::string reason_of(const zc::net::outcome& o, transport via) {
  switch (o.what) {
    case kind::answered:
      if (via == transport::http) return "HTTP " + std::to_string(o.http_status);
      return std::string(zc::grpc::name_of(o.grpc));
    case kind::unreachable:
      return "unreachable";
    case kind::disconnected:
      return "disconnected";
    case kind::refused_stream:
      return "refused stream";
    case kind::timed_out:
      return "timed out";
    case kind::cancelled:
      return "cancelled";
    case kind::too_large:
      return "response too large";
    case kind::protocol_error:
      return "protocol error";
  }
  return "unknown";
}

bool accepted(const zc::net::outcome& o, transport via) noexcept {
  if (o.what != kind::answered) return false;
  return via == transport::http ? o.http_status >= 200 && o.http_status < 300
                                : o.grpc == zc::grpc::code::ok;
}

bool retryable(const zc::net::outcome& o, transport via) noexcept {
  switch (o.what) {
    case kind::answered:
      if (via == transport::grpc) return zc::grpc::retryable(o.grpc, o.retry_after.has_value());
      return o.http_status == 429 || o.http_status == 502 || o.http_status == 503 ||
             o.http_status == 504;
    case kind::unreachable:
    case kind::disconnected:
    case kind::refused_stream:
    case kind::timed_out:
      return true;
    default:
      return false;
  }
}

std::uint64_t nanoseconds_of(zc::nanoseconds t) noexcept {
  return static_cast<std::uint64_t>(std::max<zc::nanoseconds::rep>(t.count(), 0));
}

// How many of `all` requests are this worker's, when they take them in turn.
std::uint64_t share_of(std::uint64_t all, std::uint64_t workers, std::uint64_t number) noexcept {
  return all == UINT64_MAX ? all : all / workers + (number < all % workers ? 1 : 0);
}

}  // namespace

class load_worker::change final : zc::timer {
 public:
  explicit change(load_worker& of) noexcept : of_(of) {}
  change(const change&) = delete;
  change& operator=(const change&) = delete;
  ~change() {  // a shard that ends cancels the task before the client has said its last
    if (of_.sender_ == this) of_.sender_ = nullptr;
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> who) noexcept {
    back_.arm(who);
    of_.sender_ = this;
    of_.lane_.on.arm(*this, a_moment);
  }
  void await_resume() noexcept { disarm(); }
  void happened() noexcept {
    of_.sender_ = nullptr;
    back_.fire();
  }

 private:
  void on_timer() override {
    if (of_.sender_ == this) happened();
  }

  load_worker& of_;
  zc::wakeup back_;
};

load_worker::load_worker(load_lane& lane, std::uint32_t number)
    : lane_(lane),
      how_(*lane.plan.how),
      number_(number),
      pace_(how_.rate, lane.plan.items_mean, how_.connections, number),
      requests_max_(share_of(lane.plan.requests, how_.connections, number)),
      credit_(lane.plan.sources.size(), 0),
      drawn_(lane.plan.sources.size(), number),  // workers begin with different templates
      dice_(scramble(lane.plan.run) + number),
      requests_free_(
          {.objects_max = how_.in_flight}, [] { return request(); },
          [this](request& r) { finish(r); }),
      client_(make_client(lane, number)),
      tasks_(lane.on, how_.in_flight + std::size_t{1}) {
  ZC_CHECK(client_->capacity() >= how_.in_flight);
  lane_.now.workers_busy.fetch_add(1, std::memory_order_relaxed);
}

load_worker::~load_worker() {
  sending_ = false;
  dying_ = true;
  client_.reset();  // answers what is under way as cancelled
  tasks_.cancel();  // and so is what waits to be sent again: finish()
}

void load_worker::start() {
  (void)tasks_.spawn(send_all());
}

std::uint64_t load_worker::elapsed() const noexcept {
  return nanoseconds_of(lane_.plan.time->now() - lane_.plan.start);
}

void load_worker::stop_sending() {
  if (!sending_) return;
  sending_ = false;
  if (pace_.limited()) {
    // Being told to stop takes a moment, in which more becomes due than was asked for.
    const std::uint64_t longest = nanoseconds_of(how_.duration);
    const std::uint64_t until = longest > 0 ? std::min(elapsed(), longest) : elapsed();
    const std::uint64_t due = std::min(pace_.count_due(until), requests_max_);
    if (due > requests_) lane_.requests_late += due - requests_;
  }
  tasks_.request_stop();
  note_busy();
}

void load_worker::note_busy() noexcept {
  const bool busy = more_to_come() || under_way_ > 0;
  if (busy == busy_) return;
  busy_ = busy;
  if (busy) {
    lane_.now.workers_busy.fetch_add(1, std::memory_order_relaxed);
  } else {
    lane_.now.workers_busy.fetch_sub(1, std::memory_order_relaxed);
  }
}

zc::nanoseconds load_worker::until_due() const noexcept {
  if (!pace_.limited()) return zc::nanoseconds(0);
  const std::uint64_t due = pace_.due(requests_);
  const std::uint64_t now = elapsed();
  return zc::nanoseconds(due > now ? due - now : 0);
}

// Whatever it waits for, it looks again at what it wanted to begin: meanwhile it may have been told
// to stop.
zc::task<> load_worker::send_all() {
  std::size_t bytes = 0;
  std::size_t begun = 0;
  while (more_to_come()) {
    const zc::nanoseconds early = until_due();
    if (early > zc::nanoseconds(0)) {
      const bool slept = co_await zc::sleep_for(lane_.on, early, tasks_.stopping());
      if (!slept) co_return;
      continue;
    }
    zc::pooled<request> r = co_await zc::acquire(requests_free_);
    if (!more_to_come()) co_return;
    zc::result<void> filled = fill(*r);
    while (!filled && filled.error().code == zc::errc::exhausted) {  // no memory just now
      co_await change(*this);
      if (!more_to_come()) co_return;
      filled = fill(*r);
    }
    begin(*r);
    bytes += r->body.size();
    begun += 1;
    if (filled) {
      attempt(std::move(r));
    } else {
      give_up(*r, filled.error());
    }
    if (bytes < burst_bytes_max && begun < burst_requests_max) continue;
    co_await change(*this);
    bytes = begun = 0;
  }
}

zc::task<> load_worker::send_again(zc::pooled<request> r, zc::nanoseconds wait) {
  co_await zc::sleep_for(lane_.on, wait);
  attempt(std::move(r));
}

std::size_t load_worker::draw_source() noexcept {
  const auto& sources = lane_.plan.sources;
  std::int64_t all = 0;
  std::size_t best = 0;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    credit_[i] += sources[i].weight;
    all += sources[i].weight;
    if (credit_[i] > credit_[best]) best = i;
  }
  credit_[best] -= all;
  return best;
}

// Gives the request its body. `exhausted` when there is no memory just now: then nothing has
// happened, but for the turn of the source. Anything else: it can never be had.
zc::result<void> load_worker::fill(request& r) {
  return how_.replay ? fill_replayed(r) : fill_generated(r);
}

zc::result<void> load_worker::fill_replayed(request& r) {
  const archive& from = *how_.replay;
  const archive::request next = from.at((requests_ * how_.connections + number_) % from.size());
  r.source = static_cast<std::size_t>(next.signal);
  r.items = next.items;
  r.telemetry_bytes = next.telemetry_bytes;
  r.first = {};
  r.body = zc::bytes_chain(next.body);
  if (next.form == how_.body_coding()) return {};
  if (next.form != zc::coding::identity) {
    auto plain =
        lane_.coder.inflate(r.body, next.form, archive::inflated_bytes_max, lane_.on.memory());
    if (!plain) return std::unexpected(plain.error());
    r.body = std::move(*plain);
  }
  return encode(r);
}

zc::result<void> load_worker::encode(request& r) {
  if (how_.coding == zc::coding::identity) return {};
  auto coded =
      lane_.coder.deflate(r.body, how_.body_coding(), how_.coding_level, lane_.on.memory());
  if (!coded) return std::unexpected(coded.error());
  r.body = std::move(*coded);
  return {};
}

zc::result<void> load_worker::fill_generated(request& r) {
  r.source = draw_source();
  const load_plan::source& from = lane_.plan.sources[r.source];
  const std::uint64_t turn = drawn_[r.source];
  const request_template& t = from.templates.at(turn);
  r.items = t.items();
  r.telemetry_bytes = t.size();
  if (!how_.trace_items) {
    r.first = {};
    r.body = from.ready[turn % from.ready.size()];
    drawn_[r.source] += 1;
    return {};
  }
  std::uint64_t& sequence = sequence_[static_cast<std::size_t>(from.signal)];
  stamp how;
  how.first = {lane_.plan.run, number_, sequence};
  how.time = lane_.plan.epoch_offset + nanoseconds_of(lane_.plan.time->now().time_since_epoch());
  how.ids = dice_.next();
  r.drawn_from = from.first_template + turn % from.templates.variety();
  auto body = t.stamped(how, lane_.on.memory(), lane_.spares.take(r.drawn_from));
  if (!body) return std::unexpected(body.error());
  r.stamped = std::move(*body);
  r.body = zc::bytes_chain(r.stamped);
  const zc::result<void> encoded = encode(r);
  if (!encoded) r.body.clear();
  if (!encoded || how_.coding != zc::coding::identity) spare(r);  // not needed any more
  if (!encoded) return encoded;
  r.first = how.first;
  sequence += r.items;
  drawn_[r.source] += 1;
  return {};
}

void load_worker::begin(request& r) {
  r.is_begun = true;
  r.is_settled = false;
  r.attempts = 0;
  r.begun = lane_.plan.time->now();
  r.due = pace_.limited() ? lane_.plan.start + zc::nanoseconds(pace_.due(requests_)) : r.begun;
  requests_ += 1;
  under_way_ += 1;
  load_totals& totals = totals_of(r);
  totals.requests += 1;
  totals.items += r.items;
  load_lane::add(lane_.now.in_flight, 1);
}

void load_worker::attempt(zc::pooled<request> r) {
  r->attempts += 1;
  load_totals& totals = totals_of(*r);
  totals.attempts += 1;
  totals.bytes += r->body.size();
  if (r->attempts > 1) load_lane::add(lane_.now.retried, 1);
  zc::net::client_request m;
  m.path = lane_.plan.sources[r->source].path;
  m.content_type = "application/x-protobuf";
  m.body_coding = how_.body_coding();
  m.body = r->body;  // shared: kept for the next attempt
  m.timeout = how_.timeout;
  // The client answers exactly once, and has the request until then.
  client_->send(std::move(m), [this, name = std::move(r).release()](const zc::net::outcome& o) {
    take_answer(requests_free_.adopt(name), o);
  });
}

void load_worker::take_answer(zc::pooled<request> r, const zc::net::outcome& o) {
  if (accepted(o, how_.via)) {
    acknowledge(*r, o);
  } else if (!dying_) {
    try_again(std::move(r), o);
  }
  if (sender_ != nullptr) sender_->happened();
}

void load_worker::acknowledge(request& r, const zc::net::outcome& o) {
  load_totals& totals = totals_of(r);
  std::uint64_t rejected = 0;
  if (!o.body.empty()) {
    const auto said = otlp::decode_response(o.body);
    if (said && said->rejected > 0) {
      rejected = std::min(static_cast<std::uint64_t>(said->rejected), r.items);
    }
  }
  totals.acknowledged += 1;
  totals.items_acknowledged += r.items - rejected;
  totals.items_rejected += rejected;
  totals.bytes_acknowledged += r.body.size();
  totals.telemetry_acknowledged += r.telemetry_bytes;
  if (rejected > 0) totals.partial += 1;
  if (how_.trace_items) {
    tracker& where = rejected > 0 ? lane_.uncertain : lane_.acknowledged;
    where.insert(signal_of(r), r.first, r.items);
  }
  const zc::time_point now = lane_.plan.time->now();
  lane_.latency.record(nanoseconds_of(now - r.begun));
  if (pace_.limited()) lane_.since_due.record(nanoseconds_of(now - r.due));
  load_lane::add(lane_.now.items, r.items - rejected);
  load_lane::add(lane_.now.bytes, r.body.size());
  load_lane::add(lane_.now.requests, 1);
  r.items = 0;  // accounted for: finish() has nothing to add
  r.is_settled = true;
}

void load_worker::try_again(zc::pooled<request> r, const zc::net::outcome& o) {
  note_failed(reason_of(o, how_.via));
  if (how_.retry && retryable(o, how_.via)) {
    const unsigned doublings = std::min(r->attempts - 1, 20U);
    auto wait =
        std::min<zc::nanoseconds>(how_.retry_min * (std::int64_t{1} << doublings), how_.retry_max);
    if (o.retry_after) wait = std::min<zc::nanoseconds>(*o.retry_after, std::chrono::minutes(5));
    // Jitter upwards only: a hint is kept.
    wait += zc::nanoseconds(dice_.below(nanoseconds_of(wait) / 4 + 1));
    (void)tasks_.spawn(send_again(std::move(r), wait));
    return;
  }
  load_totals& totals = totals_of(*r);
  (o.what == kind::answered || o.what == kind::refused_stream ? totals.refused : totals.failed) +=
      1;
  load_lane::add(lane_.now.lost, 1);
  r->is_settled = true;
}

// It could be read when the archive was opened: the file has been written to since then.
void load_worker::give_up(request& r, const zc::error& why) {
  note_failed(std::string("archive changed: ") + why.reason);
  totals_of(r).failed += 1;
  load_lane::add(lane_.now.lost, 1);
  r.is_settled = true;
}

void load_worker::note_failed(std::string reason) {
  auto& reasons = lane_.attempts_failed;
  if (reasons.size() >= reasons_max && !reasons.contains(reason)) reason = "other";
  reasons[std::move(reason)] += 1;
}

// The request is given back: over, or cancelled, or never begun. Items that were not acknowledged
// are those of which nobody knows.
void load_worker::finish(request& r) {
  r.body.clear();
  spare(r);
  if (!std::exchange(r.is_begun, false)) return;
  if (!r.is_settled) totals_of(r).unanswered += 1;
  if (how_.trace_items && r.items > 0) {
    lane_.uncertain.insert(signal_of(r), r.first, r.items);
  }
  under_way_ -= 1;
  lane_.now.in_flight.store(lane_.now.in_flight.load(std::memory_order_relaxed) - 1,
                            std::memory_order_relaxed);
  note_busy();
}

}  // namespace sluice::rig
