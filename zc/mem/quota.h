// zc/mem/quota.h - one bound on the memory that a process keeps for payload.
//
// What is charged is memory retained (whole blocks), not payload size: a slice of ten bytes that
// keeps a block of 256 KiB alive costs 256 KiB. Pools charge when they take memory from the system
// and release when they give it back, so used() never exceeds what was granted.
//
//     0 ............ soft ........ limit ........ limit + overdraft
//        ordinary     |   ordinary    |   draining only
//        requests     |   requests    |   (sending what frees memory; bounded by the caller)
//        admitted     |   under way   |
//
//     process  [ limit 2 GiB ]            A child has a limit of its own, and all that it grants
//       |-- tenant a [ limit 512 MiB ]    is charged to its parents too: neither bound is ever
//       '-- tenant b [ limit 512 MiB ]    exceeded, and shares may add up to more than the whole.
//
// Who is refused may wait(): it is told once enough has become free, the first in line first. As
// long as anybody waits, caches() of free blocks are asked to give them back and keep none
// (wanted()).
//
// Ownership  Outlives everything that charges it: its children, caches, waiters and blocks.
// Threads    Any.
// Cost       One read-modify-write per charge or release and level; callers charge blocks, not
//            messages. While nobody waits, a release looks at one more word, which nobody writes.
// Errors     try_charge() says no. Giving back what was not charged stops the program.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>

#include "zc/base/units.h"

namespace zc {

enum class urgency : unsigned char {
  ordinary,  // refused at the limit
  draining,  // needed to send what will free memory: granted always, counted all the same
};

class quota {
 public:
  class waiter;
  class cache;

  // `limit` in bytes. New work should not be admitted above soft_limit(), 7/8 of it, which leaves
  // the last eighth for messages already under way.
  explicit quota(std::size_t limit) noexcept : quota(limit, nullptr) {}
  quota(std::size_t limit, quota& parent) noexcept : quota(limit, &parent) {}
  quota(const quota&) = delete;
  quota& operator=(const quota&) = delete;
  ~quota();  // Requires: nobody waits, no cache and no child is left.

  // Draining is refused only where counting it would wrap.
  bool try_charge(std::size_t n, urgency need = urgency::ordinary) noexcept;
  void release(std::size_t n) noexcept;  // Requires: n was charged here.

  std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::size_t limit() const noexcept { return limit_; }
  std::size_t soft_limit() const noexcept { return soft_; }
  std::size_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }
  // True while new work should wait, here or in a parent.
  bool tight() const noexcept {
    return used() >= soft_ || (parent_ != nullptr && parent_->tight());
  }

  enum class below : unsigned char { limit, soft_limit };
  // Puts `who` in line until `n` more bytes fit below that mark. False, and not in line, when they
  // do already. It is a hint: who is told tries again, and may have to wait again. Asks caches to
  // give back what they keep. Requires: `who` is not in line.
  bool wait(waiter& who, std::size_t n, below mark = below::limit) noexcept;
  bool wanted() const noexcept { return root_->waiting_.load(std::memory_order_relaxed) != 0; }

  // Asks all caches to give back what they keep, wherever they are.
  void call_in() noexcept;
  // What each cache may keep, at most: all of them together a sixteenth of the limit.
  std::size_t cache_share() const noexcept {
    const std::size_t mine = share_.load(std::memory_order_relaxed);
    return parent_ == nullptr ? mine : std::min(mine, parent_->cache_share());
  }

 private:
  quota(std::size_t limit, quota* parent) noexcept;
  bool charge_here(std::size_t n, urgency need) noexcept;
  void release_here(std::size_t n) noexcept;
  bool fits(std::size_t n, below mark) const noexcept;
  void count_caches(int change) noexcept;
  void call_in_locked() noexcept;
  void remove(waiter& who) noexcept;
  void tell() noexcept;

  const std::size_t limit_;
  const std::size_t soft_;
  quota* const parent_;
  quota* const root_;  // holds the lines of waiters and caches of the whole tree
  // Read at every release and give-back, written when somebody begins or ends to wait.
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::size_t> share_;
  std::atomic<unsigned> caches_{0};
  std::atomic<unsigned> children_{0};
  alignas(destructive_size) std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> peak_{0};
  alignas(destructive_size) std::mutex guard_;
  // Under the root's guard_.
  waiter* first_waiter_ = nullptr;
  waiter* last_waiter_ = nullptr;
  cache* first_cache_ = nullptr;
};

// Somebody who waits for memory. Destroying it leaves the line.
class quota::waiter {
 public:
  waiter() noexcept = default;
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;
  // Leaves the line; when it returns, on_room() has run or never will. Harmless when not in line.
  // A derived class calls it first thing in its destructor.
  void leave() noexcept;

 protected:
  ~waiter() { leave(); }

 private:
  friend class quota;
  // Memory is free: once per wait(), on the thread that freed it, under a lock. Pass it on to where
  // it is wanted, and return: it must neither charge, release, wait nor leave here.
  virtual void on_room() noexcept = 0;

  quota* of_ = nullptr;  // set by wait(), on the waiter's thread
  // Under the root's guard_.
  waiter* next_ = nullptr;
  waiter* previous_ = nullptr;
  std::size_t wanted_ = 0;
  below mark_ = below::limit;
  bool in_line_ = false;
};

// Somebody who keeps charged memory for reuse, and gives it back when asked.
class quota::cache {
 public:
  explicit cache(quota& of) noexcept;
  cache(const cache&) = delete;
  cache& operator=(const cache&) = delete;

  // For the cache's own thread, as often as it likes: one read. Sequentially consistent, so that an
  // owner that says "I sleep" and then looks here, and an on_asked() that looks whether it sleeps,
  // cannot miss each other.
  bool asked() const noexcept { return asked_.load(std::memory_order_seq_cst); }
  void answered() noexcept { asked_.store(false, std::memory_order_relaxed); }

 protected:
  ~cache();

 private:
  friend class quota;
  // asked() has become true. Any thread, under a lock: wake the owner, and return.
  virtual void on_asked() noexcept {}

  quota& of_;
  std::atomic<bool> asked_{false};
  cache* next_ = nullptr;
  cache* previous_ = nullptr;
};

}  // namespace zc
