// zc/shard/channel.h - values handed from one thread to another, with a bound that pushes back.
//
//     channel<job> jobs({.items_max = 1024});
//     channel<chain, spsc, bytes_of> out({.items_max = 4096, .weight_max = 64_MiB});
//
//                     never waits            the coroutine waits         the thread waits
//     give            try_send(v)            co_await send(v)            send_blocking(v, deadline)
//     take            try_receive()          co_await receive()          receive_blocking(deadline)
//     take many       try_receive_many(..)   co_await receive_many(..)   receive_many_blocking(..)
//
// What it is  spsc, mpsc and mpmc differ in speed and in who may call, in nothing else. All calls of
//             one side of a "single" side come from one thread at a time, and one wait at a time.
// Order       FIFO per sender. Waiting senders are served in the order in which they began to wait,
//             and so are waiting receivers; with many on a side somebody who does not wait may be
//             faster than one who is just waking.
// Bounds      items_max, and weight_max if there is a Weigh: the sum of weights of what is inside
//             never exceeds it. A light item does not overtake a heavy one that waits for room. An
//             item heavier than weight_max is refused at once (too_large). Nothing else allocates:
//             waiters live in the frames and on the stacks of those who wait.
// Failing     A send that fails has not touched its value: it is still yours.
// Closing     After close() sends are refused and waiting senders go home; receivers take what is
//             inside and then see `closed`. What was sent successfully is received, or dropped by
//             drain() or the destructor: nothing is ever lost in between.
// Cancelling  Destroying a task that waits here, or a deadline, loses no item and no wake-up: an item
//             is taken only at the moment in which the receiver goes on, and a wake-up for somebody
//             who has gone is passed on to the next.
// Threads     All calls of a side: see above; close(), stats(), closed(): any. An awaiter belongs to
//             the shard that it was suspended on.
// Cost        try_send and try_receive: one atomic read-modify-write each (two with a weight), and a
//             load to see whether somebody sleeps. A thread that has to wait looks for a while before
//             it sleeps, as long as that has been worth it lately: patience.h. In mpsc and mpmc a
//             try_ form may have to wait, giving its core away, for a thread of the other side that
//             was stopped in the three instructions between claiming a slot and filling it.
// Errors      refusal, as a value. std::bad_alloc: the constructor, and a call of receive_many().
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/base/sendable.h"
#include "zc/base/units.h"
#include "zc/shard/atomics.h"
#include "zc/shard/channel_ring.h"
#include "zc/shard/channel_waiter.h"

namespace zc {

// Why nothing was sent or received.
enum class refusal : std::uint8_t {
  full,
  empty,
  closed,     // for a receiver: and empty
  timed_out,  // the deadline came first
  too_large   // heavier than weight_max: waiting would be for ever
};
constexpr const char* name_of(refusal why) noexcept {
  constexpr std::array names{"full", "empty", "closed", "timed out", "too large"};
  return names[static_cast<std::size_t>(why)];
}

template <class T>
using channel_result = std::expected<T, refusal>;

struct spsc {
  static constexpr bool many_senders = false, many_receivers = false;
};
struct mpsc {
  static constexpr bool many_senders = true, many_receivers = false;
};
struct mpmc {
  static constexpr bool many_senders = true, many_receivers = true;
};

// No bound by weight.
struct unweighed {};

struct channel_limits {
  std::size_t items_max = 1024;       // 1 to 2^30; the slots are made at once
  std::size_t weight_max = SIZE_MAX;  // of what is inside together; for channels with a Weigh
};

struct channel_statistics {
  std::size_t depth = 0;
  // The highest depth seen; looked at every 64th send, when there was no room, and by stats().
  std::size_t depth_high = 0;
  std::size_t weight = 0;  // of sends under way, too
  std::size_t weight_high = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::size_t senders_waiting = 0;
  std::size_t receivers_waiting = 0;
};

template <class T, class Topology = mpmc, class Weigh = unweighed, class Atomics = std_atomics>
class channel {
  static_assert(is_sendable_v<T>, "a value that must stay on its thread cannot be sent to another");
  static constexpr bool weighed = !std::is_same_v<Weigh, unweighed>;
  using ring = channel_ring<T, Topology::many_senders, Topology::many_receivers, weighed, Atomics>;
  using waiter = channel_waiter<Atomics>;
  using waiters = channel_waiters<Atomics>;

