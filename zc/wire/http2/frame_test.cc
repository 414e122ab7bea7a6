// What must hold of frame heads: numbers survive the wire, and the reserved bit is ignored.

#include "zc/wire/http2/frame.h"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace zc::http2
