// What must hold of `chain_cursor`: it reads bytes where they lie, copies only fields that are cut,
// hands out shared ranges, and what it is asked for beyond the end is a value that says where.

#include "zc/mem/cursor.h"

#include <array>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"

namespace zc {
namespace {

bytes_chain cut(std::string_view text, std::size_t piece) {
  bytes_chain c;
  for (std::size_t i = 0; i < text.size(); i += piece)
    c.append(bytes::copy_of(text.substr(i, piece)));
  return c;
}

TEST(CursorTest, ReadsWhereBytesLieAndCopiesOnlyWhatStraddles) {
  bytes_chain c(bytes::copy_of("abcd"));
  c.append(bytes::copy_of("efgh"));
  const auto before = ledger::read();
  std::array<std::byte, 8> scratch;
  chain_cursor at(c);
  EXPECT_EQ(at.read(3, scratch).data(), c.begin()->data());
  EXPECT_EQ(ledger::read().copied(), before.copied());
  const auto cut = at.read(3, scratch);
  EXPECT_EQ(bytes::from_static({reinterpret_cast<const char*>(cut.data()), cut.size()}),
            "def"_bytes);
  EXPECT_EQ(ledger::read().copied() - before.copied(), 3u);
  EXPECT_EQ(at.left(), 2u);
  EXPECT_EQ(at.position(), 6u);
  at.skip(2);
  EXPECT_TRUE(at.at_end());
  EXPECT_TRUE(at.peek().empty());
}

TEST(CursorTest, IntegersAreReadInBothOrdersHoweverTheyAreCut) {
  const std::string text("\x01\x02\x03\x04\x05\x06\x07\x08\xff", 9);
  for (std::size_t piece = 1; piece <= 9; ++piece) {
    const bytes_chain c = cut(text, piece);
    chain_cursor at(c);
    EXPECT_EQ(at.read_be<std::uint16_t>(), 0x0102u);
    EXPECT_EQ(at.read_le<std::uint16_t>(), 0x0403u);
    at.seek(0);
    EXPECT_EQ(at.read_be<std::uint64_t>(), 0x0102030405060708u);
    at.seek(1);
    EXPECT_EQ(at.read_le<std::uint32_t>(), 0x05040302u);
    EXPECT_EQ(at.position(), 5u);
    at.seek(8);
    EXPECT_EQ(at.read_be<std::int8_t>(), -1);
    EXPECT_TRUE(at.at_end());
  }
}

TEST(CursorTest, AnIntegerInsideOfAPieceCopiesNothingAndACutOneItself) {
  const bytes_chain c = cut("abcdefgh", 4);
  chain_cursor at(c);
  const auto before = ledger::read();
  (void)at.read_be<std::uint16_t>();
  EXPECT_EQ(ledger::read().copied(), before.copied());
  (void)at.read_be<std::uint32_t>();
  EXPECT_EQ(ledger::read().copied() - before.copied(), 4u);
}

TEST(CursorTest, BeyondTheEndIsAValueWithThePositionAndMovesNothing) {
  const bytes_chain c = cut("abcde", 2);
  chain_cursor at(c);
  at.skip(3);
  std::array<std::byte, 8> scratch;
  const auto whole = at.try_read_be<std::uint32_t>();
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, errc::truncated);
  EXPECT_EQ(whole.error().offset, 3u);
  EXPECT_FALSE(at.try_read_le<std::uint64_t>());
  EXPECT_FALSE(at.try_skip(SIZE_MAX));
  EXPECT_FALSE(at.try_take(3));
  EXPECT_FALSE(at.try_read(3, scratch));
  EXPECT_FALSE(at.try_read_copy(scratch));
  EXPECT_EQ(at.position(), 3u);
  ASSERT_TRUE(at.try_take(2));
  EXPECT_FALSE(at.try_read_be<std::uint8_t>());
  EXPECT_TRUE(at.try_skip(0));
  EXPECT_TRUE(at.try_take(0)->empty());
}

TEST(CursorTest, WhatIsTakenSharesTheBlocksAndOutlivesTheChain) {
  bytes_chain taken;
  const auto before = ledger::read();
  {
    const bytes block = bytes::copy_of("abcdefgh");
    bytes_chain c(block.slice(0, 4));
    c.append("-"_bytes);
    c.append(block.slice(4, 4));
    chain_cursor at(c);
    at.skip(2);
    taken = *at.try_take(5);
    EXPECT_EQ(taken.begin()->data(), block.data() + 2);
    EXPECT_EQ(at.position(), 7u);
    EXPECT_EQ(at.peek_byte(), std::byte{'g'});
  }
  EXPECT_EQ(taken, "cd-ef");
  EXPECT_EQ(ledger::read().copied() - before.copied(), 8u) << "only what the test itself made";
}

TEST(CursorTest, TakesUntilADelimiterWithinALimit) {
  const std::string text = "key=value=;";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const bytes_chain c = cut(text, piece);
    chain_cursor at(c);
    EXPECT_EQ(*at.try_take_until(std::byte{'='}, 3), "key");
    EXPECT_EQ(at.position(), 4u);
    const auto long_value = at.try_take_until(std::byte{'='}, 4);
    ASSERT_FALSE(long_value);
    EXPECT_EQ(long_value.error().code, errc::too_large);
    EXPECT_EQ(long_value.error().offset, 4u);
    EXPECT_EQ(*at.try_take_until(std::byte{'='}, SIZE_MAX), "value");
    const auto missing = at.try_take_until(std::byte{'!'}, SIZE_MAX);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, errc::truncated);
    EXPECT_TRUE(at.try_take_until(std::byte{';'}, 0)->empty());
    EXPECT_TRUE(at.at_end());
    EXPECT_EQ(at.try_take_until(std::byte{';'}, 10).error().code, errc::truncated);
  }
}

