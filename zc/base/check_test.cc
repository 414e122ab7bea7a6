#include "zc/base/check.h"

#include <gtest/gtest.h>

namespace zc {
namespace {

TEST(CheckTest, AFailedCheckNamesItsExpressionAndPlace) {
  EXPECT_DEATH(ZC_CHECK(1 + 1 == 3), "check_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

TEST(CheckTest, ABrokenContractIsNamedForTheCaller) {
  const int count = 3;
  EXPECT_DEATH(ZC_REQUIRES(count <= 2, "things::take requires count <= size()"),
               "contract broken by the caller: things::take requires count <= size\\(\\)");
}

TEST(CheckTest, WhatHoldsCostsNothingToSay) {
  int looks = 0;
  ZC_CHECK(++looks == 1);
  ZC_REQUIRES(++looks == 2, "evaluated once");
  EXPECT_EQ(looks, 2);
}

}  // namespace
}  // namespace zc
