// zc/shard/channel_ring.h - the lock-free core of a channel: a ring of slots that never waits.
//
//      head_                    tail_ [closed bit]
//        v                        v
//     [ 8 | 9 | 10 | . | . | . | 7 ]        a slot's stamp says whose turn it is:
//                                             position              free, for the sender of it
//                                             position + one step   filled, for its receiver
//                                             position + one lap    free again
//
// With one sender or one receiver the parts that only contention needs are left out: no stamps in
// SPSC, no loops where nobody competes.
//
// Order      The moves of tail_ and head_ are sequentially consistent, and so are the loads that
//            decide "empty" and "full": whoever is about to sleep writes that it will (channel.h),
//            then asks empty() or full(); whoever moves an index then looks for sleepers. One of the
//            two sees the other. On x86-64 that is one locked instruction per operation, which a
//            competition for the index needs anyway.
// Closing    is a bit in tail_: a send that has moved tail_ came before the close, any other will be
//            refused. So nothing can be sent after a receiver has seen "closed and empty".
// Bounds     `capacity` items.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/mem/aligned.h"
#include "zc/shard/atomics.h"

namespace zc {

enum class ring_outcome : std::uint8_t {
  done,
  wait,      // full, or empty
  pending,   // the other side is in the middle of it: it has claimed the slot and is at it
  closed,    // push: closed; pop: closed and empty
  too_heavy  // pop: the first item is heavier than was asked for
};

template <class T, bool ManySenders, bool ManyReceivers, bool Weighted, class Atomics>
class channel_ring {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "an item half moved would be lost, or there twice");
  static_assert(ManySenders || !ManyReceivers, "one sender and many receivers: use many senders");
  template <class U>
  using atomic = typename Atomics::template atomic<U>;
  using word = std::uint64_t;
  struct nothing {};

  static constexpr word closed_bit = 1;
  static constexpr word step = 2;
  static constexpr bool stamped = ManySenders;

 public:
  static constexpr std::size_t capacity_max = std::size_t{1} << 30;

  // Requires: 1 <= capacity <= capacity_max.
  explicit channel_ring(std::size_t capacity)
      : capacity_(capacity), one_lap_(std::bit_ceil(word{capacity} + 1) * step) {
    slots_ = std::make_unique<slot[]>(capacity);
    if constexpr (stamped) {
      for (std::size_t i = 0; i < capacity; ++i) {
        slots_[i].stamp.store(i * step, std::memory_order_relaxed);
      }
    }
  }
  channel_ring(const channel_ring&) = delete;
  channel_ring& operator=(const channel_ring&) = delete;
  // Nobody sends or receives any more.
  ~channel_ring() {
    word head = head_.load(std::memory_order_relaxed);
    const word tail = tail_.load(std::memory_order_relaxed) & ~closed_bit;
    for (; head != tail; head = after(head)) std::destroy_at(&at(head).item);
  }

  // Moves `item` in when done; otherwise it is as it was.
  ring_outcome try_push(T& item, std::size_t weight) noexcept {
    if constexpr (ManySenders) {
      return push_among_many(item, weight);
    } else {
      return push_alone(item, weight);
    }
  }

  // `take(T&&, weight)` once when done.
  template <class Take>
  ring_outcome try_pop(std::size_t weight_max, Take&& take) noexcept {
    if constexpr (ManyReceivers) {
      return pop_among_many(weight_max, take);
    } else {
      std::size_t taken = 0;
      return pop_alone(1, weight_max, take, taken);
    }
  }
  // Up to n at once, with one look at the index for all of them. `taken` counts.
  template <class Take>
  ring_outcome try_pop_many(std::size_t n, std::size_t weight_max, Take&& take,
                            std::size_t& taken) noexcept {
    if constexpr (ManyReceivers) {
      ring_outcome last = ring_outcome::done;
      while (taken < n && last == ring_outcome::done) {
        last = pop_among_many(weight_max, [&](T&& item, std::size_t weight) {
          weight_max -= weight;
          take(std::move(item), weight);
        });
        taken += last == ring_outcome::done ? 1 : 0;
      }
      return last;
    } else {
      return pop_alone(n, weight_max, take, taken);
    }
  }

