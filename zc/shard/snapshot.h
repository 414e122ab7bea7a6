// zc/shard/snapshot.h - one value that many threads read and few replace: a configuration, a table.
//
//     snapshot<config> live(config{...});
//
//     snapshot<config>::reader mine(live);    one per thread, shard, or object of a shard
//     mine.read().timeout                     a load and a comparison; never waits for anybody
//
//     live.publish(config{...});              replaces the whole
//     live.update([](config& c) { c.timeout = 5s; });                     read, copy, update
//
//        slot_ [ version* | claims ]                     reader --counted--> version 7
//                   |                                    reader --counted--> version 9
//                   '--> version 9 [ count | number | value ]
//
// Ownership  A version belongs to the slot and to the readers and pins that hold it; whoever lets go
//            last destroys it, on its own thread. A reader holds the version that it has read last
//            until it reads again, lets go, or ends: so an old version lives as long as the laziest
//            reader, and there are at most as many as readers and pins, plus one. A reader whose
//            thread goes to sleep for long calls let_go() first, or is refresh()ed by a timer; one
//            that is destroyed when its thread ends lets go with it. versions_alive() tells.
// Threads    snapshot: any. A reader: one thread at a time. A pin: as a std::shared_ptr.
// Cost       read(): one load, one comparison, one branch (0.3 ns); after a publish three atomic
//            operations, once per reader. load(): three atomic operations on a shared cache line.
//            publish(): an allocation, a lock among writers, and the callbacks.
// Progress   read(), load(), refresh() take no lock and wait for no other thread, whatever that
//            thread was doing when it was stopped. Writers wait for each other.
// Order      Who has seen that publish() returned reads that version or a later one. One reader
//            never goes back. Two snapshots are not in step with each other: what belongs together
//            goes into one value.
// Errors     None, but for std::bad_alloc in publish() and what T throws while it is copied; then
//            the current version stays.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/shard/atomics.h"

namespace zc {

template <class T, class Atomics = std_atomics>
class snapshot {
  template <class U>
  using atomic = typename Atomics::template atomic<U>;
  using word = std::uint64_t;

  // The slot is one word, so that one fetch_add both finds the current version and claims it. No
  // reader ever holds a pointer to a version that nobody counts for it: that is the whole trick,
  // and why this needs neither hazard slots nor epochs.
  static constexpr unsigned pointer_bits = 48;
  static constexpr word one_claim = word{1} << pointer_bits;
  static constexpr word pointer_mask = one_claim - 1;
  // A claim lives for three instructions of one thread: this many threads inside of them is a bug.
  static constexpr word claims_max = 0xf000;
  // What the slot's own hold weighs in a version's count; the difference to any number of readers is
  // what keeps the count from reaching zero before the slot has let go.
  static constexpr std::int64_t slot_hold = std::int64_t{1} << 40;

  struct version {
    template <class... Arguments>
    explicit version(std::shared_ptr<atomic<std::size_t>> tally, Arguments&&... arguments)
        : alive(std::move(tally)), value(std::forward<Arguments>(arguments)...) {
      alive->fetch_add(1, std::memory_order_relaxed);
    }
    version(const version&) = delete;
    version& operator=(const version&) = delete;
    ~version() { alive->fetch_sub(1, std::memory_order_relaxed); }

    // May pass below slot_hold while claims are on their way; is zero once, at the very end.
    atomic<std::int64_t> holds{slot_hold};
    std::uint64_t number = 0;
    const std::shared_ptr<atomic<std::size_t>> alive;
    const T value;
  };

 public:
  // One version, held. Copies hold it too; it outlives the snapshot.
  class [[nodiscard]] pin {
   public:
    pin() noexcept = default;
    pin(const pin& other) noexcept : held_(hold(other.held_)) {}
    pin(pin&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
    pin& operator=(pin other) noexcept {
      std::swap(held_, other.held_);
      return *this;
    }
    ~pin() { release(held_); }

    explicit operator bool() const noexcept { return held_ != nullptr; }
    const T& operator*() const& noexcept { return held_->value; }
    const T& operator*() const&& = delete;
    const T* operator->() const noexcept { return &held_->value; }
    std::uint64_t version() const noexcept { return held_ == nullptr ? 0 : held_->number; }

   private:
    friend class snapshot;
    explicit pin(typename snapshot::version* held) noexcept : held_(held) {}
    typename snapshot::version* held_ = nullptr;
  };

  // Reads for one thread. Must end before the snapshot does.
  class reader {
   public:
    explicit reader(const snapshot& of) noexcept : of_(of) {
      of_.readers_.fetch_add(1, std::memory_order_relaxed);
      refresh();
    }
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;
    ~reader() {
      let_go();
      of_.readers_.fetch_sub(1, std::memory_order_release);
    }

