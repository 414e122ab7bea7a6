// What must hold of the back-off: it grows to its bound, spreads, obeys the server, and ends.
#include "gate/pipeline/queues/backoff.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr zc::nanoseconds none{0};

TEST(BackoffTest, GrowsByTheMultiplierUpToTheLongestInterval) {
  retry_settings how;
  how.randomization_factor = 0;
  how.max_elapsed_time = milliseconds(0);
  backoff b(how);
  jitter random(1);
  const int expected[] = {5'000, 7'500, 11'250, 16'875, 25'312, 30'000, 30'000};
  for (const int ms : expected) {
    const auto d = b.next(none, {}, random);
    ASSERT_TRUE(d);
    EXPECT_EQ(std::chrono::duration_cast<milliseconds>(*d).count(), ms);
  }
}

TEST(BackoffTest, SpreadsByTheRandomizationFactor) {
  retry_settings how;
  jitter random(1);
  zc::nanoseconds least = seconds(100), most{0};
  for (int i = 0; i < 2'000; ++i) {
    const auto d = *backoff(how).next(none, {}, random);
    least = std::min(least, d);
    most = std::max(most, d);
  }
  EXPECT_GE(least, milliseconds(2'500));
  EXPECT_LT(least, milliseconds(2'550));
  EXPECT_LE(most, milliseconds(7'500));
  EXPECT_GT(most, milliseconds(7'450));
}

TEST(BackoffTest, TheServersHintIsTheLeastDelay) {
  retry_settings how;
  jitter random(1);
  EXPECT_EQ(*backoff(how).next(none, seconds(60), random), seconds(60));
  EXPECT_GE(*backoff(how).next(none, milliseconds(1), random), milliseconds(2'500));
}

TEST(BackoffTest, GivesUpWhenTheWaitWouldEndTooLate) {
  retry_settings how;
  how.randomization_factor = 0;
  jitter random(1);
  EXPECT_TRUE(backoff(how).next(seconds(295), {}, random));
  EXPECT_FALSE(backoff(how).next(seconds(296), {}, random));
  EXPECT_FALSE(backoff(how).next(seconds(400), {}, random));
  EXPECT_FALSE(backoff(how).next(none, seconds(301), random));
}

TEST(BackoffTest, ZeroElapsedTimeMeansForEver) {
  retry_settings how;
  how.max_elapsed_time = milliseconds(0);
  jitter random(1);
  EXPECT_TRUE(backoff(how).next(std::chrono::hours(100'000), seconds(3), random));
}

TEST(BackoffTest, HugeSettingsDoNotOverflow) {
  retry_settings how;
  how.initial_interval = std::chrono::hours(1'000'000);
  how.max_interval = std::chrono::hours(1'000'000);
  how.multiplier = 1e18;
  how.randomization_factor = 0;
  how.max_elapsed_time = milliseconds(0);
  backoff b(how);
  jitter random(1);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(*b.next(none, {}, random), zc::nanoseconds(how.max_interval));
}

}  // namespace
}  // namespace sluice
