// zc/shard/channel_waiter.h - those who wait for a channel: a thread, or a coroutine on its shard.
//
// Ownership  A waiter lives in the frame or on the stack of who waits. Nothing is allocated.
// Threads    Under the channel's lock, but for any(), size() and spin().
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "zc/shard/atomics.h"
#include "zc/shard/wakeup.h"

namespace zc {

template <class Atomics>
struct channel_waiter {
  channel_waiter* next = nullptr;
  channel_waiter* previous = nullptr;
  // One of the two says who.
  typename Atomics::parker* thread = nullptr;
  wakeup* coroutine = nullptr;
  std::size_t weight = 0;  // of what a sender wants to send
  bool listed = false;
  bool granted = false;        // the weight has been reserved for it
  bool notified = false;       // taken out of the list and woken, and has not tried again since
  bool served_before = false;  // has been woken once: it comes before those who have not

  // Returns whom to unpark after the lock. A coroutine may run, and end with this, at once.
  typename Atomics::parker* fire() noexcept {
    if (coroutine == nullptr) return thread;
    coroutine->fire();
    return nullptr;
  }
};

// One side's. First come, first served.
template <class Atomics>
class channel_waiters {
 public:
  using waiter = channel_waiter<Atomics>;

  // Sequentially consistent: see channel_ring.h.
  bool any() const noexcept { return count_.load(std::memory_order_seq_cst) != 0; }
  std::size_t size() const noexcept { return count_.load(std::memory_order_relaxed); }
  waiter* first() const noexcept { return first_; }

  void add(waiter& w) noexcept {
    // One who was woken and found that somebody was faster does not go to the end again.
    waiter* const before = w.served_before ? nullptr : last_;
    waiter* const behind = w.served_before ? first_ : nullptr;
    w.previous = before;
    w.next = behind;
    (before != nullptr ? before->next : first_) = &w;
    (behind != nullptr ? behind->previous : last_) = &w;
    w.listed = true;
    count_.fetch_add(1, std::memory_order_seq_cst);
  }
  void remove(waiter& w) noexcept {
    (w.previous != nullptr ? w.previous->next : first_) = w.next;
    (w.next != nullptr ? w.next->previous : last_) = w.previous;
    w.next = w.previous = nullptr;
    w.listed = false;
    count_.fetch_sub(1, std::memory_order_seq_cst);
  }

  // Looks for a while whether it is worth to sleep at all. Where spinning has helped, the next one
  // spins longer; where it has not (the other side has no core to run on, or nothing to say), it is
  // over after a few pauses. No yields: on busy cores one who yields goes to the end of the line,
  // and one who sleeps is let in as soon as it is woken. With three yields before the sleep
  // streaming took a hundred times as long on two cores with thirty other threads.
  template <class Look>
  bool spin(Look&& look) noexcept {
    if constexpr (Atomics::spins_max == 0) return false;
    const std::uint32_t budget = budget_.load(std::memory_order_relaxed);
    std::uint32_t pauses = 1;
    for (std::uint32_t spent = 0; spent < budget; spent += pauses) {
      pauses = std::min<std::uint32_t>(pauses * 2, 16);
      for (std::uint32_t i = 0; i < pauses; ++i) Atomics::pause();
      if (!look()) continue;
      budget_.store(std::min(budget * 2, Atomics::spins_max), std::memory_order_relaxed);
      return true;
    }
    budget_.store(std::max(budget / 2, Atomics::spins_min), std::memory_order_relaxed);
    return false;
  }

 private:
  typename Atomics::template atomic<std::size_t> count_{0};
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
  std::atomic<std::uint32_t> budget_{Atomics::spins_max / 4};
};

}  // namespace zc
