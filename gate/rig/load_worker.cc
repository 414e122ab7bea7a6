#include "gate/rig/load_worker.h"

#include <algorithm>
#include <utility>

#include "gate/otlp/response.h"
#include "zc/wire/grpc/status.h"

namespace sluice::rig {
namespace {

using kind = zc::net::outcome::kind;

// One call of pump() begins at most this much, so that a thread with many free slots looks at its
// answers in between.
constexpr std::size_t burst_bytes_max = 4_MiB;
constexpr std::size_t burst_requests_max = 64;
constexpr auto pump_again = std::chrono::milliseconds(1);
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

load_worker::load_worker(load_lane& lane, std::uint32_t number)
    : lane_(lane),
      how_(*lane.plan.how),
      number_(number),
      pace_(how_.rate, lane.plan.items_mean, how_.connections, number),
      requests_max_(share_of(lane.plan.requests, how_.connections, number)),
      credit_(lane.plan.sources.size(), 0),
      drawn_(lane.plan.sources.size(), number),  // workers begin with different templates
      dice_(scramble(lane.plan.run) + number),
      client_(make_client(lane, number)) {
  for (unsigned i = 0; i < how_.in_flight; ++i) {
    slots_.push_back(std::make_unique<slot>(*this));
    free_.push_back(slots_.back().get());
  }
  lane_.now.workers_busy.fetch_add(1, std::memory_order_relaxed);
}

load_worker::~load_worker() {
  sending_ = false;
  dying_ = true;
  client_.reset();  // answers what is under way as cancelled
  for (const auto& s : slots_) {
    if (!s->taken) continue;  // the rest waits to try again
    totals_of(*s).unanswered += 1;
    finish(*s);
  }
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
  timer_.disarm();
  note_busy();
}

void load_worker::note_busy() noexcept {
  const bool more_to_come = sending_ && requests_ < requests_max_;
  const bool busy = more_to_come || free_.size() < slots_.size();
  if (busy == busy_) return;
  busy_ = busy;
  if (busy) {
    lane_.now.workers_busy.fetch_add(1, std::memory_order_relaxed);
  } else {
    lane_.now.workers_busy.fetch_sub(1, std::memory_order_relaxed);
  }
}

bool load_worker::may_begin() const noexcept {
  return sending_ && !free_.empty() && requests_ < requests_max_ &&
         client_->pending() < client_->capacity();
}

void load_worker::pump() {
  if (pumping_) return;  // an answer that comes inside send() finds the loop below running
  pumping_ = true;
  std::size_t bytes = 0;
  std::size_t begun = 0;
  while (may_begin()) {
    if (pace_.limited()) {
      const std::uint64_t due = pace_.due(requests_);
      const std::uint64_t now = elapsed();
      if (due > now) {
        lane_.on.arm(timer_, zc::nanoseconds(due - now));
        break;
      }
    }
    if (bytes >= burst_bytes_max || begun >= burst_requests_max) {
      lane_.on.arm(timer_, pump_again);
      break;
    }
    slot& s = *free_.back();
    if (!fill(s)) {  // no memory just now
      lane_.on.arm(timer_, pump_again);
      break;
    }
    begin(s);
    bytes += s.body.size();
    begun += 1;
  }
  // The peer allows fewer streams than there are slots, or a connection is not up: look again
  // later.
  if (sending_ && !free_.empty() && requests_ < requests_max_ && !timer_.armed()) {
    lane_.on.arm(timer_, pump_again);
  }
  pumping_ = false;
  note_busy();
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

// Gives the slot its body. False when memory has run out; then nothing has happened, but for the
// turn of the source.
bool load_worker::fill(slot& s) {
  return how_.replay ? fill_replayed(s) : fill_generated(s);
}

bool load_worker::fill_replayed(slot& s) {
  const archive& from = *how_.replay;
  const archive::request next = from.at((requests_ * how_.connections + number_) % from.size());
  s.source = static_cast<std::size_t>(next.signal);
  s.items = next.items;
  s.telemetry_bytes = next.telemetry_bytes;
  s.first = {};
  s.body = zc::bytes_chain(next.body);
  if (next.form == how_.body_coding()) return true;
  if (next.form != zc::coding::identity) {
    auto plain =
        lane_.coder.inflate(s.body, next.form, archive::inflated_bytes_max, lane_.on.memory());
    if (!plain) return false;
    s.body = std::move(*plain);
  }
  return encode(s);
}

bool load_worker::encode(slot& s) {
  if (how_.coding == zc::coding::identity) return true;
  auto coded =
      lane_.coder.deflate(s.body, how_.body_coding(), how_.coding_level, lane_.on.memory());
  if (!coded) return false;
  s.body = std::move(*coded);
  return true;
}

bool load_worker::fill_generated(slot& s) {
  s.source = draw_source();
  const load_plan::source& from = lane_.plan.sources[s.source];
  const std::uint64_t turn = drawn_[s.source];
  const request_template& t = from.templates.at(turn);
  s.items = t.items();
  s.telemetry_bytes = t.size();
  if (!how_.trace_items) {
    s.first = {};
    s.body = from.ready[turn % from.ready.size()];
    drawn_[s.source] += 1;
    return true;
  }
  std::uint64_t& sequence = sequence_[static_cast<std::size_t>(from.signal)];
  stamp how;
  how.first = {lane_.plan.run, number_, sequence};
  how.time = lane_.plan.epoch_offset + nanoseconds_of(lane_.plan.time->now().time_since_epoch());
  how.ids = dice_.next();
  s.drawn_from = from.first_template + turn % from.templates.variety();
  auto body = t.stamped(how, lane_.on.memory(), lane_.spares.take(s.drawn_from));
  if (!body) return false;
  s.stamped = std::move(*body);
  s.body = zc::bytes_chain(s.stamped);
  const bool encoded = encode(s);
  if (!encoded) s.body.clear();
  if (!encoded || how_.coding != zc::coding::identity) spare(s);  // not needed any more
  if (!encoded) return false;
  s.first = how.first;
  sequence += s.items;
  drawn_[s.source] += 1;
  return true;
}

void load_worker::begin(slot& s) {
  free_.pop_back();
  s.taken = true;
  s.attempts = 0;
  s.begun = lane_.plan.time->now();
  s.due = pace_.limited() ? lane_.plan.start + zc::nanoseconds(pace_.due(requests_)) : s.begun;
  requests_ += 1;
  load_totals& totals = totals_of(s);
  totals.requests += 1;
  totals.items += s.items;
  load_lane::add(lane_.now.in_flight, 1);
  attempt(s);
}

void load_worker::attempt(slot& s) {
  if (client_->pending() >= client_->capacity()) {  // a retry that finds all streams taken
    lane_.on.arm(s, pump_again);
    return;
  }
  s.attempts += 1;
  s.under_way = true;
  load_totals& totals = totals_of(s);
  totals.attempts += 1;
  totals.bytes += s.body.size();
  if (s.attempts > 1) load_lane::add(lane_.now.retried, 1);
  zc::net::client_request r;
  r.path = lane_.plan.sources[s.source].path;
  r.content_type = "application/x-protobuf";
  r.body_coding = how_.body_coding();
  r.body = s.body;  // shared: the slot keeps it for the next attempt
  r.timeout = how_.timeout;
  client_->send(std::move(r), [this, &s](zc::net::outcome&& o) { answered(s, std::move(o)); });
}

void load_worker::answered(slot& s, zc::net::outcome&& o) {
  s.under_way = false;
  if (accepted(o, how_.via)) {
    acknowledge(s, o);
    finish(s);
  } else if (dying_) {
    totals_of(s).unanswered += 1;
    finish(s);
  } else {
    try_again(s, o);
  }
  if (!dying_) pump();
}

void load_worker::acknowledge(slot& s, const zc::net::outcome& o) {
  load_totals& totals = totals_of(s);
  std::uint64_t rejected = 0;
  if (!o.body.empty()) {
    const auto said = otlp::decode_response(o.body);
    if (said && said->rejected > 0) {
      rejected = std::min(static_cast<std::uint64_t>(said->rejected), s.items);
    }
  }
  totals.acknowledged += 1;
  totals.items_acknowledged += s.items - rejected;
  totals.items_rejected += rejected;
  totals.bytes_acknowledged += s.body.size();
  totals.telemetry_acknowledged += s.telemetry_bytes;
  if (rejected > 0) totals.partial += 1;
  if (how_.trace_items) {
    tracker& where = rejected > 0 ? lane_.uncertain : lane_.acknowledged;
    where.insert(signal_of(s), s.first, s.items);
  }
  const zc::time_point now = lane_.plan.time->now();
  lane_.latency.record(nanoseconds_of(now - s.begun));
  if (pace_.limited()) lane_.since_due.record(nanoseconds_of(now - s.due));
  load_lane::add(lane_.now.items, s.items - rejected);
  load_lane::add(lane_.now.bytes, s.body.size());
  load_lane::add(lane_.now.requests, 1);
  s.items = 0;  // accounted for: finish() has nothing to add
}

void load_worker::try_again(slot& s, const zc::net::outcome& o) {
  std::string reason = reason_of(o, how_.via);
  auto& reasons = lane_.attempts_failed;
  if (reasons.size() >= reasons_max && !reasons.contains(reason)) reason = "other";
  reasons[reason] += 1;
  if (how_.retry && retryable(o, how_.via)) {
    const unsigned doublings = std::min(s.attempts - 1, 20U);
    auto wait =
        std::min<zc::nanoseconds>(how_.retry_min * (std::int64_t{1} << doublings), how_.retry_max);
    if (o.retry_after) wait = std::min<zc::nanoseconds>(*o.retry_after, std::chrono::minutes(5));
    // Jitter upwards only: a hint is kept.
    wait += zc::nanoseconds(dice_.below(nanoseconds_of(wait) / 4 + 1));
    lane_.on.arm(s, wait);
    return;
  }
  load_totals& totals = totals_of(s);
  (o.what == kind::answered || o.what == kind::refused_stream ? totals.refused : totals.failed) +=
      1;
  load_lane::add(lane_.now.lost, 1);
  finish(s);
}

// The request is over. Items that were not acknowledged are those of which nobody knows.
void load_worker::finish(slot& s) {
  if (how_.trace_items && s.items > 0) {
    lane_.uncertain.insert(signal_of(s), s.first, s.items);
  }
  s.disarm();
  s.taken = false;
  s.body.clear();
  spare(s);
  free_.push_back(&s);
  lane_.now.in_flight.store(lane_.now.in_flight.load(std::memory_order_relaxed) - 1,
                            std::memory_order_relaxed);
}

}  // namespace sluice::rig