 public:
  using value_type = T;
  using topology = Topology;

  explicit channel(const channel_limits& limits, Weigh weigh = {})
      : ring_(checked(limits).items_max), weight_max_(limits.weight_max), weigh_(weigh) {}
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  // Drops what is inside. Requires: nobody waits, and no call is under way.
  ~channel() {
    ZC_REQUIRES(!senders_.any() && !receivers_.any(), "a channel must outlive who waits for it");
  }

  // ---- never waits ----------------------------------------------------------------------------

  channel_result<void> try_send(T&& item) noexcept {
    waiter me;
    me.weight = weight_of(item);
    if (me.weight > weight_max_) return std::unexpected(refusal::too_large);
    const progress how = push(item, me);
    if (how == progress::done) [[likely]]
      return {};
    give_back(me);
    return std::unexpected(how == progress::closed ? refusal::closed : refusal::full);
  }
  channel_result<T> try_receive() noexcept {
    channel_result<T> item(std::unexpect, refusal::empty);
    if (pop([&](T&& got) { item.emplace(std::move(got)); }) == progress::closed) [[unlikely]]
      item.error() = refusal::closed;
    return item;
  }
  // Up to n items, together not heavier than weight_max, but one in any case. Calls `take(T&&)` for
  // each; it must not throw. Returns how many: 0 when there was nothing; see drained().
  template <class Take>
  std::size_t try_receive_many(std::size_t n, std::size_t weight_max, Take&& take) noexcept {
    return pop_many(n, weight_max, take).first;
  }
  template <class Take>
  std::size_t try_receive_many(std::size_t n, Take&& take) noexcept {
    return try_receive_many(n, SIZE_MAX, std::forward<Take>(take));
  }

  // ---- the coroutine waits, on its shard ------------------------------------------------------

  // Awaited, it is a channel_result<void>. The value must live until then, as it does in
  // `co_await c.send(std::move(v))`.
  [[nodiscard]] auto send(T&& item) noexcept { return awaiter<send_step>(send_step{*this, item}); }
  // channel_result<T>.
  [[nodiscard]] auto receive() noexcept { return awaiter<receive_step>(receive_step{*this, {}}); }
  // channel_result<std::size_t>: appends to `into` what is there, at least one item; the same bounds
  // as in try_receive_many(). Makes room for all of them now (std::bad_alloc), none when it takes
  // them: leave it in place meanwhile.
  [[nodiscard]] auto receive_many(std::vector<T>& into, std::size_t n,
                                  std::size_t weight_max = SIZE_MAX) {
    n = std::min(n, items_max());
    if (into.capacity() - into.size() < n) {
      into.reserve(std::max(into.size() + n, 2 * into.capacity()));  // not exactly: may come often
    }
    return awaiter<receive_many_step>(receive_many_step{*this, into, n, weight_max});
  }

  // ---- the thread waits -----------------------------------------------------------------------

  channel_result<void> send_blocking(T&& item, time_point deadline = time_point::max()) {
    // Mostly there is room: what only waiting needs comes after that.
    channel_result<void> how = try_send(std::move(item));
    if (how || how.error() != refusal::full) [[likely]]
      return how;
    return send_slowly(item, deadline);
  }
  channel_result<T> receive_blocking(time_point deadline = time_point::max()) {
    channel_result<T> item = try_receive();
    if (item || item.error() != refusal::empty) [[likely]]
      return item;
    receive_slowly(item, deadline);
    return item;
  }
  // As try_receive_many(), but waits for the first.
  template <class Take>
  channel_result<std::size_t> receive_many_blocking(std::size_t n, std::size_t weight_max,
                                                    Take&& take,
                                                    time_point deadline = time_point::max()) {
    std::size_t taken = 0;
    const progress how = wait_for_item(deadline, [&] {
      const auto [got, outcome] = pop_many(n, weight_max, take);
      taken = got;
      return got > 0 || n == 0 ? progress::done : outcome;
    });
    if (how == progress::done) return taken;
    return std::unexpected(how == progress::closed ? refusal::closed : refusal::timed_out);
  }

  // ---- the end --------------------------------------------------------------------------------

