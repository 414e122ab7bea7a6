#include "gate/pipeline/queues/sending_queue.h"

#include <algorithm>
#include <utility>

#include "zc/base/check.h"

namespace sluice {
namespace {

// How soon room that another shard's queue gave back is noticed.
constexpr zc::nanoseconds poll_every = std::chrono::milliseconds(20);

std::string in_milliseconds(zc::nanoseconds delay) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(delay).count()) + " ms";
}

std::string with_held_back(std::string text, const log_gate& gate) {
  if (gate.held_back() > 0) text += " (" + std::to_string(gate.held_back()) + " more like this)";
  return text;
}

verdict too_large_for_the_queue() {
  return verdict::refuse(zc::grpc::code::resource_exhausted, 413,
                         "the request is larger than the whole queue");
}

}  // namespace

// One request in the queue, used again for another when it has left.
struct sending_queue::job final : zc::timer, zc::list_link {
  explicit job(sending_queue& in) : queue(in), wait(in.retry_) {}
  virtual ~job() = default;

  void begin(batch&& b, const queue_account::cost& takes, zc::pooled<job> one) {
    self = std::move(one);
    done = std::move(b.done);
    kind = b.what->kind();
    cost = takes;
    wait = backoff(queue.retry_);
    d.parts.push_back(std::move(b.what));
  }
  // As a new one, but for the memory of its list of parts.
  void clear() {
    disarm();
    d.parts.clear();
    if (d.parts.capacity() > parts_kept) d.parts = {};
    d.lost = verdict::success();
    d.cut = false;
    done = ack();
    attempts = 0;
    acknowledged = sending = last_attempt = given_up = false;
  }
  void on_timer() override { queue.on_backoff_end(*this); }

  static constexpr std::size_t parts_kept = 16;

  sending_queue& queue;
  zc::pooled<job> self;  // given back: over
  delivery d;
  ack done;
  otlp::signal kind = otlp::signal::traces;
  queue_account::cost cost;
  backoff wait;
  zc::time_point first{};  // attempt
  zc::time_point due{};    // of the next attempt, while backing off
  unsigned attempts = 0;
  bool acknowledged = false;
  bool sending = false;
  bool last_attempt = false;
  bool given_up = false;  // the queue is over and only waits for the sender to let go
};

zc::object_pool<sending_queue::job> sending_queue::pool_for(sending_queue& q) {
  // A request costs at least one unit of the queue, or is held, so this is no bound of its own.
  constexpr std::size_t most = 0x8000'0000;
  const zc::object_pool<job>::options how{.objects_max = most + q.bounds_.held_max + 1,
                                          .idle_max = jobs_kept};
  return {how, [&q] { return job(q); }, [](job& j) { j.clear(); }};
}

sending_queue::sending_queue(shard_context& in, std::string id, const queue_settings& queue,
                             const retry_settings& retry, const limits& bounds,
                             queue_account& account, std::unique_ptr<sender> to)
    : in_(in),
      id_(std::move(id)),
      queue_(queue),
      retry_(retry),
      bounds_(bounds),
      waits_(queue.wait_for_result || !queue.enabled),
      account_(account),
      counts_(in.counts.exporter(id_)),
      random_(in.seed ^ std::hash<std::string>{}(id_)),
      shared_(queue.enabled ? bounds.shared : nullptr),
      jobs_(pool_for(*this)),
      poll_(*this),
      end_(*this),
      sender_(std::move(to)) {
  ZC_CHECK(sender_ != nullptr);
  const std::size_t slots = sender_->slots();
  consumers_ = queue.enabled ? std::min(bounds.consumers, slots) : slots;
  consumers_ = std::max<std::size_t>(consumers_, 1);
  if (shared_ != nullptr) shared_->join(in_.on.id(), in_.on, *this);
  given_up_.component = id_;
  counts_.queue_capacity.set(account.capacity());
}

sending_queue::~sending_queue() {
  on_deadline();
  sender_.reset();  // its attempts end now, into on_outcome()
  return_consumers();
  if (shared_ != nullptr) shared_->leave(in_.on.id());
}

