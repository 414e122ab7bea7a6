// What must hold of a simulation's chances: the same seed says the same, forks do not disturb each
// other, and figures stay within what was asked for.

#include "zc/testing/sim/random.h"

#include <set>

#include <gtest/gtest.h>

namespace zc::testing {
namespace {

TEST(SimRandomTest, TheSameSeedSaysTheSameAndAnotherDoesNot) {
  sim_random a(7), b(7), c(8);
  int differ = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t x = a.next();
    EXPECT_EQ(x, b.next());
    differ += x != c.next() ? 1 : 0;
  }
  EXPECT_GT(differ, 90);
}

TEST(SimRandomTest, ForksDifferByTheirSaltAndLeaveTheParentAlone) {
  sim_random a(7), b(7);
  sim_random first = a.fork(1), second = a.fork(2), again = b.fork(1);
  EXPECT_EQ(first.next(), again.next());
  EXPECT_NE(first.next(), second.next());
  EXPECT_EQ(a.next(), b.next());
}

TEST(SimRandomTest, FiguresStayWithinTheirBoundsAndReachThem) {
  sim_random r(1);
  std::set<std::size_t> seen, scaled;
  for (int i = 0; i < 2000; ++i) {
    seen.insert(r.between(std::size_t{3}, std::size_t{6}));
    scaled.insert(r.scaled(1, 9));
    const nanoseconds t = r.between(nanoseconds(5), nanoseconds(9));
    EXPECT_TRUE(t >= nanoseconds(5) && t <= nanoseconds(9));
    const double u = r.unit();
    EXPECT_TRUE(u >= 0 && u < 1);
  }
  EXPECT_EQ(seen, (std::set<std::size_t>{3, 4, 5, 6}));
  EXPECT_EQ(*scaled.begin(), 1u);
  EXPECT_EQ(*scaled.rbegin(), 9u);
  EXPECT_EQ(r.below(0), 0u);
  EXPECT_EQ(r.between(nanoseconds(5), nanoseconds(5)), nanoseconds(5));
  EXPECT_EQ(r.scaled(4, 4), 4u);
  EXPECT_FALSE(r.chance(0));
  EXPECT_TRUE(r.chance(1));
}

}  // namespace
}  // namespace zc::testing
