// zc/shard/timer.h - timers of one shard: intrusive, hashed into a wheel.
//
// Ownership  The user owns the timer object; destroying it disarms it. Nothing is allocated.
// Threads    One shard.
// Cost       arm and disarm O(1); advance O(timers due + ticks passed). Resolution 1 ms: a timer
// never fires
//            early, and at most one tick late plus the length of a turn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "zc/shard/clock.h"

namespace zc {

class timer_wheel;

class timer {
 public:
  timer() noexcept = default;
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;
  bool armed() const noexcept { return wheel_ != nullptr; }
  void disarm() noexcept;

 protected:
  // Derived classes are the users' own; nobody deletes through a timer.
  ~timer() { disarm(); }

 private:
  friend class timer_wheel;
  virtual void on_timer() = 0;  // disarmed before the call, may arm itself again or destroy itself

  timer_wheel* wheel_ = nullptr;
  timer* next_ = nullptr;
  timer** link_ = nullptr;  // the pointer that points here
  std::uint64_t tick_ = 0;
};

// For members: calls a member function of its owner.
template <class Owner, void (Owner::*Call)()>
class member_timer final : public timer {
 public:
  explicit member_timer(Owner& owner) noexcept : owner_(owner) {}

 private:
  void on_timer() override { (owner_.*Call)(); }
  Owner& owner_;
};

class timer_wheel {
 public:
  static constexpr nanoseconds tick = std::chrono::milliseconds(1);
  static constexpr std::size_t slots = 4096;  // 4 s per round; longer timers wait for their round

  explicit timer_wheel(time_point start) noexcept : start_(start) {}
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;
  ~timer_wheel();

  // Arms, or arms anew. `after` is clamped to at least one tick and at most a century.
  void arm(timer& t, time_point now, nanoseconds after) noexcept;
  // Fires everything due at `now`, earliest tick first, and within a tick in the order of arming.
  // A long jump costs a look at the wheel per round that holds something, not a step per tick.
  std::size_t advance(time_point now);
  // How long one may sleep: until the next timer, at most `longest`. Looks at one round at most,
  // and only after a timer has fired; may be too short when the timer that would be next was
  // disarmed.
  nanoseconds until_next(time_point now, nanoseconds longest) const noexcept;
  std::size_t armed() const noexcept { return armed_; }

 private:
  friend class timer;
  std::uint64_t tick_of(time_point t) const noexcept {
    return t <= start_ ? 0 : static_cast<std::uint64_t>((t - start_) / tick);
  }
  static void link(timer*& head, timer& t) noexcept;
  static void unlink(timer& t) noexcept;
  std::uint64_t earliest() const noexcept;
  std::size_t fire(std::uint64_t due);

  time_point start_;
  std::uint64_t done_ = 0;  // ticks up to here have fired
  // No timer is due before this tick; below or at done_ when it has to be looked up again.
  mutable std::uint64_t next_ = 0;
  std::size_t armed_ = 0;
  std::array<timer*, slots> slot_{};
};

}  // namespace zc