  // True for the one who did it.
  bool close() noexcept {
    return (tail_.fetch_or(closed_bit, std::memory_order_seq_cst) & closed_bit) == 0;
  }
  bool closed() const noexcept { return (tail_.load(std::memory_order_seq_cst) & closed_bit) != 0; }
  // By the indices: an item on its way in counts as there, one on its way out as gone. Each was
  // true at the moment of its second load.
  bool empty() const noexcept {
    const word head = head_.load(std::memory_order_seq_cst);
    return (tail_.load(std::memory_order_seq_cst) & ~closed_bit) == head;
  }
  bool full() const noexcept {
    const word tail = tail_.load(std::memory_order_seq_cst) & ~closed_bit;
    return head_.load(std::memory_order_seq_cst) + one_lap_ == tail;
  }
  std::size_t size() const noexcept {
    const std::uint64_t out = count(head_.load(std::memory_order_seq_cst));
    const std::uint64_t in = count(tail_.load(std::memory_order_seq_cst) & ~closed_bit);
    // head_ is read first: in >= out. It may lag behind the stamps by one.
    return std::min(static_cast<std::size_t>(in - out), capacity_);
  }
  std::size_t capacity() const noexcept { return capacity_; }
  // Looked at every 64th push, when there was no room, and now.
  std::size_t size_high() const noexcept {
    raise(size());
    return size_high_.load(std::memory_order_relaxed);
  }
  // Ever.
  std::uint64_t pushed() const noexcept {
    return count(tail_.load(std::memory_order_relaxed) & ~closed_bit);
  }
  std::uint64_t popped() const noexcept { return count(head_.load(std::memory_order_relaxed)); }

 private:
  struct slot {
    slot() noexcept {}
    slot(const slot&) = delete;
    slot& operator=(const slot&) = delete;
    ~slot() {}  // the ring destroys what is in it
    [[no_unique_address]] std::conditional_t<stamped, atomic<word>, nothing> stamp;
    // Read by receivers that compete for the slot, and may lose.
    [[no_unique_address]] std::conditional_t<Weighted, std::atomic<std::size_t>, nothing> weight;
    union {
      T item;
    };
  };

  slot& at(word position) const noexcept {
    return slots_[static_cast<std::size_t>((position & (one_lap_ - 1)) / step)];
  }
  word after(word position) const noexcept {
    const word index = (position & (one_lap_ - 1)) / step;
    return index + 1 < capacity_ ? position + step : (position & ~(one_lap_ - 1)) + one_lap_;
  }
  std::uint64_t count(word position) const noexcept {
    return (position >> std::countr_zero(one_lap_)) * capacity_ +
           (position & (one_lap_ - 1)) / step;
  }

  // The slots ahead were last written by a receiver, so their lines are with its core. A sender asks
  // for them early: the move of tail_ waits for every store before it, and one into a line that has
  // to come from there takes as long as the rest of the sends into that line.
  void fill(slot& s, T& item, std::size_t weight) noexcept {
    constexpr std::ptrdiff_t ahead = std::max<std::ptrdiff_t>(64 / sizeof(slot), 1);
    slot* const first = slots_.get();
    const auto left = static_cast<std::ptrdiff_t>(capacity_) - (&s - first);
    prefetch_write(ahead < left ? &s + ahead : first);
    std::construct_at(&s.item, std::move(item));
    if constexpr (Weighted) s.weight.store(weight, std::memory_order_relaxed);
  }
  static std::size_t weight_of(const slot& s) noexcept {
    if constexpr (Weighted) return s.weight.load(std::memory_order_relaxed);
    return 0;
  }
  template <class Take>
  static void empty_into(slot& s, Take&& take) noexcept {
    const std::size_t weight = weight_of(s);
    take(std::move(s.item), weight);
    std::destroy_at(&s.item);
  }

  // The highest size seen. Not at every push: the receivers' index is on their cache line.
  void sample(word position) noexcept {
    if ((position & (63 * step)) == 0) raise(size());
  }
  ring_outcome ring_full() noexcept {
    raise(capacity_);
    return ring_outcome::wait;
  }
  void raise(std::size_t to) const noexcept {
    std::size_t before = size_high_.load(std::memory_order_relaxed);
    while (before < to && !size_high_.compare_exchange_weak(before, to, std::memory_order_relaxed,
                                                            std::memory_order_relaxed)) {
    }
  }

  ring_outcome push_among_many(T& item, std::size_t weight) noexcept {
    word tail = tail_.load(std::memory_order_relaxed);
    for (;;) {
      if ((tail & closed_bit) != 0) return ring_outcome::closed;
      slot& s = at(tail);
      // Acquire: its last item was moved out before the stamp said that it is free.
      const word stamp = s.stamp.load(std::memory_order_acquire);
      if (stamp == tail) {
        if (!tail_.compare_exchange_weak(tail, after(tail), std::memory_order_seq_cst,
                                         std::memory_order_relaxed)) {
          continue;
        }
        fill(s, item, weight);
        s.stamp.store(tail + step, std::memory_order_release);  // the item before the stamp
        sample(tail);
        return ring_outcome::done;
      }
      const word now = tail_.load(std::memory_order_seq_cst);
      if (now != tail) {  // somebody was faster
        tail = now;
        continue;
      }
      if (head_.load(std::memory_order_seq_cst) + one_lap_ == tail) return ring_full();
      return ring_outcome::pending;  // a receiver has claimed its item and has not moved it out
    }
  }

