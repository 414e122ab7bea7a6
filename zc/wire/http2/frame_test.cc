// What must hold of frame heads and of the windows: numbers survive the wire, the reserved bit is
// ignored, and no window can be talked out of its range.

#include "zc/wire/http2/frame.h"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

#include "zc/wire/http2/flow_window.h"

namespace zc::http2 {
namespace {

TEST(FrameTest, HeadsSurviveTheWire) {
  for (const frame_head h : {frame_head{0, frame_type::settings, flag::ack, 0},
                             frame_head{frame_bytes_most, frame_type::data, 0xff, stream_id_max},
                             frame_head{0x010203, frame_type{0x42}, 0x80, 0x01020304}}) {
    std::array<std::byte, frame_head_bytes> wire;
    write_frame_head(wire, h);
    const frame_head back = read_frame_head(wire);
    EXPECT_EQ(back.length, h.length);
    EXPECT_EQ(back.type, h.type);
    EXPECT_EQ(back.flags, h.flags);
    EXPECT_EQ(back.id, h.id);
  }
}

TEST(FrameTest, TheReservedBitIsNotPartOfTheId) {
  std::array<std::byte, frame_head_bytes> wire{};
  wire[5] = std::byte{0x80};
  wire[8] = std::byte{7};
  EXPECT_EQ(read_frame_head(wire).id, 7);
}

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

}  // namespace
}  // namespace zc::http2
