// What must hold of `flood_budget`: a burst is bounded, time and progress give credits back, and
// neither ever more than the burst.

#include "zc/wire/http2/flood.h"

#include <gtest/gtest.h>

namespace zc::http2 {
namespace {

using namespace std::chrono_literals;

TEST(FloodTest, ABurstEndsWhenTheCreditsDo) {
  flood_budget b(3, 10);
  EXPECT_TRUE(b.spend());
  EXPECT_TRUE(b.spend());
  EXPECT_TRUE(b.spend());
  EXPECT_FALSE(b.spend());
}

TEST(FloodTest, TimeGivesCreditsBackAtTheRate) {
  flood_budget b(100, 10);
  b.advance(5s);
  ASSERT_TRUE(b.spend(100));
  b.advance(5s + 500ms);
  EXPECT_EQ(b.credits(), 5u);
  b.advance(5s + 501ms);  // too little for a credit, and not lost
  b.advance(5s + 600ms);
  EXPECT_EQ(b.credits(), 6u);
}

TEST(FloodTest, NothingEverEarnsMoreThanTheBurst) {
  flood_budget b(100, 10);
  b.earn(UINT64_MAX);
  EXPECT_EQ(b.credits(), 100u);
  ASSERT_TRUE(b.spend(1));
  b.advance(0s);
  b.advance(std::chrono::hours(1'000'000));
  EXPECT_EQ(b.credits(), 100u);
}

TEST(FloodTest, AFailedSpendTakesNothing) {
  flood_budget b(5, 1);
  EXPECT_FALSE(b.spend(6));
  EXPECT_EQ(b.credits(), 5u);
}

}  // namespace
}  // namespace zc::http2