    // The newest version. The reference is good until the next read(), refresh() or let_go() of
    // this reader: do not keep it over a suspension point, take a pin().
    const T& read() & noexcept {
      // Acquire: who sees the number also sees the slot that was exchanged before it.
      if (of_.newest_.load(std::memory_order_acquire) > number_) [[unlikely]]
        refresh();
      return held_->value;
    }
    const T& read() && = delete;

    // The version that read() returned last, without a look for a newer one; the newest if none is
    // held.
    const T& again() & noexcept {
      if (held_ == nullptr) refresh();
      return held_->value;
    }
    // Moves on to the newest version. True if that is another than the one that was held.
    bool refresh() noexcept {
      typename snapshot::version* const newest = of_.acquire();
      const bool moved = newest != held_;
      release(std::exchange(held_, newest));
      number_ = newest->number;
      return moved;
    }
    // Holds nothing until the next read().
    void let_go() noexcept {
      release(std::exchange(held_, nullptr));
      number_ = 0;
    }
    bool stale() const noexcept { return of_.newest_.load(std::memory_order_acquire) > number_; }
    pin held() & noexcept {
      if (held_ == nullptr) refresh();
      return pin(hold(held_));
    }
    // Of the version that is held; 0 if none is.
    std::uint64_t version() const noexcept { return number_; }

   private:
    const snapshot& of_;
    typename snapshot::version* held_ = nullptr;
    std::uint64_t number_ = 0;
  };

  // As long as it lives, its function is called after every publish().
  class [[nodiscard]] subscription {
   public:
    subscription(subscription&& other) noexcept
        : of_(std::exchange(other.of_, nullptr)), id_(other.id_) {}
    subscription& operator=(subscription&& other) noexcept {
      std::swap(of_, other.of_);
      std::swap(id_, other.id_);
      return *this;
    }
    // Waits for a call that is running: not from inside of the call.
    ~subscription() {
      if (of_ != nullptr) of_->unsubscribe(id_);
    }

   private:
    friend class snapshot;
    subscription(const snapshot* of, std::uint64_t id) noexcept : of_(of), id_(id) {}
    const snapshot* of_;
    std::uint64_t id_;
  };

  explicit snapshot(T first) : snapshot(std::in_place, std::move(first)) {}
  template <class... Arguments>
  explicit snapshot(std::in_place_t, Arguments&&... arguments)
      : alive_(std::make_shared<atomic<std::size_t>>(0)) {
    auto first = std::make_unique<version>(alive_, std::forward<Arguments>(arguments)...);
    first->number = 1;
    slot_.store(pack(first.release()), std::memory_order_release);
  }
  snapshot(const snapshot&) = delete;
  snapshot& operator=(const snapshot&) = delete;
  ~snapshot() {
    ZC_REQUIRES(readers_.load(std::memory_order_acquire) == 0,
                "a snapshot must outlive its readers");
    retire(slot_.load(std::memory_order_acquire));
  }

  // Replaces the value and returns the number of the new version. Not from inside of on_change().
  std::uint64_t publish(T next) {
    auto made = std::make_unique<version>(alive_, std::move(next));
    const std::lock_guard lock(writers_);
    return put(std::move(made));
  }
  // Changes a copy of the newest version and publishes that, one writer after the other: no change
  // is lost. `change(T&)` may return a bool: false drops the copy and leaves everything as it is.
  template <class Change>
  std::uint64_t update(Change&& change) {
    const std::lock_guard lock(writers_);
    T copy(pointer(slot_.load(std::memory_order_acquire))->value);
    if constexpr (std::is_void_v<std::invoke_result_t<Change, T&>>) {
      std::invoke(std::forward<Change>(change), copy);
    } else {
      if (!std::invoke(std::forward<Change>(change), copy)) return version_number();
    }
    return put(std::make_unique<version>(alive_, std::move(copy)));
  }

  // The newest version, for as long as one likes. For rare use; on hot paths keep a reader.
  pin load() const noexcept { return pin(acquire()); }
  std::uint64_t version_number() const noexcept { return newest_.load(std::memory_order_acquire); }
  // Versions that have not been destroyed, the newest included.
  std::size_t versions_alive() const noexcept { return alive_->load(std::memory_order_relaxed); }

