// What must hold of frames: header and payload are found where they lie, however long the length
// says it is; nothing outside is looked at.
#include "zc/wire/view/frame_view.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace zc {
namespace {

std::vector<std::byte> octets(std::initializer_list<int> list) {
  std::vector<std::byte> all;
  for (const int i : list) all.push_back(static_cast<std::byte>(i));
  return all;
}

TEST(FrameViewTest, FindsHeaderAndPayloadWhereTheyLie) {
  const auto in = octets({0, 0, 0, 0, 2, 'h', 'i', 'x'});
  const auto f = parse_frame(in, frames::grpc);
  ASSERT_TRUE(f);
  EXPECT_EQ(f->header.data(), in.data());
  EXPECT_EQ(f->payload.data(), in.data() + 5);
  EXPECT_EQ(f->payload.size(), 2U);
  EXPECT_EQ(f->size(), 7U);
}

TEST(FrameViewTest, TellsHowManyBytesAreNeeded) {
  auto in = octets({0, 0, 4, 1, 0, 0, 0, 0, 1, 'a', 'b', 'c'});
  const auto whole = parse_frame(in, frames::http2);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, errc::truncated);
  EXPECT_EQ(whole.error().offset, 13U);
  const auto header = parse_frame(std::span(in).first(8), frames::http2);
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().offset, 9U);
}

TEST(FrameViewTest, LengthsMayCoverTheHeaderAndBeInEitherOrder) {
  const frame_format f{4, 2, 2, std::endian::little, true};
  const auto in = octets({9, 9, 6, 0, 'o', 'k'});
  EXPECT_EQ(parse_frame(in, f)->payload.size(), 2U);
  const auto short_one = octets({9, 9, 3, 0});
  EXPECT_EQ(parse_frame(short_one, f).error().code, errc::malformed);
}

TEST(FrameViewTest, HostileLengthsCannotWrap) {
  const frame_format f{8, 0, 8};
  const auto in = octets({255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3});
  const auto r = parse_frame(in, f);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::truncated);
  EXPECT_EQ(r.error().offset, SIZE_MAX);
  const frame_format bounded{8, 0, 8, std::endian::big, false, 100};
  EXPECT_EQ(parse_frame(in, bounded).error().code, errc::too_large);
}

TEST(FrameViewTest, WhatIsWrittenIsReadInEveryFormat) {
  const auto property = [](const std::vector<std::uint8_t>& payload) {
    const std::size_t length_bytes = *rc::gen::inRange<std::size_t>(3, 9);
    const std::size_t at = *rc::gen::inRange<std::size_t>(0, 4);
    const bool big = *rc::gen::arbitrary<bool>();
    const bool covers = *rc::gen::arbitrary<bool>();
    const frame_format f{at + length_bytes + 2, at, length_bytes,
                         big ? std::endian::big : std::endian::little, covers};
    std::vector<std::byte> in(f.header_bytes);
    const std::uint64_t length = payload.size() + (covers ? f.header_bytes : 0);
    for (std::size_t i = 0; i < length_bytes; ++i) {
      in[at + (big ? length_bytes - 1 - i : i)] = static_cast<std::byte>(length >> (8 * i));
    }
    for (const std::uint8_t b : payload) in.push_back(static_cast<std::byte>(b));
    for (std::size_t cut = 0; cut < in.size(); ++cut) {
      RC_ASSERT(parse_frame(std::span(in).first(cut), f).error().code == errc::truncated);
    }
    in.push_back(std::byte{0xee});
    const auto r = parse_frame(in, f);
    RC_ASSERT(r.has_value());
    RC_ASSERT(r->payload.size() == payload.size());
    RC_ASSERT(r->payload.data() == in.data() + f.header_bytes);
  };
  EXPECT_TRUE(rc::check("frames round trip", property));
}

TEST(FrameViewDeathTest, AFormatThatCannotBeIsABugOfTheCaller) {
  EXPECT_DEATH((void)parse_frame({}, frame_format{4, 1, 4}), "parse_frame requires a valid format");
  EXPECT_DEATH((void)parse_frame({}, frame_format{4, SIZE_MAX, 2}), "a valid format");
}

}  // namespace
}  // namespace zc
