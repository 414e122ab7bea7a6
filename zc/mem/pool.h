// zc/mem/pool.h - blocks of memory by size class, reused, charged to a quota.
//
//     block  [ header 64 B | room ............................ | slack 64 B ]
//                            ^ aligned to 64                     readable and writable, never
//                            payload:
//                                                                vector loads and stores may
//                                                                overshoot into it
//
// Ownership  A block is owned by the builder and the `bytes` made from it; the last one to go gives
//            it back.
// Threads    take() belongs to the thread that made the pool. Blocks may be given back on any
//            thread: foreign ones go through a lock-free list that take() drains. The pool object
//            may die before its blocks; the quota must outlive both.
// Cost       Hit: a few nanoseconds, no atomics but one read. Miss: one allocation and one quota
//            charge.
// Bounds     Free blocks kept for reuse: `cached_bytes_max`. All blocks: the quota. Largest block:
//            `block_bytes_max`.
// Errors     take() returns an empty builder when the quota is exhausted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/base/units.h"
#include "zc/mem/builder.h"
#include "zc/mem/quota.h"

namespace zc {

class pool {
 public:
  static constexpr std::size_t block_bytes_min = 4_KiB;
  static constexpr std::size_t block_bytes_max = 256_MiB;
  static constexpr std::size_t slack = 64;

  struct statistics {
    std::uint64_t hits = 0;     // served from the free lists
    std::uint64_t misses = 0;   // taken from the system
    std::uint64_t refused = 0;  // the quota said no
    std::uint64_t foreign = 0;  // given back by another thread
    std::size_t cached_bytes = 0;
    std::size_t blocks_out = 0;
  };

  explicit pool(quota& limits, std::size_t cached_bytes_max = 16_MiB);
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;
  ~pool();

  // A builder with at least `room` bytes of spare space; empty when the quota is exhausted.
  // Rounded up to the size class, so capacity() may be up to a quarter larger. Requires: room <=
  // block_bytes_max.
  bytes_builder take(std::size_t room, urgency need = urgency::ordinary);

  // Gives free blocks back to the system until at most `keep` bytes stay.
  void trim(std::size_t keep = 0) noexcept;

  statistics read() const noexcept;  // owning thread only
  quota& limits() noexcept;

 private:
  struct core;
  struct block;
  core* core_;
};

}  // namespace zc
