#include "zc/shard/timer.h"

#include <algorithm>

#include "zc/base/check.h"

namespace zc {
namespace {

// Far enough for everybody, and no sum of it and a clock's reading wraps.
constexpr nanoseconds longest_timer = std::chrono::hours(24 * 365 * 100);

}  // namespace

void timer::disarm() noexcept {
  if (wheel_ == nullptr) return;
  timer_wheel::unlink(*this);
  wheel_->armed_ -= 1;
  wheel_ = nullptr;
}

timer_wheel::~timer_wheel() {
  for (timer* head : slot_) {
    for (timer* t = head; t != nullptr;) {
      timer* next = t->next_;
      t->wheel_ = nullptr;
      t->next_ = nullptr;
      t->link_ = nullptr;
      t = next;
    }
  }
}

void timer_wheel::link(timer*& head, timer& t) noexcept {
  t.next_ = head;
  if (head != nullptr) head->link_ = &t.next_;
  t.link_ = &head;
  head = &t;
}

void timer_wheel::unlink(timer& t) noexcept {
  *t.link_ = t.next_;
  if (t.next_ != nullptr) t.next_->link_ = t.link_;
  t.next_ = nullptr;
  t.link_ = nullptr;
}

void timer_wheel::arm(timer& t, time_point now, nanoseconds after) noexcept {
  t.disarm();
  after = std::clamp(after, tick, longest_timer);
  const nanoseconds since_start = std::max(now - start_, nanoseconds(0)) + after;
  // Rounded up, so that it never fires early; ticks that have fired already do not come again.
  const auto due = static_cast<std::uint64_t>((since_start + tick - nanoseconds(1)) / tick);
  t.tick_ = std::max(due, done_ + 1);
  t.wheel_ = this;
  link(slot_[t.tick_ % slots], t);
  // A stale next_ stays stale: this timer need not be the earliest.
  if (armed_ == 0 || (next_ > done_ && t.tick_ < next_)) next_ = t.tick_;
  armed_ += 1;
}

std::size_t timer_wheel::fire(std::uint64_t due) {
  done_ = due;
  // Taken out first: callbacks may arm timers into this very slot. The links keep disarming them
  // possible.
  timer* ready = nullptr;
  for (timer* t = slot_[due % slots]; t != nullptr;) {
    timer* next = t->next_;
    if (t->tick_ == due) {
      unlink(*t);
      link(ready, *t);  // the slot has the newest in front, so this is the order of arming
    }
    t = next;
  }
  std::size_t fired = 0;
  while (ready != nullptr) {
    timer* t = ready;
    t->disarm();
    t->on_timer();  // may destroy itself or any other
    fired += 1;
  }
  return fired;
}

std::uint64_t timer_wheel::earliest() const noexcept {
  std::uint64_t first = UINT64_MAX;
  for (const timer* head : slot_) {
    for (const timer* t = head; t != nullptr; t = t->next_) first = std::min(first, t->tick_);
  }
  return first;
}

std::size_t timer_wheel::advance(time_point now) {
  const std::uint64_t target = tick_of(now);
  std::size_t fired = 0;
  while (done_ < target) {
    if (armed_ == 0) {
      done_ = target;
      break;
    }
    if (target - done_ > slots) {
      done_ = std::max(done_, std::min(target, earliest() - 1));
    }
    const std::uint64_t round_end = std::min(target, done_ + slots);
    while (done_ < round_end && armed_ > 0) fired += fire(done_ + 1);
  }
  return fired;
}

nanoseconds timer_wheel::until_next(time_point now, nanoseconds longest) const noexcept {
  if (armed_ == 0) return longest;
  if (next_ <= done_) {
    std::uint64_t look = done_ + 1;
    // Not found in this round: nothing is due before the next one begins.
    for (bool found = false; look <= done_ + slots; ++look) {
      for (const timer* t = slot_[look % slots]; t != nullptr && !found; t = t->next_) {
        found = t->tick_ == look;
      }
      if (found) break;
    }
    next_ = look;
  }
  const nanoseconds due = static_cast<std::int64_t>(next_) * tick;  // since the start
  return std::clamp(due - (now - start_), nanoseconds(0), std::max(longest, nanoseconds(0)));
}

}  // namespace zc
