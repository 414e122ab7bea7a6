// What must hold of the windows: both sides count alike, what is given back comes in pieces worth a
// frame, and no window can be talked out of its range.
//
// Method: examples; any list of operations against numbers that do not end.

#include "zc/wire/http2/flow_window.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace zc::http2 {
namespace {

TEST(SendWindowTest, ASettingMayTakeItBelowZeroAndUpdatesBringItBack) {
  send_window w(100);
  w.spend(100);
  ASSERT_TRUE(w.move(-100));
  EXPECT_EQ(w.left(), 0u);
  ASSERT_TRUE(w.move(150));
  EXPECT_EQ(w.left(), 50u);
}

TEST(SendWindowTest, BeyondTheProtocolsLimitItDoesNotGrow) {
  send_window w(1);
  ASSERT_TRUE(w.move(window_most - 1));
  EXPECT_FALSE(w.move(1));
  EXPECT_EQ(w.left(), static_cast<std::size_t>(window_most));
}

TEST(SendWindowDeathTest, MoreThanIsLeftCannotBeSpent) {
  send_window w(10);
  EXPECT_DEATH(w.spend(11), "n <= left");
}

TEST(ReceiveWindowTest, IsGivenBackInHalves) {
  receive_window w(100);
  ASSERT_TRUE(w.take(100));
  EXPECT_FALSE(w.take(1));
  EXPECT_EQ(w.give(49), 0u);
  EXPECT_EQ(w.give(1), 50u);
  EXPECT_EQ(w.left(), 50u);
  EXPECT_EQ(w.give(50), 50u);
  EXPECT_EQ(w.left(), 100u);
}

TEST(ReceiveWindowTest, AnyPeerThatTakesMoreIsFoundOut) {
  receive_window w(100);
  EXPECT_FALSE(w.take(SIZE_MAX));
  EXPECT_TRUE(w.take(100));
}

TEST(ReceiveWindowDeathTest, WhatNeverCameCannotBeGivenBack) {
  receive_window w(100);
  ASSERT_TRUE(w.take(10));
  EXPECT_DEATH((void)w.give(11), "owed_ <= size_ - left_");
}

// A change of the settings or an update, or bytes that are sent.
TEST(SendWindowTest, AgreesWithANumber) {
  const auto property = [] {
    const auto first = *rc::gen::inRange<std::uint32_t>(0, 0x8000'0000u);
    send_window real(first);
    std::int64_t model = first;
    const auto by = rc::gen::weightedOneOf<std::int64_t>(
        {{3, rc::gen::inRange<std::int64_t>(-70'000, 70'000)},
         {1, rc::gen::inRange<std::int64_t>(-window_most, window_most + 1)}});
    enum class what : std::uint8_t { send, move, move_to_the_limit };
    const auto all = *rc::gen::container<std::vector<std::pair<what, std::int64_t>>>(rc::gen::pair(
        rc::gen::element(what::send, what::move, what::move, what::move_to_the_limit), by));
    for (const auto& [how, n] : all) {
      if (how == what::send) {
        const std::int64_t sent = std::clamp<std::int64_t>(n, 0, std::max<std::int64_t>(model, 0));
        real.spend(static_cast<std::size_t>(sent));
        model -= sent;
      } else {
        // To the limit, or one less or more.
        const std::int64_t step = how == what::move ? n : window_most - model + n % 2;
        const bool fits = model + step <= window_most;
        RC_ASSERT(real.move(step) == fits);
        if (fits) model += step;
      }
      RC_ASSERT(real.left() == static_cast<std::size_t>(std::max<std::int64_t>(model, 0)));
    }
  };
  EXPECT_TRUE(rc::check("a send window agrees with a number", property));
}

// Both ends of one window: what we announce is what the peer may send, to the byte.
TEST(ReceiveWindowTest, TheSendersWindowIsItsMirror) {
  const auto property = [] {
    const auto size = *rc::gen::inRange<std::uint32_t>(1, 1'000);
    receive_window here(size);
    send_window there(size);
    std::size_t held = 0;  // came, and is not done with
    std::size_t owed = 0;  // done with, and not announced
    const auto all = *rc::gen::container<std::vector<std::pair<bool, std::size_t>>>(
        rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::inRange<std::size_t>(0, 1'200)));
    for (const auto& [sends, n] : all) {
      if (sends) {
        const bool may = n <= there.left();
        RC_ASSERT(here.take(n) == may);
        if (!may) continue;
        there.spend(n);
        held += n;
      } else {
        const std::size_t done = n % (held + 1);
        held -= done;
        owed += done;
        const std::uint32_t due = here.give(done);
        RC_ASSERT(due == (owed >= size / 2 ? owed : 0));
        if (due > 0) owed = 0;
        RC_ASSERT(there.move(due));
      }
      RC_ASSERT(here.left() == there.left());
      RC_ASSERT(here.left() + held + owed == size);
    }
  };
  EXPECT_TRUE(rc::check("the sender's window is the receiver's mirror", property));
}

}  // namespace
}  // namespace zc::http2
