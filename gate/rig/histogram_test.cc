// What must hold of a histogram: percentiles are at most 1/64 above the exact ones and never below,
// and merging equals recording everything in one place.
#include "gate/rig/histogram.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::rig {
namespace {

std::uint64_t exact(const std::vector<std::uint64_t>& sorted, double percent) {
  const double rank = std::ceil(percent * static_cast<double>(sorted.size()) / 100);
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

TEST(HistogramTest, PercentilesAreCloseToTheExactOnesAndNeverBelow) {
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> latency(13, 1.7);
  histogram h;
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 100'000; ++i) {
    all.push_back(static_cast<std::uint64_t>(latency(random)));
    h.record(all.back());
  }
  std::sort(all.begin(), all.end());
  for (const double p : {0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const std::uint64_t want = exact(all, p);
    EXPECT_GE(h.percentile(p), want) << p;
    EXPECT_LE(h.percentile(p), want + want / 64 + 1) << p;
  }
  EXPECT_EQ(h.max(), all.back());
  EXPECT_EQ(h.min(), all.front());
  EXPECT_EQ(h.count(), all.size());
}

TEST(HistogramTest, SmallValuesAreExact) {
  histogram h;
  for (std::uint64_t v = 1; v <= 100; ++v) h.record(v);
  for (std::uint64_t v = 1; v <= 100; ++v) EXPECT_EQ(h.percentile(static_cast<double>(v)), v);
  EXPECT_DOUBLE_EQ(h.mean(), 50.5);
}

TEST(HistogramTest, TakesTheWholeRangeOfValues) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const std::uint64_t v :
         {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit, ~std::uint64_t{0} >> bit}) {
      histogram h;
      h.record(v);
      h.record(UINT64_MAX);
      EXPECT_GE(h.percentile(50), v);
      EXPECT_LE(static_cast<double>(h.percentile(50)), static_cast<double>(v) * (1 + 1.0 / 64) + 1);
    }
  }
}

TEST(HistogramTest, MergingEqualsRecordingInOnePlace) {
  std::mt19937_64 random(4);
  histogram a, b, both;
  for (int i = 0; i < 5'000; ++i) {
    const std::uint64_t v = random() >> (random() % 60);
    (i % 3 == 0 ? a : b).record(v);
    both.record(v);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.min(), both.min());
  EXPECT_EQ(a.max(), both.max());
  for (const double p : {1.0, 50.0, 99.0}) EXPECT_EQ(a.percentile(p), both.percentile(p));
}

TEST(HistogramTest, NothingRecordedIsZero) {
  const histogram h;
  EXPECT_EQ(h.percentile(50), 0u);
  EXPECT_EQ(h.min(), 0u);
  EXPECT_EQ(h.max(), 0u);
  EXPECT_EQ(h.mean(), 0);
}

}  // namespace
}  // namespace sluice::rig
