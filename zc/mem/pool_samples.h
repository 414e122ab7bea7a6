// zc/mem/pool_samples.h - of every n-th block that a pool hands out: where it was taken, for as long
// as it is out. To find who holds blocks for long.
//
// Ownership  Part of a pool. A record knows the block and the word in which the block keeps its place
//            here; both outlive the record.
// Threads    The pool's.
// Cost       due(): one decrement. A record: a walk up the stack.
// Bounds     pool::samples_max records; while there are so many, no more are made.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "zc/mem/owner.h"
#include "zc/mem/pool.h"

namespace zc {

class pool_samples {
 public:
  void every(std::uint64_t takes);  // 0: none
  // Counts a take: whether it is to be recorded.
  bool due() noexcept { return --until_ == 0; }
  // `place` becomes 1 + the place of the record, or stays 0 when there is no room for one.
  void record(const owner& block, std::uint16_t& place, std::chrono::nanoseconds now);
  void forget(std::uint16_t& place) noexcept;  // and makes it 0. Requires: place != 0
  void clear() noexcept { records_.clear(); }

  const char* exchange_label(const char* what) noexcept { return std::exchange(label_, what); }
  std::vector<pool::sample> held_longer_than(std::chrono::nanoseconds age,
                                             std::chrono::nanoseconds now) const;
  pool::oldest_sample oldest(std::chrono::nanoseconds now) const noexcept;

 private:
  struct entry {
    const owner* of = nullptr;
    std::uint16_t* place = nullptr;
    std::chrono::nanoseconds at{0};
    const char* label = nullptr;
    std::array<void*, pool::frames_max> frames{};
  };

  std::uint64_t until_ = UINT64_MAX;
  std::uint64_t period_ = UINT64_MAX;
  const char* label_ = nullptr;
  std::vector<entry> records_;
};

}  // namespace zc
