// What must hold of jitter: within its bounds, spread over them, and the same for the same seed.
#include "gate/pipeline/engine/jitter.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(JitterTest, StaysWithinItsSpreadAndUsesIt) {
  jitter random(42);
  const zc::nanoseconds delay = std::chrono::seconds(1);
  zc::nanoseconds least = std::chrono::hours(1);
  zc::nanoseconds most{};
  for (int i = 0; i < 10'000; ++i) {
    const auto d = random.around(delay, 0.25);
    least = std::min(least, d);
    most = std::max(most, d);
    EXPECT_GE(random.above(delay, 0.25), delay);
  }
  EXPECT_GE(least, std::chrono::milliseconds(750));
  EXPECT_LT(least, std::chrono::milliseconds(760));
  EXPECT_LE(most, std::chrono::milliseconds(1250));
  EXPECT_GT(most, std::chrono::milliseconds(1240));
}

TEST(JitterTest, TheSeedDecides) {
  jitter a(1), b(1), c(2);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
}

}  // namespace
}  // namespace sluice