  ring_outcome push_alone(T& item, std::size_t weight) noexcept {
    word tail = tail_.load(std::memory_order_relaxed);
    if ((tail & closed_bit) != 0) return ring_outcome::closed;
    if (head_seen_ + one_lap_ == tail) {
      // Also acquires: the slot's last item was moved out before head_ moved.
      head_seen_ = head_.load(std::memory_order_seq_cst);
      if (head_seen_ + one_lap_ == tail) return ring_full();
    }
    slot& s = at(tail);
    fill(s, item, weight);
    if (tail_.compare_exchange_strong(tail, after(tail), std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
      sample(tail);
      return ring_outcome::done;
    }
    // Closed in between: nobody else moves tail_. The caller gets its item back.
    std::destroy_at(&item);
    std::construct_at(&item, std::move(s.item));
    std::destroy_at(&s.item);
    return ring_outcome::closed;
  }

  template <class Take>
  ring_outcome pop_among_many(std::size_t weight_max, Take&& take) noexcept {
    word head = head_.load(std::memory_order_relaxed);
    for (;;) {
      slot& s = at(head);
      const word stamp = s.stamp.load(std::memory_order_acquire);  // the item after the stamp
      if (stamp == head + step) {
        // Of this item if the exchange succeeds: then nobody has been here since the stamp.
        if (weight_of(s) > weight_max) return ring_outcome::too_heavy;
        if (!head_.compare_exchange_weak(head, after(head), std::memory_order_seq_cst,
                                         std::memory_order_relaxed)) {
          continue;
        }
        empty_into(s, take);
        s.stamp.store(head + one_lap_, std::memory_order_release);  // the item out before the stamp
        return ring_outcome::done;
      }
      const word now = head_.load(std::memory_order_seq_cst);
      if (now != head) {
        head = now;
        continue;
      }
      const word tail = tail_.load(std::memory_order_seq_cst);
      if ((tail & ~closed_bit) == head) {
        return (tail & closed_bit) != 0 ? ring_outcome::closed : ring_outcome::wait;
      }
      return ring_outcome::pending;  // a sender has claimed the slot and has not filled it
    }
  }

  // The only receiver. Moves head_ once, after everything.
  template <class Take>
  ring_outcome pop_alone(std::size_t n, std::size_t weight_max, Take&& take,
                         std::size_t& taken) noexcept {
    const word begin = head_.load(std::memory_order_relaxed);
    word head = begin;
    ring_outcome last = ring_outcome::done;
    while (taken < n) {
      slot& s = at(head);
      last = filled(s, head);
      if (last != ring_outcome::done) break;
      const std::size_t weight = weight_of(s);
      if (weight > weight_max) {
        last = ring_outcome::too_heavy;
        break;
      }
      weight_max -= weight;
      empty_into(s, take);
      const word next = after(head);
      if constexpr (stamped) {
        s.stamp.store(head + one_lap_, std::memory_order_release);
        // Not for long behind the stamp, or senders would take this for a receiver that was stopped.
        head_.store(next, std::memory_order_release);
      }
      head = next;
      taken += 1;
    }
    // After the stamps: a sender that sees room by the index finds the slot free. Sequentially
    // consistent once, before the look for senders that sleep.
    if (head != begin) head_.store(head, std::memory_order_seq_cst);
    return last;
  }
  // done: there is an item at `head`.
  ring_outcome filled(slot& s, word head) noexcept {
    if constexpr (stamped) {
      if (s.stamp.load(std::memory_order_acquire) == head + step) return ring_outcome::done;
    } else {
      if (tail_seen_ != head) return ring_outcome::done;
    }
    const word tail = tail_.load(std::memory_order_seq_cst);
    if constexpr (!stamped) tail_seen_ = tail & ~closed_bit;
    if ((tail & ~closed_bit) != head) {
      return stamped ? ring_outcome::pending : ring_outcome::done;
    }
    return (tail & closed_bit) != 0 ? ring_outcome::closed : ring_outcome::wait;
  }

  const std::size_t capacity_;
  const word one_lap_;
  std::unique_ptr<slot[]> slots_;
  // Not the model's: it decides nothing.
  mutable std::atomic<std::size_t> size_high_{0};
  // The senders' side.
  alignas(destructive_size) atomic<word> tail_{0};
  word head_seen_ = 0;  // the only sender's
  // The receivers' side.
  alignas(destructive_size) atomic<word> head_{0};
  word tail_seen_ = 0;  // the only receiver's
};

}  // namespace zc