void sending_queue::configure(const queue_settings& queue, const retry_settings& retry) {
  queue_.block_on_overflow = queue.block_on_overflow;
  queue_.queue_size = queue.queue_size;
  retry_ = retry;
  counts_.queue_capacity.set(account_.capacity());
  std::vector<ack> refused;
  held_.for_each([&](job& j) {
    if (account_.fits_at_all(j.cost)) return;
    counts_.of[j.kind].enqueue_failed.add(j.d.items());
    counts_.held.subtract();
    refused.push_back(std::move(j.done));
    held_.erase(j);
    forget(j);
  });
  for (ack& a : refused) a.answer(too_large_for_the_queue());
  if (phase_ == phase::open) on_poll();
}

void sending_queue::consume(batch&& b) {
  if (phase_ != phase::open) return refuse(std::move(b), verdict::retry("shutting down"));
  const queue_account::cost cost = account_.of(*b.what);
  if (!account_.fits_at_all(cost)) {
    return refuse(std::move(b), too_large_for_the_queue());
  }
  const bool room = held_.empty() && account_.try_take(cost);
  if (!room && !(queue_.block_on_overflow && held_.size() < bounds_.held_max)) {
    return refuse(std::move(b), verdict::retry("the sending queue is full", bounds_.refused_delay));
  }
  zc::pooled<job> one = jobs_.try_acquire();
  if (!one) {
    if (room) account_.give_back(cost);
    return refuse(std::move(b), verdict::retry("the sending queue is full", bounds_.refused_delay));
  }
  job& j = *one;
  j.begin(std::move(b), cost, std::move(one));
  if (room) {
    take(j);
    return pump();
  }
  held_.push_back(j);
  counts_.held.add();
  watch_held();
}

void sending_queue::refuse(batch&& b, verdict&& v) {
  counts_.of[b.what->kind()].enqueue_failed.add(b.what->items_or_zero());
  if (phase_ == phase::open && refused_gate_.open(in_.on.now())) {
    in_.out.write(log_level::warn, id_,
                  with_held_back("a request was refused: " + v.message, refused_gate_));
  }
  b.done.answer(std::move(v));
}

// Its cost is taken: the job is in the queue from here on.
void sending_queue::take(job& j) {
  waiting_.push_back(j);
  count(j, true);
  if (waits_) return;
  j.acknowledged = true;
  std::exchange(j.done, ack()).succeed();
}

void sending_queue::count(const job& j, bool in) noexcept {
  if (in) {
    counts_.queue_size.add(j.cost.units);
    counts_.queue_bytes.add(j.cost.bytes);
  } else {
    counts_.queue_size.subtract(j.cost.units);
    counts_.queue_bytes.subtract(j.cost.bytes);
  }
}

void sending_queue::admit_held() {
  while (!held_.empty() && account_.try_take(held_.front().cost)) {
    counts_.held.subtract();
    job& j = held_.front();
    held_.erase(j);
    take(j);
  }
}

void sending_queue::watch_held() {
  if (!held_.empty() && !poll_.armed()) in_.on.arm(poll_, poll_every);
}

void sending_queue::on_poll() {
  admit_held();
  pump();
  watch_held();
}

void sending_queue::pump() {
  // A sender may answer inside send(): that returns here instead of starting the next attempt one
  // call deeper.
  if (pumping_) return;
  pumping_ = true;
  while (phase_ != phase::over && active_.size() < consumers_ && !waiting_.empty() &&
         take_consumer()) {
    job& j = waiting_.front();
    active_.take_from(waiting_, j);
    counts_.in_flight.set(active_.size());
    attempt(j);
  }
  pumping_ = false;
  return_consumers();
}

bool sending_queue::take_consumer() {
  if (shared_ == nullptr || taken_ > active_.size()) return true;
  if (!shared_->try_take(in_.on.id())) return false;
  taken_ += 1;
  return true;
}

// What no request is under way with, unless the next one starts with it.
void sending_queue::return_consumers() {
  if (shared_ == nullptr) return;
  const bool more = phase_ != phase::over && !waiting_.empty() && active_.size() < consumers_;
  if (!more) shared_->withdraw(in_.on.id());
  while (taken_ > active_.size() && !(more && shared_->may_keep(in_.on.id(), taken_))) {
    taken_ -= 1;
    shared_->give_back(in_.on.id());
  }
}

void sending_queue::on_consumer() {
  taken_ += 1;
  pump();
}

void sending_queue::attempt(job& j) {
  if (j.attempts == 0) j.first = in_.on.now();
  if (j.attempts > 0) counts_.retries.add();
  j.attempts += 1;
  j.sending = true;
  sender_->send(j.d, [this, &j](verdict&& v) { on_outcome(j, std::move(v)); });
}

