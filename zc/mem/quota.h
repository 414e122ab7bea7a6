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
// Threads  Any. Cost  One relaxed read-modify-write per charge; callers charge blocks, not
//          messages.
#pragma once

#include <atomic>
#include <cstddef>

#include "zc/base/units.h"

namespace zc {

enum class urgency : unsigned char {
  ordinary,  // refused at the limit
  draining,  // needed to send what will free memory: granted always, counted all the same
};

class quota {
 public:
  // `limit` in bytes. New work should not be admitted above soft_limit(), 7/8 of it, which leaves
  // the last eighth for messages already under way.
  explicit quota(std::size_t limit) noexcept : limit_(limit), soft_(limit - limit / 8) {}
  quota(const quota&) = delete;
  quota& operator=(const quota&) = delete;

  bool try_charge(std::size_t n, urgency need = urgency::ordinary) noexcept;
  void release(std::size_t n) noexcept { used_.fetch_sub(n, std::memory_order_relaxed); }

  std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::size_t limit() const noexcept { return limit_; }
  std::size_t soft_limit() const noexcept { return soft_; }
  std::size_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }
  // True while new work should wait.
  bool tight() const noexcept { return used() >= soft_; }

 private:
  const std::size_t limit_;
  const std::size_t soft_;
  alignas(destructive_size) std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> peak_{0};
};

}  // namespace zc
