// What must hold of a pace: the mean rate is exact over any time, the workers interleave evenly,
// and counting what is due agrees with when each request is due.
#include "gate/rig/pace.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::rig {
namespace {

TEST(PaceTest, DoesNotDriftOverADay) {
  const pace p(333'333, 1'000, 1, 0);  // 333.333 requests a second
  const std::uint64_t day = 86'400'000'000'000;
  EXPECT_NEAR(static_cast<double>(p.count_due(day)), 333.333 * 86'400, 1);
}

TEST(PaceTest, WorkersTakeTurnsEvenly) {
  const std::uint64_t workers = 7;
  std::vector<std::uint64_t> due;
  for (std::uint64_t w = 0; w < workers; ++w) {
    const pace p(1e6, 100, workers, w);
    for (std::uint64_t n = 0; n < 100; ++n) due.push_back(p.due(n));
  }
  std::sort(due.begin(), due.end());
  for (std::size_t i = 0; i < due.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(due[i]), 1e5 * static_cast<double>(i), 1.0);
  }
}

TEST(PaceTest, CountingAgreesWithWhenEachRequestIsDue) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 2'000; ++round) {
    const pace p(static_cast<double>(random() % 5'000'000 + 1),
                 static_cast<double>(random() % 8'192 + 1), 5, random() % 5);
    const std::uint64_t elapsed = random() % 3'600'000'000'000;
    const std::uint64_t count = p.count_due(elapsed);
    ASSERT_GT(p.due(count), elapsed);
    if (count > 0) {
      ASSERT_LE(p.due(count - 1), elapsed);
    }
  }
}

TEST(PaceTest, NoRateIsNoLimit) {
  const pace p;
  EXPECT_FALSE(p.limited());
  EXPECT_EQ(p.due(1'000'000), 0u);
  EXPECT_EQ(p.count_due(0), UINT64_MAX);
  EXPECT_FALSE(pace(0, 1'000, 1, 0).limited());
}

TEST(PaceTest, AnAbsurdlyLowRateStaysDefined) {
  const pace p(1e-300, 1'000, 1, 0);
  EXPECT_EQ(p.due(0), 0u);
  EXPECT_GT(p.due(1), 9'000'000'000'000'000'000u);
  EXPECT_EQ(p.count_due(1'000'000'000), 1u);
}

}  // namespace
}  // namespace sluice::rig