void sending_queue::on_outcome(job& j, verdict&& v) {
  j.sending = false;
  if (j.given_up) return leave(j);
  if (v.retryable()) return retry_or_give_up(j, std::move(v));
  finish(j, std::move(v));
}

void sending_queue::retry_or_give_up(job& j, verdict&& v) {
  if (!retry_.enabled || j.last_attempt) return lose(j, std::move(v));
  const zc::time_point now = in_.on.now();
  auto delay = j.wait.next(now - j.first, v.delay, random_);
  if (!delay) {
    v.message = "no more retries left: " + v.message;
    return lose(j, std::move(v));
  }
  if (retry_gate_.open(now)) {
    in_.out.write(log_level::warn, id_,
                  with_held_back("sending failed and is tried again in " + in_milliseconds(*delay) +
                                     ": " + v.message,
                                 retry_gate_));
  }
  if (phase_ == phase::draining && *delay >= deadline_ - now) {
    j.last_attempt = true;
    delay = zc::nanoseconds(0);
  }
  j.due = now + *delay;
  in_.on.arm(j, *delay);
}

void sending_queue::on_backoff_end(job& j) {
  attempt(j);
}

void sending_queue::lose(job& j, verdict&& v) {
  counts_.of[j.kind].send_failed.add(j.d.items());
  if (phase_ != phase::open && j.acknowledged) {
    given_up_.requests += 1;
    given_up_.items += j.d.items();
  }
  if (lost_gate_.open(in_.on.now())) {
    in_.out.write(log_level::error, id_,
                  with_held_back("a request was given up: " + v.message, lost_gate_));
  }
  v.delay.reset();
  finish(j, std::move(v));
}

void sending_queue::finish(job& j, verdict&& v) {
  account_.give_back(j.cost);
  count(j, false);
  ack done = std::move(j.done);
  leave(j);
  admit_held();
  done.answer(std::move(v));
  pump();
}

void sending_queue::leave(job& j) {
  active_.erase(j);
  counts_.in_flight.set(active_.size());
  forget(j);
  return_consumers();
}

void sending_queue::forget(job& j) noexcept {
  const zc::pooled<job> gone = std::move(j.self);
}

void sending_queue::drain(zc::time_point deadline) {
  if (phase_ == phase::over || (phase_ == phase::draining && deadline >= deadline_)) return;
  phase_ = phase::draining;
  deadline_ = deadline;
  poll_.disarm();
  while (!held_.empty()) {
    job& j = held_.front();
    ack done = std::move(j.done);
    held_.erase(j);
    forget(j);
    counts_.held.subtract();
    done.answer(verdict::retry("shutting down"));
  }
  const zc::time_point now = in_.on.now();
  active_.for_each([&](job& j) {
    if (j.sending || j.due < deadline) return;
    j.last_attempt = true;
    in_.on.arm(j, zc::nanoseconds(0));
  });
  if (deadline <= now) return on_deadline();
  in_.on.arm(end_, deadline - now);
}

bool sending_queue::drained() const noexcept {
  if (phase_ == phase::over) return true;
  return phase_ == phase::draining && waiting_.empty() && active_.empty();
}

void sending_queue::on_deadline() {
  if (phase_ == phase::over) return;
  phase_ = phase::over;
  poll_.disarm();
  end_.disarm();
  std::vector<ack> unanswered;
  const auto give_up = [&](job& j) {
    account_.give_back(j.cost);
    count(j, false);
    counts_.of[j.kind].send_failed.add(j.d.items());
    if (j.acknowledged) {
      given_up_.requests += 1;
      given_up_.items += j.d.items();
    }
    unanswered.push_back(std::move(j.done));
    j.given_up = true;
  };
  waiting_.for_each([&](job& j) {
    give_up(j);
    waiting_.erase(j);
    forget(j);
  });
  active_.for_each([&](job& j) {
    give_up(j);
    if (!j.sending) leave(j);
  });
  counts_.in_flight.set(active_.size());
  return_consumers();
  held_.for_each([&](job& j) {
    unanswered.push_back(std::move(j.done));
    held_.erase(j);
    forget(j);
  });
  counts_.held.set(0);
  for (ack& a : unanswered) a.answer(verdict::retry("shutting down"));
}

void sending_queue::report(std::vector<undelivered>& to) const {
  if (given_up_.requests > 0) to.push_back(given_up_);
}

}  // namespace sluice
