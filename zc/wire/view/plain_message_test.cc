// What must hold of plain messages: what was sent is read where it lies, and everything that is not
// exactly it (another layout, version, byte order, size, alignment; a byte changed anywhere in the
// header; a cut) is refused with a reason.
#include "zc/wire/view/plain_message.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace zc {
namespace plain_test {

enum class color : std::uint16_t { red, green };
struct inner {
  std::uint32_t a = 1;
  float b = 2;
};
ZC_PLAIN_LAYOUT(inner, 1, a, b);
struct point {
  std::uint64_t at = 1;
  double value = 2;
  std::array<std::uint8_t, 6> id{};
  color of = color::red;
  std::int32_t counts[2] = {3, 4};
  inner in{};
};
ZC_PLAIN_LAYOUT(point, 3, at, value, id, of, counts, in);

struct one_field {
  std::uint64_t at = 1;
};
ZC_PLAIN_LAYOUT(one_field, 1, at);
struct renamed {
  std::uint64_t when = 1;
};
ZC_PLAIN_LAYOUT(renamed, 1, when);
struct of_another_kind {
  std::int64_t at = 1;
};
ZC_PLAIN_LAYOUT(of_another_kind, 1, at);
struct newer {
  std::uint64_t at = 1;
};
ZC_PLAIN_LAYOUT(newer, 2, at);
struct two_halves {
  std::uint32_t at = 1, more = 2;
};
ZC_PLAIN_LAYOUT(two_halves, 1, at, more);

static_assert(plain<point> && plain<inner> && !plain<int> && !plain<int*>);

std::vector<std::byte> message_of(const std::vector<point>& points) {
  std::vector<std::byte> out(sizeof(plain_header) + points.size() * sizeof(point));
  const plain_header h = plain_header::of<point>(points.size());
  std::memcpy(out.data(), &h, sizeof(h));
  if (!points.empty()) {
    std::memcpy(out.data() + sizeof(h), points.data(), points.size() * sizeof(point));
  }
  return out;
}

TEST(PlainMessageTest, WhatWasSentIsReadWhereItLies) {
  const plain_message<point> m({.at = 7, .value = 1.5});
  const auto all = view_plain<point>(m.view());
  ASSERT_TRUE(all) << all.error().reason;
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->data(), &m.value());
  EXPECT_EQ((*all)[0].at, 7U);
  EXPECT_EQ((*all)[0].in.b, 2);
}

TEST(PlainMessageTest, ManyValuesRoundTripAndNoCutIsReadBeyond) {
  const auto property = [](const std::vector<std::uint64_t>& numbers) {
    std::vector<point> points(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) points[i].at = numbers[i];
    const auto message = message_of(points);
    const auto all = view_plain<point>(message);
    RC_ASSERT(all.has_value());
    RC_ASSERT(all->size() == points.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) RC_ASSERT((*all)[i].at == numbers[i]);
    const std::size_t cut = *rc::gen::inRange<std::size_t>(0, message.size());
    RC_ASSERT(view_plain<point>(std::span(message).first(cut)).error().code == errc::truncated);
  };
  EXPECT_TRUE(rc::check("arrays of points", property));
}

TEST(PlainMessageTest, ForeignLayoutsAreRefused) {
  const plain_message<one_field> m(one_field{});
  const auto reason = [](const auto& r) { return std::string(r ? "" : r.error().reason); };
  EXPECT_EQ(reason(view_plain<one_field>(m.view())), "");
  EXPECT_EQ(reason(view_plain<renamed>(m.view())), "another layout");
  EXPECT_EQ(reason(view_plain<of_another_kind>(m.view())), "another layout");
  EXPECT_EQ(reason(view_plain<two_halves>(m.view())), "another layout");
  EXPECT_EQ(reason(view_plain<newer>(m.view())), "another version of the layout");
  EXPECT_EQ(reason(view_plain<point>(m.view())), "another version of the layout");
  EXPECT_EQ(view_plain<newer>(m.view()).error().code, errc::unsupported);
}

TEST(PlainMessageTest, AByteOfTheHeaderThatChangedIsSeen) {
  const auto good = message_of({point{}, point{}});
  for (std::size_t i = 0; i < sizeof(plain_header); ++i) {
    for (const int change : {0x01, 0x80, 0xff}) {
      auto bad = good;
      bad[i] ^= static_cast<std::byte>(change);
      const auto all = view_plain<point>(bad);
      if (all) {  // fewer elements than were sent is a message too
        EXPECT_EQ(i, offsetof(plain_header, count));
        EXPECT_LT(all->size(), 2U + 1U);
      } else {
        EXPECT_NE(all.error().reason[0], '\0');
        EXPECT_LE(all.error().offset, sizeof(plain_header));
      }
    }
  }
}

TEST(PlainMessageTest, TheOtherByteOrderIsNamed) {
  auto bad = message_of({point{}});
  std::swap(bad[4], bad[5]);
  EXPECT_STREQ(view_plain<point>(bad).error().reason, "the other byte order");
}

TEST(PlainMessageTest, CountsThatWouldWrapAreRefused) {
  for (const std::uint64_t count : {UINT64_MAX, UINT64_MAX / sizeof(point) + 1, std::uint64_t{2}}) {
    auto bad = message_of({point{}});
    std::memcpy(bad.data() + offsetof(plain_header, count), &count, sizeof(count));
    EXPECT_EQ(view_plain<point>(bad).error().code, errc::truncated);
  }
}

TEST(PlainMessageTest, WhatIsNotAlignedIsRefusedAsAViewAndMayBeCopied) {
  const auto good = message_of({point{.at = 9}});
  std::vector<std::byte> shifted(good.size() + 1);
  std::memcpy(shifted.data() + 1, good.data(), good.size());
  const auto in = std::span(shifted).subspan(1);
  EXPECT_STREQ(view_plain<point>(in).error().reason, "the elements are not aligned");
  const auto before = ledger::read().copied();
  const auto copy = copy_plain<point>(in);
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->at, 9U);
  EXPECT_EQ(ledger::read().copied(), before + sizeof(point));
  EXPECT_FALSE(copy_plain<point>(message_of({point{}, point{}})));
}

TEST(PlainMessageTest, LayoutsThatDifferHaveDifferentHashes) {
  const std::set<std::uint64_t> hashes{layout_of<point>.hash,     layout_of<inner>.hash,
                                       layout_of<one_field>.hash, layout_of<of_another_kind>.hash,
                                       layout_of<renamed>.hash,   layout_of<two_halves>.hash};
  EXPECT_EQ(hashes.size(), 6U);
}

TEST(PlainMessageTest, TheFormatOnTheWireStaysAsItIs) {
  EXPECT_EQ(offsetof(plain_header, order), 4U);
  EXPECT_EQ(offsetof(plain_header, version), 6U);
  EXPECT_EQ(offsetof(plain_header, element_bytes), 8U);
  EXPECT_EQ(offsetof(plain_header, count), 16U);
  EXPECT_EQ(offsetof(plain_header, hash), 24U);
  EXPECT_EQ(layout_of<one_field>.hash, layout_of<newer>.hash) << "the version is not in it";
}

}  // namespace plain_test
}  // namespace zc