  // Sends for one of the senders: when the last of them goes, the channel is closed. Copies count as
  // further senders, for topologies with many. Must not outlive the channel.
  class sender {
   public:
    explicit sender(channel& of) noexcept : of_(&of) {
      of.sender_handles_.fetch_add(1, std::memory_order_relaxed);
    }
    sender(const sender& other) noexcept
      requires(Topology::many_senders)
        : sender(*other.of_) {}
    sender(sender&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    sender& operator=(sender other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    ~sender() {
      if (of_ == nullptr) return;
      // Acquire-release: what the others have sent comes before the close.
      if (of_->sender_handles_.fetch_sub(1, std::memory_order_acq_rel) == 1) of_->close();
    }
    channel* operator->() const noexcept { return of_; }

   private:
    channel* of_;
  };

  // True for the one who closed it.
  bool close() noexcept {
    const bool first = ring_.close();
    wake(senders_, SIZE_MAX);
    wake(receivers_, SIZE_MAX);
    return first;
  }
  bool closed() const noexcept { return ring_.closed(); }
  // Closed, and nothing is inside or will ever be.
  bool drained() const noexcept { return ring_.closed() && ring_.empty(); }
  // A receiver's: drops what is inside now, and returns how many that were.
  std::size_t drain() noexcept {
    std::size_t dropped = 0;
    while (const std::size_t n =
               try_receive_many(SIZE_MAX, [](T&& item) { T gone(std::move(item)); }))
      dropped += n;
    return dropped;
  }

  channel_statistics stats() const noexcept {
    channel_statistics now;
    now.depth = ring_.size();
    now.depth_high = ring_.size_high();
    now.weight = used_.load(std::memory_order_relaxed);
    now.weight_high = weight_high_.load(std::memory_order_relaxed);
    now.sent = ring_.pushed();
    now.received = ring_.popped();
    now.senders_waiting = senders_.size();
    now.receivers_waiting = receivers_.size();
    return now;
  }
  std::size_t items_max() const noexcept { return ring_.capacity(); }
  std::size_t weight_max() const noexcept { return weight_max_; }

 private:
  enum class progress : std::uint8_t { done, wait, closed };

  static const channel_limits& checked(const channel_limits& limits) noexcept {
    ZC_REQUIRES(limits.items_max >= 1 && limits.items_max <= ring::capacity_max,
                "a channel requires 1 <= items_max <= 2^30");
    return limits;  // NOLINT(bugprone-return-const-ref-from-parameter): used up where it is called
  }
  std::size_t weight_of(const T& item) const noexcept {
    if constexpr (weighed) return weigh_(item);
    return 0;
  }

  // ---- weight: reserved before the item goes in, released after it has come out ------------------

  bool reserve(std::size_t weight) noexcept {
    std::size_t used = used_.load(std::memory_order_seq_cst);
    do {
      if (weight > weight_max_ - used) return false;  // used <= weight_max_: cannot wrap
    } while (!used_.compare_exchange_weak(used, used + weight, std::memory_order_seq_cst,
                                          std::memory_order_seq_cst));
    // Not the model's: it decides nothing.
    std::size_t high = weight_high_.load(std::memory_order_relaxed);
    while (high < used + weight &&
           !weight_high_.compare_exchange_weak(high, used + weight, std::memory_order_relaxed)) {
    }
    return true;
  }
  void release(std::size_t weight) noexcept {
    if constexpr (weighed) used_.fetch_sub(weight, std::memory_order_seq_cst);
  }
  // What a sender had reserved and does not need. Somebody may have found no room because of it.
  void give_back(waiter& me) noexcept {
    if constexpr (weighed) {
      if (!std::exchange(me.granted, false)) return;
      release(me.weight);
      wake(senders_, 1);
    }
  }
  // One who has waited goes without having sent: who stood behind it may fit where it did not.
  void make_way(waiter& me) noexcept {
    give_back(me);
    if constexpr (weighed) wake(senders_, 1);
  }

  // The other side is in the middle of it: three instructions, unless its thread was stopped there.
  static void give_way(unsigned tries) noexcept {
    if (Atomics::spins && tries < 8) {
      // Ever less often: every look takes from it the cache line that it wants to write.
      for (unsigned i = 0; i < 1u << std::min(tries, 6u); ++i) Atomics::pause();
    } else {
      Atomics::yield();
    }
  }

  // ---- one attempt ----------------------------------------------------------------------------

  progress push(T& item, waiter& me) noexcept {
    if constexpr (weighed) {
      if (!me.granted) {
        if (ring_.closed()) return progress::closed;
        // Not past others who wait for room, or the heavy ones would wait for ever.
        if (senders_.any()) return progress::wait;
        if (!reserve(me.weight)) return progress::wait;
        me.granted = true;
      }
    }
    const progress how = put(item, me.weight);
    if (how == progress::done) me.granted = false;  // it belongs to the item now
    return how;
  }
  progress put(T& item, std::size_t weight) noexcept {
    for (unsigned tries = 0;; ++tries) {
      const ring_outcome how = ring_.try_push(item, weight);
      if (how == ring_outcome::done) [[likely]] {
        wake(receivers_, 1);
        return progress::done;
      }
      if (how != ring_outcome::pending) {
        return how == ring_outcome::closed ? progress::closed : progress::wait;
      }
      give_way(tries);
    }
  }

  template <class Take>
  progress pop(Take&& take) noexcept {
    for (unsigned tries = 0;; ++tries) {
      std::size_t freed = 0;
      const ring_outcome how = ring_.try_pop(SIZE_MAX, [&](T&& item, std::size_t weight) {
        take(std::move(item));
        freed = weight;
      });
      if (how == ring_outcome::done) {
        release(freed);
        wake(senders_, 1);
        return progress::done;
      }
      if (how != ring_outcome::pending) {
        return how == ring_outcome::closed ? progress::closed : progress::wait;
      }
      give_way(tries);
    }
  }
  template <class Take>
  std::pair<std::size_t, progress> pop_many(std::size_t n, std::size_t weight_max,
                                            Take&& take) noexcept {
    std::size_t taken = 0;
    std::size_t freed = 0;
    const auto keep = [&](T&& item, std::size_t weight) {
      take(std::move(item));
      freed += weight;
    };
    for (unsigned tries = 0;; ++tries) {
      const std::size_t left = freed < weight_max ? weight_max - freed : 0;
      ring_outcome how = ring_.try_pop_many(n, left, keep, taken);
      if (how == ring_outcome::too_heavy && taken == 0) {
        how = ring_.try_pop(SIZE_MAX, keep);  // alone
        if (how == ring_outcome::done) taken = 1;
      }
      if (how == ring_outcome::pending && taken == 0) {
        give_way(tries);
        continue;
      }
      if (taken > 0) {
        release(freed);
        wake(senders_, taken);
      }
      return {taken, how == ring_outcome::closed ? progress::closed : progress::wait};
    }
  }

  // ---- waiting --------------------------------------------------------------------------------

  // Asked under guard_ after a sender has written that it waits: is there anything to do after all?
  bool room_for([[maybe_unused]] waiter& me) noexcept {
    if (ring_.closed()) return true;
    if constexpr (weighed) {
      if (!me.granted) {
        if (senders_.first() != &me || !reserve(me.weight)) return false;
        me.granted = true;
      }
    }
    return !ring_.full();
  }
  bool anything() noexcept { return !ring_.empty() || ring_.closed(); }

  // Whether `me` waits now. False: try again.
  template <class Ready>
  bool enlist(waiters& side, waiter& me, Ready&& ready) noexcept {
    const std::lock_guard lock(guard_);
    side.add(me);  // from here on the other side will look for us
    if (!ready()) return true;
    side.remove(me);
    return false;
  }
  // For one who does not wait any longer: takes it out. A wake-up that it got and has not used goes
  // to the next.
  void resign(waiters& side, waiter& me) noexcept {
    bool woken = false;
    {
      const std::lock_guard lock(guard_);
      if (me.listed) side.remove(me);
      woken = std::exchange(me.notified, false);
    }
    if (&side == &senders_) make_way(me);
    if (woken) wake(side, 1);
  }

  // Wakes up to n. Sequentially consistent with the move of an index (or of used_) before it, and
  // with waiters::add() before the look at the indices.
  void wake(waiters& side, std::size_t n) noexcept {
    if (side.any()) [[unlikely]]
      wake_slowly(side, n);
  }
  [[gnu::noinline]] void wake_slowly(waiters& side, std::size_t n) noexcept {
    const bool grant = weighed && &side == &senders_ && !ring_.closed();
    bool more = true;
    while (more && n > 0) {
      // Threads are woken after the lock is free; a parker outlives its thread.
      std::array<typename Atomics::parker*, 16> threads;
      std::size_t count = 0;
      {
        const std::lock_guard lock(guard_);
        while (n > 0 && count < threads.size()) {
          waiter* const next = side.first();
          more = next != nullptr && (!grant || granted(*next));
          if (!more) break;
          side.remove(*next);
          next->notified = next->served_before = true;
          if (typename Atomics::parker* thread = next->fire()) threads[count++] = thread;
          if (!grant) n -= 1;  // by weight: as many as there is room for
        }
      }
      for (std::size_t i = 0; i < count; ++i) threads[i]->unpark();
    }
  }
  bool granted(waiter& w) noexcept {
    if (!w.granted) w.granted = reserve(w.weight);
    return w.granted;
  }

  // How much there is, for one who looks: patience.h.
  std::size_t room() noexcept { return ring_.closed() ? 1 : ring_.capacity() - ring_.size(); }
  std::size_t items() noexcept {
    const std::size_t there = ring_.size();
    return there == 0 && ring_.closed() ? 1 : there;
  }

  [[gnu::noinline]] channel_result<void> send_slowly(T& item, time_point deadline) {
    waiter me;
    me.weight = weight_of(item);
    const progress how = wait_blocking(
        senders_, me, deadline, [&] { return push(item, me); },
        [this, &me] { return room_for(me); }, [this] { return room(); });
    if (how == progress::done) return {};
    make_way(me);
    return std::unexpected(how == progress::closed ? refusal::closed : refusal::timed_out);
  }
  [[gnu::noinline]] void receive_slowly(channel_result<T>& item, time_point deadline) {
    const progress how = wait_for_item(
        deadline, [&] { return pop([&](T&& got) { item.emplace(std::move(got)); }); });
    if (how != progress::done) {
      item.error() = how == progress::closed ? refusal::closed : refusal::timed_out;
    }
  }
  template <class Try>
  progress wait_for_item(time_point deadline, Try&& attempt) {
    waiter me;
    return wait_blocking(
        receivers_, me, deadline, attempt, [this] { return anything(); },
        [this] { return items(); });
  }
  template <class Try, class Ready, class Look>
  progress wait_blocking(waiters& side, waiter& me, time_point deadline, Try&& attempt,
                         Ready&& ready, Look&& look) {
    typename Atomics::parker* here = nullptr;
    for (bool late = false;;) {
      const progress how = attempt();
      me.notified = false;  // used
      if (how != progress::wait || late) return how;
      if (here == nullptr) {
        here = &Atomics::parker::of_this_thread();
        me.thread = here;
        if (side.looking().wait(deadline, ring_.capacity(), look)) continue;
      }
      if (!enlist(side, me, ready)) continue;
      late = !sleep(side, me, *here, deadline);
    }
  }
  // False: the deadline has come. Either way it is not listed any more.
  bool sleep(waiters& side, waiter& me, typename Atomics::parker& here, time_point deadline) {
    for (;;) {
      const bool token = here.park_until(deadline);
      const std::lock_guard lock(guard_);
      if (me.notified) return true;
      if (token) continue;  // left over from another wait
      side.remove(me);
      return false;
    }
  }

  // ---- what a coroutine waits for ---------------------------------------------------------------

  struct send_step {
    channel& of;
    T& item;
    bool first = true;
    bool too_large = false;

    waiters& side() noexcept { return of.senders_; }
    progress attempt(waiter& me) noexcept {
      if (std::exchange(first, false)) {
        me.weight = of.weight_of(item);
        too_large = me.weight > of.weight_max_;
        if (too_large) return progress::closed;
      }
      return of.push(item, me);
    }
    bool ready(waiter& me) noexcept { return of.room_for(me); }
    channel_result<void> result(progress how) noexcept {
      if (how == progress::done) return {};
      return std::unexpected(too_large ? refusal::too_large : refusal::closed);
    }
  };
  struct receive_step {
    channel& of;
    std::optional<T> item;

    waiters& side() noexcept { return of.receivers_; }
    progress attempt(waiter&) noexcept {
      return of.pop([&](T&& got) { item.emplace(std::move(got)); });
    }
    bool ready(waiter&) noexcept { return of.anything(); }
    channel_result<T> result(progress how) noexcept {
      if (how == progress::done) return std::move(*item);
      return std::unexpected(refusal::closed);
    }
  };
  struct receive_many_step {
    channel& of;
    std::vector<T>& into;
    std::size_t n;
    std::size_t weight_max;
    std::size_t taken = 0;

    waiters& side() noexcept { return of.receivers_; }
    progress attempt(waiter&) noexcept {
      const auto take = [this](T&& got) { into.push_back(std::move(got)); };
      const auto [got, outcome] = of.pop_many(n, weight_max, take);
      taken = got;
      return got > 0 || n == 0 ? progress::done : outcome;
    }
    bool ready(waiter&) noexcept { return of.anything(); }
    channel_result<std::size_t> result(progress how) noexcept {
      if (how == progress::done) return taken;
      return std::unexpected(refusal::closed);
    }
  };

  // The shard resumes a coroutine; but one who was woken may find that somebody else was faster, and
  // must wait again without anybody noticing. So what the shard resumes is a small coroutine of the
  // awaiter's own, in memory of the awaiter's own, which tries again and resumes the real one when
  // there is an outcome.
  template <class Step>
  class awaiter {
   public:
    explicit awaiter(Step&& step) noexcept : step_(std::move(step)) {}
    awaiter(const awaiter&) = delete;
    awaiter& operator=(const awaiter&) = delete;
    ~awaiter() {
      if (!again_) return;
      if (how_ == progress::wait) step_.of.resign(step_.side(), me_);
      back_.disarm();
      again_.destroy();
    }

    bool await_ready() noexcept {
      how_ = step_.attempt(me_);
      return how_ != progress::wait;
    }
    bool await_suspend(std::coroutine_handle<> who) noexcept {
      who_ = who;
      again_ = try_again(*this).frame;
      return !settled();
    }
    auto await_resume() noexcept {
      if (how_ != progress::done) step_.of.give_back(me_);
      return step_.result(how_);
    }

   private:
    struct loop {
      struct promise_type {
        explicit promise_type(awaiter& of) noexcept : self(of) {}
        static void* operator new(std::size_t size, awaiter& self) {
          ZC_CHECK(size <= sizeof self.memory_);
          return self.memory_;
        }
        // NOLINTNEXTLINE(misc-new-delete-overloads): what belongs to it takes an awaiter
        static void operator delete(void*, std::size_t) noexcept {}  // the awaiter's
        loop get_return_object() noexcept {
          return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        struct resume_who {
          bool await_ready() noexcept { return false; }
          std::coroutine_handle<> await_suspend(
              std::coroutine_handle<promise_type> ended) noexcept {
            return ended.promise().self.who_;
          }
          void await_resume() noexcept {}
        };
        resume_who final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
        awaiter& self;
      };
      std::coroutine_handle<promise_type> frame;
    };

    static loop try_again(awaiter& self) {
      for (;;) {
        self.how_ = self.step_.attempt(self.me_);
        self.me_.notified = false;  // used
        if (self.how_ != progress::wait || self.settled()) co_return;
        co_await std::suspend_always{};
      }
    }
    // False: waits, and will be resumed.
    bool settled() noexcept {
      me_.coroutine = &back_;
      for (;;) {
        back_.arm(again_);
        if (step_.of.enlist(step_.side(), me_, [this] { return step_.ready(me_); })) return false;
        back_.disarm();
        how_ = step_.attempt(me_);
        if (how_ != progress::wait) return true;
      }
    }

    Step step_;
    progress how_ = progress::wait;
    waiter me_;
    std::coroutine_handle<> who_;
    std::coroutine_handle<> again_;
    alignas(std::max_align_t) std::byte memory_[256];
    wakeup back_;
  };

  ring ring_;
  const std::size_t weight_max_;
  [[no_unique_address]] Weigh weigh_;
  // Reserved weight; of use only with a Weigh.
  alignas(destructive_size) typename Atomics::template atomic<std::size_t> used_{0};
  std::atomic<std::size_t> weight_high_{0};
  typename Atomics::template atomic<std::size_t> sender_handles_{0};
  // Looked at by every operation, written only by those who wait.
  alignas(destructive_size) waiters senders_;
  alignas(destructive_size) waiters receivers_;
  typename Atomics::mutex guard_;  // of both lists
};

}  // namespace zc
