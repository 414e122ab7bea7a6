// What must hold of the log gate: one message per interval, and a true count of what was held back.
#include "gate/pipeline/engine/log.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(LogGateTest, LetsOneThroughPerIntervalAndCountsTheRest) {
  log_gate gate{std::chrono::seconds(10)};
  zc::time_point now{};
  EXPECT_TRUE(gate.open(now));
  EXPECT_EQ(gate.held_back(), 0U);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(gate.open(now + std::chrono::seconds(i)));
  EXPECT_TRUE(gate.open(now + std::chrono::seconds(10)));
  EXPECT_EQ(gate.held_back(), 5U);
  EXPECT_TRUE(gate.open(now + std::chrono::seconds(20)));
  EXPECT_EQ(gate.held_back(), 0U);
}

}  // namespace
}  // namespace sluice
