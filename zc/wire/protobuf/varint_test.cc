// What must hold of varints: every size has its golden bytes, the padded form is five bytes and
// reads the same, and the decoder knows "cut" from "too long".

#include "zc/wire/protobuf/varint.h"

#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace zc::pb {
namespace {

std::vector<int> encoded(std::uint64_t value) {
  std::array<std::byte, varint_bytes_max> buffer;
  const std::byte* end = put_varint(buffer.data(), value);
  std::vector<int> out;
  for (const std::byte* p = buffer.data(); p != end; ++p) out.push_back(std::to_integer<int>(*p));
  return out;
}

decoded_varint decoded(const std::vector<int>& bytes) {
  std::vector<std::byte> in;
  for (const int b : bytes) in.push_back(static_cast<std::byte>(b));
  return decode_varint(in.data(), in.data() + in.size());
}

TEST(VarintTest, EncodesTheGoldenBytes) {
  EXPECT_EQ(encoded(0), (std::vector<int>{0}));
  EXPECT_EQ(encoded(127), (std::vector<int>{0x7f}));
  EXPECT_EQ(encoded(128), (std::vector<int>{0x80, 0x01}));
  EXPECT_EQ(encoded(300), (std::vector<int>{0xac, 0x02}));
  EXPECT_EQ(encoded(16384), (std::vector<int>{0x80, 0x80, 0x01}));
  EXPECT_EQ(encoded(UINT64_MAX),
            (std::vector<int>{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}));
}

TEST(VarintTest, SizeAgreesWithTheEncoderAtEveryPowerOfTwo) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t v : {power - 1, power, power + 1}) {
      EXPECT_EQ(varint_size(v), encoded(v).size()) << v;
      const decoded_varint back = decoded(encoded(v));
      EXPECT_EQ(back.value, v);
      EXPECT_EQ(back.size, varint_size(v));
    }
  }
}

TEST(VarintTest, PaddedFormIsFiveBytesAndReadsTheSame) {
  for (const std::uint32_t v : {0u, 1u, 127u, 128u, 0x7fff'ffffu, 0xffff'ffffu}) {
    std::array<std::byte, padded_bytes> buffer;
    EXPECT_EQ(put_padded(buffer.data(), v), buffer.data() + padded_bytes);
    const decoded_varint back = decode_varint(buffer.data(), buffer.data() + buffer.size());
    EXPECT_EQ(back.value, v);
    EXPECT_EQ(back.size, padded_bytes);
  }
}

TEST(VarintTest, DecoderTellsCutFromTooLong) {
  EXPECT_EQ(decoded({}).size, 0u);
  EXPECT_EQ(decoded({0x80}).size, 0u);
  EXPECT_EQ(decoded(std::vector<int>(9, 0x80)).size, 0u);
  EXPECT_GT(decoded(std::vector<int>(10, 0x80)).size, varint_bytes_max);
  EXPECT_GT(decoded({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}).size,
            varint_bytes_max);
}

TEST(VarintTest, TenBytePaddingOfASmallValueIsAccepted) {
  const decoded_varint d = decoded({0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00});
  EXPECT_EQ(d.value, 5u);
  EXPECT_EQ(d.size, 10u);
}

TEST(VarintTest, BitsBeyondTheSixtyFourthAreDropped) {
  const decoded_varint d = decoded({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f});
  EXPECT_EQ(d.value, std::uint64_t{1} << 63);
}

TEST(VarintTest, ZigzagPutsSmallNegativesBesideSmallPositives) {
  EXPECT_EQ(zigzag(0), 0u);
  EXPECT_EQ(zigzag(-1), 1u);
  EXPECT_EQ(zigzag(1), 2u);
  EXPECT_EQ(zigzag(-2), 3u);
  EXPECT_EQ(zigzag(std::numeric_limits<std::int64_t>::min()), UINT64_MAX);
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto v = static_cast<std::int64_t>(random() >> (random() % 64));
    EXPECT_EQ(unzigzag(zigzag(v)), v);
    EXPECT_EQ(unzigzag(zigzag(-v)), -v);
  }
}

TEST(VarintTest, TagsHoldNumberAndType) {
  EXPECT_EQ(tag_of(1, wire::bytes), 0x0au);
  EXPECT_EQ(tag_size(15), 1u);
  EXPECT_EQ(tag_size(16), 2u);
  EXPECT_EQ(tag_size(field_max), 5u);
  EXPECT_EQ(bytes_field_size(2, 200), 1u + 2u + 200u);
}

}  // namespace
}  // namespace zc::pb
