// What must hold of EXPECT_USER_COPIES: it passes when the bytes are right, fails with the reasons
// when not, and looks once, however its block is left.

#include "zc/testing/expect_copies.h"

#include <thread>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

namespace zc::testing {
namespace {

using ledger::reason;

TEST(ExpectCopiesTest, PassesWhenTheBytesAreRight) {
  EXPECT_USER_COPIES(0) {}
  EXPECT_USER_COPIES(12) {
    ledger::count(reason::copy_of, 5);
    ledger::count(reason::straddle, 7);
    ledger::count(reason::deflate, 1'000);  // new payload
  }
  EXPECT_USER_COPIES_AT_MOST(10) ledger::count(reason::coalesce, 9);
  expect_user_copies(3, [] { ledger::count(reason::contiguous, 3); });
}

TEST(ExpectCopiesTest, FailsWithEachReason) {
  EXPECT_NONFATAL_FAILURE(
      EXPECT_USER_COPIES(0) {
        ledger::count(reason::copy_of, 5);
        ledger::count(reason::copy_of, 6);
      },
      "exactly 0 bytes of payload, and it copied 11 in 2 copies:\n  copy_of: 11 bytes in 2 pieces");
  EXPECT_NONFATAL_FAILURE(EXPECT_USER_COPIES_AT_MOST(4) ledger::count(reason::coalesce, 5),
                          "at most 4 bytes");
  EXPECT_NONFATAL_FAILURE(expect_user_copies(2, [] {}), "exactly 2 bytes");
}

TEST(ExpectCopiesTest, CountsOtherThreadsUnlessToldNotTo) {
  const auto elsewhere = [] { std::jthread([] { ledger::count(reason::copy_of, 8); }).join(); };
  EXPECT_USER_COPIES(8) elsewhere();
  EXPECT_USER_COPIES_HERE(0) elsewhere();
}

TEST(ExpectCopiesTest, LeavingTheBlockEarlyIsStillLookedAt) {
  const auto leaves = [] {
    EXPECT_USER_COPIES(0) {
      ledger::count(reason::copy_of, 1);
      return;
    }
  };
  EXPECT_NONFATAL_FAILURE(leaves(), "it copied 1");
}

}  // namespace
}  // namespace zc::testing
