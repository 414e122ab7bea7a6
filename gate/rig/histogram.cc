#include "gate/rig/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::rig {

std::size_t histogram::bucket_of(std::uint64_t value) noexcept {
  const auto width = static_cast<unsigned>(std::bit_width(value));
  if (width <= linear_bits) return static_cast<std::size_t>(value);
  const unsigned shift =
      width - linear_bits;  // 1 .. 57; what is left has linear_bits bits, the top one set
  return static_cast<std::size_t>(value >> shift) + shift * half;
}

std::uint64_t histogram::upper_edge(std::size_t bucket) noexcept {
  if (bucket < 2 * half) return bucket;
  const auto shift = static_cast<unsigned>(bucket / half - 1);
  const std::uint64_t top = bucket % half + half;
  return (top << shift) + ((std::uint64_t{1} << shift) - 1);
}

void histogram::record(std::uint64_t value) noexcept {
  counts_[bucket_of(value)] += 1;
  count_ += 1;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void histogram::merge(const histogram& other) noexcept {
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double histogram::mean() const noexcept {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t histogram::percentile(double percent) const noexcept {
  if (count_ == 0) return 0;
  // Multiplied first: the seventh of a hundred is 7 %, not a little more.
  const double wanted = std::clamp(percent, 0.0, 100.0) * static_cast<double>(count_) / 100;
  const auto rank =
      std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(wanted)), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(upper_edge(i), max_);
  }
  return max_;
}

}  // namespace sluice::rig
