// zc/mem/owner.h - one counted claim on some memory: a heap block, a pool block, a mapping.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "zc/base/check.h"

namespace zc {

// Derive from it, keep the payload beside or inside the derived object, and pass a function that
// gives everything back. Born with one reference, which belongs to whoever created it.
// `retained` is the memory that the claim keeps from other use, in bytes: what a quota counts.
class owner {
 public:
  using free_fn = void (*)(owner*) noexcept;

  owner(free_fn free, std::size_t retained) noexcept : free_(free), retained_(retained) {}
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;

  // Both accept null, which stands for memory that nobody has to give back.
  static owner* acquire(owner* shared) noexcept;
  static void release(owner* shared) noexcept;

  // True when the caller's reference is the only one. Meaningful only to a holder of a reference.
  // Acquire: what other holders did to the payload happens before the answer.
  bool unique() const noexcept { return refs_.load(std::memory_order_acquire) == 1; }

  std::size_t retained() const noexcept { return retained_; }

 protected:
  ~owner() = default;
  // a pool hands it out again
  void revive() noexcept { refs_.store(1, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t refs_max = UINT32_MAX / 2;

  std::atomic<std::uint32_t> refs_{1};
  free_fn free_;
  std::size_t retained_;
};

inline owner* owner::acquire(owner* shared) noexcept {
  if (shared == nullptr) return nullptr;
  // Relaxed: a new reference is always made from one that already keeps the owner alive.
  const std::uint32_t before = shared->refs_.fetch_add(1, std::memory_order_relaxed);
  ZC_CHECK(before < refs_max);  // a leak stops the program long before the count can wrap
  return shared;
}

inline void owner::release(owner* shared) noexcept {
  if (shared == nullptr) return;
  // The last holder needs no read-modify-write: nobody is left to race with. Acquire, as below.
  if (shared->refs_.load(std::memory_order_acquire) == 1) {
    shared->free_(shared);
    return;
  }
  // Acquire-release: every use of the payload happens before `free_` runs.
  const std::uint32_t before = shared->refs_.fetch_sub(1, std::memory_order_acq_rel);
  ZC_DCHECK(before > 0);
  if (before == 1) shared->free_(shared);
}

}  // namespace zc
