// zc/shard/channel_waiter.h - those who wait for a channel: a thread, or a coroutine on its shard.
//
// Ownership  A waiter lives in the frame or on the stack of who waits. Nothing is allocated.
// Threads    Under the channel's lock, but for any(), size() and looking().
#pragma once

#include <atomic>
#include <cstddef>

#include "zc/base/units.h"
#include "zc/shard/atomics.h"
#include "zc/shard/patience.h"
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

  // How long a thread looks before it is added.
  patience<Atomics>& looking() noexcept { return looking_; }

 private:
  typename Atomics::template atomic<std::size_t> count_{0};
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
  // On a cache line of its own: the other side looks at count_ with every operation.
  alignas(destructive_size) patience<Atomics> looking_;
};

}  // namespace zc