  // `call(number)` on the thread that published, under the writers' lock: short, and without
  // publish(), update(), on_change() or the end of a subscription of the same snapshot. What
  // belongs to a shard posts to it.
  subscription on_change(std::move_only_function<void(std::uint64_t)> call) const {
    const std::lock_guard lock(writers_);
    const std::uint64_t id = ++subscribed_;
    calls_.push_back({id, std::move(call)});
    return subscription(this, id);
  }
  // Blocks until there is a version after `seen`. False when the deadline comes first.
  bool wait_for_change(std::uint64_t seen, time_point deadline = time_point::max()) const {
    auto& here = Atomics::parker::of_this_thread();
    const subscription waking = on_change([&here](std::uint64_t) { here.unpark(); });
    while (version_number() <= seen) {
      if (!here.park_until(deadline)) return version_number() > seen;
    }
    return true;
  }

 private:
  struct callback {
    std::uint64_t id;
    std::move_only_function<void(std::uint64_t)> call;
  };

  static word pack(version* v) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(v);
    ZC_CHECK(address <= pointer_mask);  // user space of every platform that we know
    return address;
  }
  static version* pointer(word w) noexcept {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): pointer and claims are one word
    return reinterpret_cast<version*>(static_cast<std::uintptr_t>(w & pointer_mask));
  }

  // The newest version, held once for the caller.
  version* acquire() const noexcept {
    // Acquire: the value was written before the slot was exchanged (release). From here until the
    // claim is gone the version cannot: a writer that takes it out of the slot finds the claim in
    // the same word and counts it as a hold.
    word seen = slot_.fetch_add(one_claim, std::memory_order_acquire) + one_claim;
    ZC_CHECK(seen >> pointer_bits <= claims_max);
    version* const v = pointer(seen);
    // Turn the claim, of which there are few, into a hold. Relaxed: a count made from a claim that
    // keeps the version alive.
    v->holds.fetch_add(1, std::memory_order_relaxed);
    // Give the claim back while the version is still in the slot. The address cannot be that of
    // another version, because this one is alive. Release: a writer that finds the claim gone must
    // find the hold in place of it, or it would count zero too early.
    while (pointer(seen) == v) {
      if (slot_.compare_exchange_weak(seen, seen - one_claim, std::memory_order_release,
                                      std::memory_order_relaxed)) {
        return v;
      }
    }
    // A writer has taken the version out, and our claim with it: it counts as a hold already, or
    // will in a moment. One is enough; so this is never the last. Relaxed: for the same reason.
    v->holds.fetch_sub(1, std::memory_order_relaxed);
    return v;
  }

  static version* hold(version* v) noexcept {
    if (v != nullptr) v->holds.fetch_add(1, std::memory_order_relaxed);  // made from a hold
    return v;
  }
  static void release(version* v) noexcept {
    if (v == nullptr) return;
    // Release: what this thread did with the value comes before its end; acquire: what all the
    // others did does.
    if (v->holds.fetch_sub(1, std::memory_order_acq_rel) == 1) Atomics::destroy(v);
  }
  // The slot lets go of a version with so many claims on it.
  static void retire(word taken) noexcept {
    version* const v = pointer(taken);
    const auto change = static_cast<std::int64_t>(taken >> pointer_bits) - slot_hold;
    if (v->holds.fetch_add(change, std::memory_order_acq_rel) + change == 0) Atomics::destroy(v);
  }

  // Under writers_.
  std::uint64_t put(std::unique_ptr<version> made) {
    const std::uint64_t number = newest_.load(std::memory_order_relaxed) + 1;
    made->number = number;
    // Release: the value before the pointer to it. Acquire: claims that were given back, and the
    // holds that came before that.
    const word old = slot_.exchange(pack(made.release()), std::memory_order_acq_rel);
    // Release: whoever sees this number finds the new version in the slot. A reader that comes
    // between the two gets the new version early and sees no change here.
    newest_.store(number, std::memory_order_release);
    retire(old);
    for (callback& c : calls_) c.call(number);
    return number;
  }

  void unsubscribe(std::uint64_t id) const {
    const std::lock_guard lock(writers_);
    std::erase_if(calls_, [id](const callback& c) { return c.id == id; });
  }

  // On a line of its own: all that cached readers touch, and written only by publish().
  alignas(destructive_size) atomic<std::uint64_t> newest_{1};
  alignas(destructive_size) mutable atomic<word> slot_{0};
  alignas(destructive_size) mutable atomic<std::size_t> readers_{0};
  const std::shared_ptr<atomic<std::size_t>> alive_;
  mutable typename Atomics::mutex writers_;
  // Under writers_. Bounded by the subscribers.
  mutable std::uint64_t subscribed_ = 0;
  mutable std::vector<callback> calls_;
};

}  // namespace zc
