#include "zc/shard/shard.h"

#include <algorithm>
#include <utility>

#include "zc/base/check.h"

namespace zc {
namespace {

// What poll() may sleep when no timer says otherwise; a wake-up ends it earlier.
constexpr nanoseconds longest_sleep = std::chrono::minutes(1);
// Reads start on a cache line: the kernel's copy is faster.
constexpr std::size_t room_alignment = 64;
// The room of a pool block that takes exactly receive_slab_bytes: less its header and slack.
constexpr std::size_t slab_room_bytes = shard::receive_slab_bytes - 2 * pool::slack;

constexpr nanoseconds longest_grace = std::chrono::hours(24 * 365);

thread_local shard* shard_of_this_thread = nullptr;

}  // namespace

// Not inlined: a compiler that keeps the address of a thread's variable over a suspension point
// would read another thread's.
[[gnu::noinline]] shard* shard::current() noexcept {
  return shard_of_this_thread;
}

shard::as_current::as_current(shard& s) noexcept
    : before_(std::exchange(shard_of_this_thread, &s)) {}

shard::as_current::~as_current() {
  shard_of_this_thread = before_;
}

turn_end_work::~turn_end_work() {
  unlink();
}

void turn_end_work::unlink() noexcept {
  if (next_ == nullptr) return;
  next_->previous_ = previous_;
  previous_->next_ = next_;
  next_ = nullptr;
  previous_ = nullptr;
}

shard::turn_anchor::turn_anchor() noexcept {
  next_ = this;
  previous_ = this;
}

shard::shard(const options& how, std::unique_ptr<poller> from, quota& limits, clock& time)
    : id_(how.id),
      spin_(how.spin),
      clock_(time),
      pool_(limits, how.pool_cached_bytes_max),
      poller_(std::move(from)),
      now_(time.now()),
      timers_(now_),
      mail_(*this, how.letters_max) {
  ZC_CHECK(poller_ != nullptr);
  pool_.on_called([this] { rouse(); });
  if (shard_of_this_thread == nullptr) shard_of_this_thread = this;
}

shard::~shard() {
  // Tasks first: what they hold may want the poller or the pool on its way out.
  running_.clear();
  posted_.clear();
  mail_.close();
  ZC_REQUIRES(scopes_ == nullptr, "a task_scope must not outlive its shard");
  ZC_REQUIRES(waiting_ == 0, "a coroutine must not outlive the shard that it waits on");
  if (shard_of_this_thread == this) shard_of_this_thread = nullptr;
  while (turn_end_.next_ != &turn_end_) turn_end_.next_->unlink();
}

time_point shard::now() const noexcept {
  if (!now_known_) {
    now_ = clock_.now();
    now_known_ = true;
  }
  return now_;
}

std::span<std::byte> shard::scratch() noexcept {
  // Draining: the loop cannot do without it, and it is one block per shard.
  if (!scratch_) {
    const pool::label mine(pool_, pool_label);
    scratch_ = pool_.take(scratch_bytes, urgency::draining);
  }
  ZC_CHECK(scratch_);
  return scratch_.spare().first(scratch_bytes);
}

std::span<std::byte> shard::receive_room(urgency need) {
  room_bytes_ = 0;
  room_gap_ = 0;
  if (!slab_.try_rewind()) {
    const std::size_t used = slab_.capacity() - slab_.spare().size();
    room_gap_ = (room_alignment - used % room_alignment) % room_alignment;
    if (slab_.spare().size() < receive_room_bytes_min + room_gap_) {
      const pool::label mine(pool_, pool_label);
      bytes_builder fresh = pool_.take(slab_room_bytes, need);
      room_gap_ = 0;
      if (!fresh) return {};
      slab_ = std::move(fresh);
    }
  }
  const std::span<std::byte> room = slab_.spare().subspan(room_gap_);
  room_bytes_ = room.size();
  return room;
}

bytes shard::received(std::size_t n) {
  ZC_CHECK(n <= room_bytes_);
  if (n == 0) return {};
  slab_.commit(room_gap_ + n);
  bytes payload = slab_.take();
  payload.advance(std::exchange(room_gap_, 0));
  room_bytes_ = 0;
  return payload;
}

void shard::at_turn_end(turn_end_work& work) noexcept {
  if (work.next_ != nullptr) return;
  work.next_ = &turn_end_;
  work.previous_ = turn_end_.previous_;
  turn_end_.previous_->next_ = &work;
  turn_end_.previous_ = &work;
}

void shard::post(std::move_only_function<void()> task) {
  {
    const std::lock_guard lock(posted_guard_);
    if (ended_) return;
    posted_.push_back(std::move(task));
  }
  // Sequentially consistent, as in wait_for_events(): one of the two sees what the other has
  // stored, so either the shard does not sleep or it is woken.
  posted_any_.store(true);
  rouse();
}

void shard::rouse() noexcept {
  if (sleeping_.load() && sleeping_.exchange(false)) poller_->wake();
}

void shard::make_ready(wakeup& w) noexcept {
  if (shard_of_this_thread == this) {
    w.state_ = wakeup::state::ready;
    ready_.push_back(w);
    return;
  }
  {
    const std::lock_guard lock(fired_guard_);
    w.state_ = wakeup::state::inbox;
    fired_.push_back(w);
  }
  fired_any_.store(true);  // as in post()
  rouse();
}

void shard::forget(wakeup& w) noexcept {
  if (w.state_ == wakeup::state::ready) {
    ready_.remove(w);
  } else if (w.state_ == wakeup::state::inbox) {
    const std::lock_guard lock(fired_guard_);
    fired_.remove(w);
  }
  w.state_ = wakeup::state::idle;
  waiting_ -= 1;
}

void shard::take_fired() noexcept {
  if (!fired_any_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(fired_guard_);
  fired_any_.store(false);
  while (wakeup* w = fired_.first()) {
    fired_.remove(*w);
    w->state_ = wakeup::state::ready;
    ready_.push_back(*w);
  }
}

std::size_t shard::run_ready() {
  std::size_t ran = 0;
  take_fired();
  while (ran < resumes_max) {
    wakeup* w = ready_.first();
    if (w == nullptr) break;
    ready_.remove(*w);
    w->state_ = wakeup::state::idle;
    waiting_ -= 1;
    std::exchange(w->waiter_, nullptr).resume();  // may end the coroutine, and `w` with it
    ran += 1;
    if (ready_.empty()) take_fired();
  }
  return ran;
}

void shard::request_stop() noexcept {
  grace_.store(0);
  stopping_.store(true);
  poller_->wake();
}

void shard::request_stop(nanoseconds grace) noexcept {
  if (stopping_.load()) return;
  grace_.store(std::clamp<nanoseconds>(grace, nanoseconds(0), longest_grace).count());
  stopping_.store(true);
  poller_->wake();
}

shard::stoppable::stoppable(shard& on) noexcept : on_(on), next_(on.scopes_) {
  if (next_ != nullptr) next_->previous_ = this;
  on.scopes_ = this;
}

shard::stoppable::~stoppable() {
  (previous_ != nullptr ? previous_->next_ : on_.scopes_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

bool shard::may_end() noexcept {
  if (!stopping_.load()) return false;
  if (!std::exchange(ending_, true)) {
    ending_since_ = now();
    for (stoppable* s = scopes_; s != nullptr; s = s->next_) s->request_stop();
  }
  bool idle = true;
  for (stoppable* s = scopes_; s != nullptr && idle; s = s->next_) idle = s->idle();
  return idle || until_end() <= nanoseconds(0);
}

nanoseconds shard::until_end() const noexcept {
  return ending_since_ + nanoseconds(grace_.load()) - now();
}

std::size_t shard::run_posted() {
  if (!posted_any_.load(std::memory_order_relaxed)) return 0;
  {
    const std::lock_guard lock(posted_guard_);
    posted_any_.store(false);
    running_.swap(posted_);
  }
  for (auto& task : running_) {
    // Destroyed as soon as it has run: what it holds need not wait for the others.
    std::exchange(task, nullptr)();
  }
  const std::size_t ran = running_.size();
  running_.clear();
  return ran;
}

std::size_t shard::wait_for_events(nanoseconds longest) {
  const bool work_waits = turn_end_.next_ != &turn_end_ || !ready_.empty();
  nanoseconds most = std::max(longest, nanoseconds(0));
  if (tend_at_ != nanoseconds::max())
    most = std::clamp(tend_at_ - now().time_since_epoch(), nanoseconds(0), most);
  const nanoseconds wait = work_waits ? nanoseconds(0) : timers_.until_next(now(), most);
  now_known_ = false;
  if (wait == nanoseconds(0)) return poller_->poll(wait);
  sleeping_.store(true);
  const bool stay_awake = posted_any_.load() || fired_any_.load() || pool_.called() ||
                          !mail_.empty() || (stopping_.load() && !ending_);
  if (stay_awake) sleeping_.store(false);
  const std::size_t handled = poller_->poll(stay_awake ? nanoseconds(0) : wait);
  sleeping_.store(false, std::memory_order_relaxed);
  now_known_ = false;  // callbacks may have asked for it before the poller slept
  return handled;
}

std::size_t shard::run_turn_end() {
  std::size_t ran = 0;
  while (turn_end_.next_ != &turn_end_) {
    turn_end_work* work = turn_end_.next_;
    work->unlink();
    work->at_turn_end();
    ran += 1;
  }
  return ran;
}

void shard::tend_memory() noexcept {
  tend_at_ = pool_.tend(now().time_since_epoch());
}

std::size_t shard::turn(nanoseconds longest) {
  ZC_CHECK(!std::exchange(in_turn_, true));
  const as_current mine(*this);
  now_known_ = false;
  pool::give_back_batch together;  // blocks of other shards
  std::size_t happened = run_posted();
  happened += mail_.run_batch();
  happened += run_ready();
  together.flush();
  happened += wait_for_events(longest);
  happened += timers_.advance(now());
  happened += run_ready();
  happened += run_turn_end();
  tend_memory();
  in_turn_ = false;
  return happened;
}

std::size_t shard::run_turn(nanoseconds longest) {
  return turn(longest);
}

void shard::run() {
  const as_current mine(*this);
  time_point idle_since = now();
  for (bool last = false; !last;) {
    last = may_end();  // before the turn: what was posted before the request is still run
    const bool spinning = spin_ > nanoseconds(0) && now() - idle_since < spin_;
    const nanoseconds longest = ending_ ? std::min(until_end(), longest_sleep) : longest_sleep;
    const std::size_t happened = turn(last || spinning ? nanoseconds(0) : longest);
    if (happened > 0) idle_since = now();
  }
  for (stoppable* s = scopes_; s != nullptr; s = scopes_) {
    // Cancelling one may destroy others, which it holds in its tasks' frames.
    while (s != nullptr && s->idle()) s = s->next_;
    if (s == nullptr) break;
    s->cancel();
  }
  mail_.close();
  std::vector<std::move_only_function<void()>> dropped;
  const std::lock_guard lock(posted_guard_);
  ended_ = true;
  dropped.swap(posted_);
}

}  // namespace zc