TEST(CursorTest, AnyPositionCanBeReturnedTo) {
  const std::string text = "0123456789abcdef";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const bytes_chain c = cut(text, piece);
    chain_cursor at(c);
    for (std::size_t from = 0; from <= text.size(); ++from) {
      for (std::size_t to = 0; to <= text.size(); ++to) {
        at.seek(from);
        const chain_cursor mark = at;
        at.seek(to);
        EXPECT_EQ(at.left(), text.size() - to);
        if (to < text.size()) {
          EXPECT_EQ(at.peek_byte(), static_cast<std::byte>(text[to]));
        }
        EXPECT_EQ(mark.position(), from);
      }
    }
  }
}

TEST(CursorTest, GathersFromWhereItStands) {
  const bytes_chain c = cut("abcdef", 2);
  chain_cursor at(c);
  at.skip(3);
  std::array<io_slice, 8> list;
  ASSERT_EQ(at.gather(list), 2u);
  EXPECT_EQ(list[0].size, 1u);
  EXPECT_EQ(list[1].data, c.view()[2].data());
  EXPECT_EQ(at.gather(std::span(list).first(1)), 1u);
  at.skip(3);
  EXPECT_EQ(at.gather(list), 0u);
}

TEST(CursorTest, ReadsOneHandleToo) {
  const bytes one = bytes::copy_of("ab");
  chain_cursor at(one);
  EXPECT_EQ(at.read_be<std::uint16_t>(), 0x6162u);
  EXPECT_TRUE(at.at_end());
  const bytes none;
  EXPECT_TRUE(chain_cursor(none).peek().empty());
}

TEST(CursorDeathTest, BrokenContractsAreNamed) {
  const bytes_chain c = cut("abcd", 2);
  chain_cursor at(c);
  std::array<std::byte, 8> scratch;
  EXPECT_DEATH(at.skip(5), "chain_cursor::skip requires count <= left");
  EXPECT_DEATH(at.skip(SIZE_MAX), "chain_cursor::skip requires count <= left");
  EXPECT_DEATH(at.seek(5), "chain_cursor::seek requires");
  EXPECT_DEATH(at.seek(SIZE_MAX), "chain_cursor::seek requires");
  EXPECT_DEATH((void)at.take(5), "chain_cursor::take requires count <= left");
  EXPECT_DEATH(at.read_copy(scratch), "chain_cursor::read_copy requires");
  EXPECT_DEATH((void)at.read(5, scratch), "chain_cursor::read requires count <= left");
  EXPECT_DEATH((void)at.read(3, std::span(scratch).first(2)), "count <= scratch.size");
  EXPECT_DEATH((void)at.read_be<std::uint64_t>(), "requires sizeof");
  at.skip(4);
  EXPECT_DEATH((void)at.peek_byte(), "peek_byte requires");
}

}  // namespace
}  // namespace zc
