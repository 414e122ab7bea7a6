// What must hold of records: what is written is read, in every kind of prefix, cut anywhere; a cut
// stream goes on where the last whole record ended; lengths of strangers cannot lead outside.
#include "zc/wire/view/record_view.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace zc {
namespace {

constexpr length_prefix kinds[] = {length_prefix::varint, length_prefix::u32le,
                                   length_prefix::u32be};

std::string text_of(std::span<const std::byte> b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}
std::span<const std::byte> bytes_of(const std::string& s) {
  return std::as_bytes(std::span(s));
}
std::string written(const std::vector<std::string>& records, length_prefix how) {
  std::string out;
  for (const std::string& r : records) {
    const auto prefix = record_prefix::of(r.size(), how);
    out += text_of(prefix->view()) + r;
  }
  return out;
}
error error_of(const std::string& text, length_prefix how, std::size_t most = SIZE_MAX) {
  record_reader r(bytes_of(text), how, most);
  while (r.next()) continue;
  EXPECT_FALSE(r.ok());
  return r.failure();
}

TEST(RecordViewTest, RecordsAreViewsWithTheirPlace) {
  const bytes all = bytes::from_static(std::string_view("\0\0\0\2hi\0\0\0\0\0\0\0\1!", 15));
  record_reader r(all, length_prefix::u32be, 100);
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.text(), "hi");
  EXPECT_EQ(r.record().data(), all.data() + 4);
  ASSERT_TRUE(r.next());
  EXPECT_TRUE(r.record().empty());
  EXPECT_EQ(r.offset(), 6U);
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.text(), "!");
  EXPECT_FALSE(r.next());
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.consumed(), 15U);
}

TEST(RecordViewTest, WhatIsWrittenIsReadAndACutStreamGoesOn) {
  const auto property = [](const std::vector<std::string>& records) {
    for (const length_prefix how : kinds) {
      const std::string all = written(records, how);
      record_reader r(bytes_of(all), how, SIZE_MAX);
      for (const std::string& expected : records) {
        RC_ASSERT(r.next());
        RC_ASSERT(r.text() == expected);
      }
      RC_ASSERT(!r.next());
      RC_ASSERT(r.ok());
      const std::size_t cut = all.empty() ? 0 : *rc::gen::inRange<std::size_t>(0, all.size());
      const std::string front = all.substr(0, cut);
      record_reader first(bytes_of(front), how, SIZE_MAX);
      std::size_t n = 0;
      while (first.next()) RC_ASSERT(first.text() == records[n++]);
      RC_ASSERT(first.ok() == (first.consumed() == cut));
      if (!first.ok()) RC_ASSERT(first.failure().code == errc::truncated);
      const std::string rest = all.substr(first.consumed());
      record_reader second(bytes_of(rest), how, SIZE_MAX);
      while (second.next()) RC_ASSERT(second.text() == records[n++]);
      RC_ASSERT(n == records.size());
    }
  };
  EXPECT_TRUE(rc::check("records round trip", property));
}

TEST(RecordViewTest, BrokenLengthsAreRefusedWithTheirPlace) {
  const auto at = [](const std::string& text, length_prefix how, errc code, std::size_t offset) {
    const error e = error_of(text, how, 1000);
    EXPECT_EQ(e.code, code);
    EXPECT_EQ(e.offset, offset);
  };
  const std::string ok("\1a", 2);
  at(ok + "\5abc", length_prefix::varint, errc::truncated, 2);
  at(ok + "\x80", length_prefix::varint, errc::truncated, 2);
  at(ok + std::string(11, '\x80'), length_prefix::varint, errc::malformed, 2);
  at(ok + std::string(9, '\xff') + "\x02", length_prefix::varint, errc::malformed, 2);
  at(ok + std::string(9, '\xff') + "\x01", length_prefix::varint, errc::too_large, 2);
  at("\xff\xff\xff\xff", length_prefix::u32be, errc::too_large, 0);
  at("\xe9\x07", length_prefix::varint, errc::too_large, 0);
  at(std::string("\0\0\0", 3), length_prefix::u32le, errc::truncated, 0);
  EXPECT_EQ(error_of("\xff\xff\xff\xff", length_prefix::u32le).code, errc::truncated);
}

TEST(RecordViewTest, AReaderThatFailedStaysThere) {
  const std::string text = "\5ab";
  record_reader r(bytes_of(text), length_prefix::varint, 100);
  EXPECT_FALSE(r.next());
  EXPECT_FALSE(r.next());
  EXPECT_TRUE(r.record().empty());
}

TEST(RecordViewTest, PrefixesHaveTheirLimits) {
  EXPECT_FALSE(record_prefix::of(std::size_t{UINT32_MAX} + 1, length_prefix::u32be));
  const auto largest = record_prefix::of(SIZE_MAX, length_prefix::varint);
  EXPECT_EQ(largest->view().size(), 10U);
  const auto big = record_prefix::of(0x01020304, length_prefix::u32be);
  EXPECT_EQ(text_of(big->view()), "\1\2\3\4");
  const auto little = record_prefix::of(0x01020304, length_prefix::u32le);
  EXPECT_EQ(text_of(little->view()), "\4\3\2\1");
}

}  // namespace
}  // namespace zc
