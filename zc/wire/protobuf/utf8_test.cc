// What must hold of the UTF-8 check: it agrees with a table-free model on every code point's shape,
// at every length and alignment of what is around it, whole and in pieces.

#include "zc/wire/protobuf/utf8.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace zc::pb {
namespace {

std::span<const std::byte> as_span(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Whole, and in every cut into two pieces.
bool valid(std::string_view text) {
  const bool whole = is_utf8(as_span(text));
  for (std::size_t at = 0; at <= text.size(); ++at) {
    utf8_check check;
    check.feed(as_span(text.substr(0, at)));
    check.feed(as_span(text.substr(at)));
    EXPECT_EQ(check.valid(), whole) << "cut at " << at;
  }
  return whole;
}

std::string encode(std::uint32_t c) {
  const auto byte = [](std::uint32_t b) { return static_cast<char>(b); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6), byte(0x80 | (c & 0x3f))};
  if (c < 0x10000) {
    return {byte(0xe0 | c >> 12), byte(0x80 | (c >> 6 & 0x3f)), byte(0x80 | (c & 0x3f))};
  }
  return {byte(0xf0 | c >> 18), byte(0x80 | (c >> 12 & 0x3f)), byte(0x80 | (c >> 6 & 0x3f)),
          byte(0x80 | (c & 0x3f))};
}

TEST(Utf8Test, EveryCodePointIsValidButSurrogatesAndBeyondTheLast) {
  for (std::uint32_t c = 0; c < 0x120000; ++c) {
    const bool right = c < 0xd800 || (c > 0xdfff && c < 0x110000);
    ASSERT_EQ(is_utf8(as_span(encode(c))), right) << std::hex << c;
  }
}

TEST(Utf8Test, OverlongFormsAreRefused) {
  EXPECT_FALSE(valid("\xc0\x80"));
  EXPECT_FALSE(valid("\xc1\xbf"));
  EXPECT_FALSE(valid("\xe0\x80\x80"));
  EXPECT_FALSE(valid("\xe0\x9f\xbf"));
  EXPECT_FALSE(valid("\xf0\x80\x80\x80"));
  EXPECT_FALSE(valid("\xf0\x8f\xbf\xbf"));
}

TEST(Utf8Test, StrayAndMissingContinuationsAreRefused) {
  EXPECT_FALSE(valid("\x80"));
  EXPECT_FALSE(valid("a\xbfz"));
  EXPECT_FALSE(valid("\xc3"));
  EXPECT_FALSE(valid("\xc3(z"));
  EXPECT_FALSE(valid("\xe2\x82"));
  EXPECT_FALSE(valid("\xe2\x82z"));
  EXPECT_FALSE(valid("\xf0\x9f\x98"));
  EXPECT_FALSE(valid("\xf5\x80\x80\x80"));
  EXPECT_FALSE(valid("\xff"));
  EXPECT_TRUE(valid("\xf0\x9f\x98\x80 gr\xc3\xbc\xc3\x9f"));
}

TEST(Utf8Test, ABadByteIsFoundAtEveryPlaceInEveryLength) {
  for (std::size_t size = 0; size < 80; ++size) {
    std::string text(size, 'a');
    EXPECT_TRUE(valid(text)) << size;
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = '\xff';
      EXPECT_FALSE(is_utf8(as_span(text))) << size << " " << at;
      text[at] = 'a';
    }
  }
}

}  // namespace
}  // namespace zc::pb
