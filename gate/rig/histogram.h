// gate/rig/histogram.h - durations by log-linear buckets: a bounded relative error over any range,
// in 30 KB.
//
//     values      0 .. 127   one bucket each
//                 then every power of two is cut into 64 buckets: at most 1/64 = 1.6 % wide
//
// Threads  One. Those of several threads are merged when they are done.
// Cost     record O(1), a few nanoseconds; percentile O(buckets).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::rig {

class histogram {
 public:
  void record(std::uint64_t value) noexcept;
  void merge(const histogram& other) noexcept;

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }  // exact
  std::uint64_t max() const noexcept { return max_; }                    // exact
  double mean() const noexcept;                                          // exact
  // The smallest value, as the upper edge of its bucket, that at least `percent` of all values do
  // not exceed; never above max(). 0 when nothing was recorded.
  std::uint64_t percentile(double percent) const noexcept;

 private:
  static constexpr unsigned linear_bits = 7;
  static constexpr std::size_t half = std::size_t{1}
                                      << (linear_bits - 1);  // buckets per power of two
  static constexpr std::size_t buckets = 2 * half + (64 - linear_bits) * half;
  static std::size_t bucket_of(std::uint64_t value) noexcept;
  static std::uint64_t upper_edge(std::size_t bucket) noexcept;

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace sluice::rig
