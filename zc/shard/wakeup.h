// zc/shard/wakeup.h - how a suspended coroutine comes back: on its shard, from its loop.
//
//     awaiter            { wakeup back_; }                 lives in the coroutine's frame
//     await_suspend(h)   back_.arm(h); publish the waiter  on the shard's thread
//     whoever is done    take the waiter; back_.fire()     any thread
//     the loop           h.resume()                        on the shard that armed it, never inline
//
// Ownership  Owns nothing. The coroutine may be destroyed at any time on its shard: the destructor
//            takes a fired wakeup back out of the shard's ready list, and nothing is resumed.
// Threads    arm(), disarm() and the destructor: the shard's. fire(): any thread, at most once per
//            arm(), and not while the destructor runs: call it under the lock that guards your
//            list of waiters, which the awaiter's destructor takes too (lock order: yours, then
//            the shard's). The waiter may be gone as soon as that lock is free.
// Cost       arm, disarm and fire O(1), nothing allocated. fire() from the shard itself takes no
//            lock; from elsewhere one lock, and a wake-up if the shard sleeps.
// Errors     None. A coroutine must not outlive the shard that it waits on: the shard checks.
#pragma once

#include <coroutine>
#include <cstdint>

namespace zc {

class shard;

class wakeup {
 public:
  wakeup() noexcept = default;
  wakeup(const wakeup&) = delete;
  wakeup& operator=(const wakeup&) = delete;
  ~wakeup() {
    if (state_ != state::idle) disarm();
  }

  // Requires: on a shard's thread (shard::current()), and not armed.
  void arm(std::coroutine_handle<> waiter) noexcept;
  // Requires: armed, and not fired since. Nothing of this object is touched after the shard can
  // see it, so the coroutine may run and end before fire() returns.
  void fire() noexcept;
  // Back to idle, fired or not; harmless when idle. The shard's thread.
  void disarm() noexcept;

  // For the shard's thread; a fire() that is not ordered before the question may be missed.
  bool armed() const noexcept { return state_ != state::idle; }

  // A list of wakeups in the order of firing, for the shard.
  class list {
   public:
    bool empty() const noexcept { return first_ == nullptr; }
    void push_back(wakeup& w) noexcept;
    void remove(wakeup& w) noexcept;
    wakeup* first() const noexcept { return first_; }

   private:
    wakeup* first_ = nullptr;
    wakeup* last_ = nullptr;
  };

 private:
  friend class shard;
  // ready: in the list that the shard's thread has to itself; inbox: in the one with the lock.
  enum class state : std::uint8_t { idle, armed, ready, inbox };

  shard* home_ = nullptr;
  std::coroutine_handle<> waiter_;
  wakeup* next_ = nullptr;
  wakeup* previous_ = nullptr;
  state state_ = state::idle;
};

}  // namespace zc
