// What must hold of `bytes_chain`: it is the concatenation of its pieces, whatever is done to it;
// nothing but flatten_copy() and copy_to() copies payload; gather lists resume anywhere.
//
// Method: random operations against std::string; ledger deltas around them; piece identity where
// sharing is the point.

#include "zc/mem/chain.h"

#include <array>
#include <cstdint>
#include <random>
#include <ranges>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/mem/builder.h"
#include "zc/testing/seed.h"

namespace zc {
namespace {

std::string text_of(const bytes_chain& c) {
  std::string all;
  for (const bytes& piece : c) all += piece.text();
  return all;
}

std::string gathered(const bytes_chain& c, std::size_t offset, std::size_t slots) {
  std::vector<io_slice> out(slots);
  const std::size_t used = c.gather(offset, out);
  std::string all;
  for (std::size_t i = 0; i < used; ++i)
    all.append(static_cast<const char*>(out[i].data), out[i].size);
  return all;
}

TEST(ChainTest, StartsEmptyAndDropsEmptyPieces) {
  bytes_chain c;
  c.append(bytes());
  c.prepend(bytes());
  EXPECT_TRUE(c.empty());
  EXPECT_EQ(c.pieces(), 0u);
  EXPECT_TRUE(c.flatten_copy().empty());
}

TEST(ChainTest, PiecesThatContinueEachOtherBecomeOne) {
  const bytes block = bytes::copy_of("one two three");
  bytes_chain c;
  c.append(block.slice(0, 4));
  c.append(block.slice(4, 4));
  c.append(block.slice(9, 4));
  EXPECT_EQ(c.pieces(), 2u);
  EXPECT_EQ(text_of(c), "one two hree");
}

TEST(ChainTest, CopyingAChainSharesItsPieces) {
  bytes_chain a;
  for (int i = 0; i < 20; ++i) a.append(bytes::copy_of("piece"));
  const auto before = ledger::read();
  const bytes_chain b = a;
  const bytes_chain part = a.slice(3, 40);
  EXPECT_EQ(a.begin()->data(), b.begin()->data());
  EXPECT_EQ(part.size(), 40u);
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST(ChainTest, AssemblingCuttingAndGatheringKeepsEveryPieceWhereItLies) {
  std::vector<bytes> in;
  for (int i = 0; i < 24; ++i) in.push_back(bytes::copy_of(std::string(1000, 'x')));
  const auto before = ledger::read();
  bytes_chain whole;
  for (const bytes& piece : in) whole.append(piece);
  whole.prepend("head!"_bytes);
  bytes_chain rest = whole.slice(5, whole.size() - 5);
  const bytes_chain front = rest.split_to(2500);  // cuts the third piece
  rest.consume(500);
  EXPECT_EQ(front.pieces(), 3u);
  EXPECT_EQ(front.view()[2].data(), in[2].data());
  EXPECT_EQ(rest.begin()->data(), in[3].data());
  std::array<io_slice, 32> list;
  ASSERT_EQ(whole.gather(5, list), 24u);
  for (std::size_t i = 0; i < 24; ++i) EXPECT_EQ(list[i].data, in[i].data());
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST(ChainTest, FlattenOfOnePieceIsThatPiece) {
  const bytes block = bytes::copy_of("whole");
  const auto before = ledger::read();
  const bytes flat = bytes_chain(block).flatten_copy();
  EXPECT_EQ(flat.data(), block.data());
  EXPECT_EQ(ledger::read().copied(), before.copied());
  bytes_chain two(block);
  two.append(bytes::copy_of("more"));
  EXPECT_EQ(two.flatten_copy(), "wholemore"_bytes);
}

TEST(ChainTest, AppendingAChainToItselfDoublesIt) {
  bytes_chain c(bytes::copy_of("ab"));
  c.append(c);
  c.append(std::move(c));
  EXPECT_EQ(text_of(c), "abababab");
}

TEST(ChainTest, RetainedSizeCountsWholeBlocksOnce) {
  const bytes block = bytes::copy_of(std::string(1000, 'x'));
  bytes_chain c;
  c.append(block.slice(0, 10));
  c.append(block.slice(500, 10));
  EXPECT_EQ(c.retained_size(), block.retained_size());
}

TEST(ChainTest, RandomOperationsAgreeWithAString) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  for (int round = 0; round < 200; ++round) {
    bytes_chain real;
    std::string model;
    for (int step = 0; step < 60; ++step) {
      const std::size_t at = random() % (model.size() + 1);
      const std::size_t count = random() % (model.size() - at + 1);
      std::string fresh(random() % 9, '\0');
      for (char& c : fresh) c = static_cast<char>('a' + random() % 26);
      switch (random() % 8) {
        case 0:
        case 1:
          real.append(bytes::copy_of(fresh));
          model += fresh;
          break;
        case 2:
          real.prepend(bytes::copy_of(fresh));
          model.insert(0, fresh);
          break;
        case 3:
          real.consume(at);
          model.erase(0, at);
          break;
        case 4:
          ASSERT_EQ(text_of(real.split_to(at)), model.substr(0, at));
          model.erase(0, at);
          break;
        case 5: {
          const bytes_chain part = real.slice(at, count);
          ASSERT_EQ(text_of(part), model.substr(at, count));
          real.append(part);
          model += model.substr(at, count);
          break;
        }
        case 6: {
          bytes_chain moved = std::move(real);
          real = moved;
          break;
        }
        default:
          break;
      }
      ASSERT_EQ(real.size(), model.size());
      ASSERT_EQ(text_of(real), model);
      const std::size_t offset = random() % (model.size() + 1);
      ASSERT_EQ(gathered(real, offset, 1000), model.substr(offset));
      ASSERT_EQ(model.substr(offset).compare(0, gathered(real, offset, 2).size(),
                                             gathered(real, offset, 2)),
                0);
      std::vector<std::byte> copied(model.size() - offset);
      real.copy_to(offset, copied);
      ASSERT_EQ(bytes::copy_of(copied), bytes::copy_of(std::string_view(model).substr(offset)));
      ASSERT_EQ(real, bytes_chain(bytes::copy_of(model)));
      if (model.size() > 4096) {
        real.clear();
        model.clear();
      }
    }
  }
}

TEST(ChainTest, EqualityIgnoresHowTheBytesAreCut) {
  bytes_chain a(bytes::copy_of("abc"));
  a.append(bytes::copy_of("def"));
  bytes_chain b(bytes::copy_of("a"));
  b.append(bytes::copy_of("bcdef"));
  EXPECT_EQ(a, b);
  EXPECT_NE(a, bytes_chain(bytes::copy_of("abcdeX")));
}

TEST(ChainTest, PiecesInARowOnOneOwnerCostOneUpdateOfItsCount) {
  // The count is seen through unique(): after the copy is gone the block has one holder again.
  bytes_builder b = bytes_builder::with_capacity(100);
  b.append_fill(100, std::byte{'x'});
  bytes block = std::move(b).freeze();
  bytes_chain c;
  for (std::size_t i = 0; i < 100; i += 10) c.append(block.slice(90 - i, 10));
  EXPECT_EQ(c.pieces(), 10u);
  {
    const bytes_chain copy = c;
    const bytes_chain part = c.slice(5, 90);
    c.clear();
    EXPECT_FALSE(block.unique());
    EXPECT_EQ(part.size(), 90u);
    EXPECT_EQ(copy.size(), 100u);
  }
  EXPECT_TRUE(block.unique());
}

TEST(ChainTest, BothEndsOfAVeryLongChainStayCheap) {
  // 200 000 pieces at each end, in turns: quadratic work would not end within the test's time.
  const bytes one = "x"_bytes;  // static: neighbours never join
  bytes_chain c;
  for (int i = 0; i < 200'000; ++i) {
    c.prepend(one);
    c.append(one);
  }
  EXPECT_EQ(c.pieces(), 400'000u);
  for (int i = 0; i < 100'000; ++i) {
    c.consume(1);
    c.truncate(c.size() - 1);
    c.append(one);
    c.consume(1);
  }
  EXPECT_EQ(c.size(), 200'000u);
  std::array<io_slice, 16> list;
  std::size_t sent = 0;
  while (!c.empty()) {  // partial writes, resumed
    const std::size_t used = c.gather(0, list);
    ASSERT_GT(used, 0u);
    c.consume(used);
    sent += used;
  }
  EXPECT_EQ(sent, 200'000u);
}

TEST(ChainTest, PrependedPiecesThatContinueEachOtherBecomeOne) {
  const bytes block = bytes::copy_of("headbody");
  bytes_chain c(block.slice(4, 4));
  c.prepend(block.slice(0, 4));
  EXPECT_EQ(c.pieces(), 1u);
  EXPECT_EQ(c, "headbody");
}

TEST(ChainTest, SmallPiecesAreCopiedSideBySideAndLargeOnesShared) {
  const bytes large = bytes::copy_of(std::string(bytes::copy_small_max + 1, 'L'));
  const auto before = ledger::read();
  bytes_chain c;
  for (int i = 0; i < 10; ++i) c.append_or_copy("twelve bytes"_bytes);
  EXPECT_EQ(c.pieces(), 1u);
  c.append_or_copy(large);
  EXPECT_EQ(c.pieces(), 2u);
  EXPECT_EQ(c.view()[1].data(), large.data());
  c.append_or_copy("and"_bytes);
  c.prepend_or_copy(large);
  c.prepend_or_copy("b"_bytes);
  c.prepend_or_copy("a"_bytes);
  EXPECT_EQ(c.pieces(), 5u);
  EXPECT_EQ(c.size(), 1u + 1 + 513 + 120 + 513 + 3);
  EXPECT_TRUE(c.starts_with("abL"));
  const auto after = ledger::read();
  constexpr auto coalesce = static_cast<std::size_t>(ledger::reason::coalesce);
  EXPECT_EQ(after.bytes[coalesce] - before.bytes[coalesce], 125u);
  EXPECT_EQ(after.copied() - before.copied(), 125u);
}

TEST(ChainTest, SmallCopiesNeverWriteIntoABlockThatSomebodyElseHolds) {
  bytes_chain c;
  c.append_copy("one");
  const bytes_chain held = c;
  c.append_copy("two");
  bytes_chain other = held;
  other.append_copy("xyz");
  c.prepend_copy("zero");
  EXPECT_EQ(held, "one");
  EXPECT_EQ(c, "zeroonetwo");
  EXPECT_EQ(other, "onexyz");
}

TEST(ChainTest, SmallCopiesNeverWriteIntoStaticOrForeignMemory) {
  bytes_chain c("static"_bytes.slice(0, 3));
  c.append_copy("!");
  c.append(bytes::from_string(std::string(1000, 's')));
  c.truncate(10);
  c.append_copy("!");
  EXPECT_EQ(c, "sta!ssssss!");
  EXPECT_EQ("static"_bytes, "static");
}

TEST(ChainTest, InsertsAndCutsAnywhere) {
  bytes_chain c(bytes::copy_of("0123456789"));
  c.append("ABC"_bytes);
  c.insert(5, bytes_chain("--"_bytes));
  c.insert(0, "<"_bytes);
  c.insert(c.size(), ">"_bytes);
  EXPECT_EQ(c, "<01234--56789ABC>");
  bytes_chain tail = c.split_off(8);
  EXPECT_EQ(c, "<01234--");
  EXPECT_EQ(tail, "56789ABC>");
  EXPECT_EQ(tail.split_off(0), "56789ABC>");
  EXPECT_TRUE(tail.empty());
  EXPECT_TRUE(c.split_off(c.size()).empty());
  c.truncate(1);
  EXPECT_EQ(c, "<");
  c.truncate(SIZE_MAX);
  EXPECT_EQ(c[0], std::byte{'<'});
}

TEST(ChainTest, FindsAcrossPieces) {
  bytes_chain c;
  for (const char* piece : {"con", "t", "ent-l", "ength:", " 12", "\r", "\n"})
    c.append(bytes::copy_of(piece));
  EXPECT_EQ(c.find("content-length"), 0u);
  EXPECT_EQ(c.find("tent"), 3u);
  EXPECT_EQ(c.find("\r\n"), c.size() - 2);
  EXPECT_EQ(c.find("length", 9), std::nullopt);
  EXPECT_EQ(c.find(std::byte{':'}), 14u);
  EXPECT_EQ(c.find(std::byte{'t'}, 4), 6u);
  EXPECT_EQ(c.find("", 5), 5u);
  EXPECT_EQ(c.find(std::string(100, 'x')), std::nullopt);
  EXPECT_EQ(c.find("\n\n"), std::nullopt) << "what goes on behind the end is not found";
  EXPECT_EQ(bytes_chain().find("x"), std::nullopt);
}

TEST(ChainTest, FindsAmongManyFalseBeginningsToo) {
  const std::string text = std::string(10'000, 'a') + "ab" + std::string(1000, 'a') + "abc";
  for (const std::size_t piece : {1, 7, 1000, 20'000}) {
    bytes_chain c;
    for (std::size_t at = 0; at < text.size(); at += piece)
      c.append(bytes::copy_of(std::string_view(text).substr(at, piece)));
    for (const char* what : {"ab", "aab", "abc", "b", "abcd"})
      EXPECT_EQ(c.find(what).value_or(std::string::npos), text.find(what)) << what << piece;
  }
}

TEST(ChainTest, OrderAndHashDoNotDependOnTheCuts) {
  bytes_chain cut(bytes::copy_of("ab"));
  cut.append(bytes::copy_of("cdefghijklmnopqrstuvwxyz"));
  const bytes whole = bytes::copy_of("abcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(cut <=> bytes_chain(whole), std::strong_ordering::equal);
  EXPECT_LT(cut, bytes_chain("abd"_bytes));
  EXPECT_GT(cut, bytes_chain("abcdefghijklmnopqrstuvwxy"_bytes));
  EXPECT_LT(bytes_chain("\x7f"_bytes), bytes_chain("\x80"_bytes)) << "bytes are unsigned";
  EXPECT_EQ(std::hash<bytes_chain>()(cut), std::hash<bytes>()(whole));
  EXPECT_NE(std::hash<bytes_chain>()(cut), std::hash<bytes>()("abcd"_bytes));
}

TEST(ChainTest, EveryByteIsARange) {
  bytes_chain c(bytes::copy_of("abc"));
  c.append("def"_bytes);
  std::string all;
  for (const std::byte b : c | std::views::join) all += static_cast<char>(b);
  EXPECT_EQ(all, "abcdef");
}

TEST(ChainTest, CompactingCopiesOnlyWhatPinsMuchMoreThanItShows) {
  const bytes large = bytes::copy_of(std::string(100'000, 'x'));
  bytes_chain c(large.slice(0, 100));
  c.append(large.slice(500, 100));  // the same block: judged together
  c.append("static"_bytes);
  const bytes used = bytes::copy_of(std::string(5000, 'u'));
  c.append(used.slice(0, 4000));
  const auto before = ledger::read();
  const bytes_chain small = c.compact_copy();
  EXPECT_EQ(ledger::read().copied() - before.copied(), 200u);
  EXPECT_EQ(small, c);
  EXPECT_TRUE(small.view().back().shares_owner_with(used));
  EXPECT_LT(small.retained_size(), 7000u);
  EXPECT_GT(c.retained_size(), 100'000u);
}

TEST(ChainTest, LookingAtOnePieceCopiesNothingAndAtMoreCopiesToScratch) {
  const bytes block = bytes::copy_of("one");
  bytes_chain c(block);
  std::array<std::byte, 6> scratch;
  const auto before = ledger::read();
  EXPECT_EQ(c.view_or_copy({}).data(), block.data());
  EXPECT_EQ(ledger::read().copied(), before.copied());
  c.append("two"_bytes);
  const auto joined = c.view_or_copy(scratch);
  EXPECT_EQ(joined.data(), scratch.data());
  EXPECT_EQ("onetwo"_bytes, joined);
  EXPECT_EQ(ledger::read().copied() - before.copied(), 6u);
  c.clear();
  EXPECT_TRUE(c.view_or_copy({}).empty());
}

TEST(ChainTest, AppendingAChainToItselfKeepsEveryPieceAsItWas) {
  const bytes block = bytes::copy_of("abcdefgh");
  bytes_chain c(block.slice(4, 4));
  c.append(block.slice(0, 4));  // its end continues with its own beginning
  c.append(c);
  EXPECT_EQ(c, "efghabcdefghabcd");
}

TEST(ChainDeathTest, BrokenContractsAreNamed) {
  bytes_chain c(bytes::copy_of("abc"));
  c.append("def"_bytes);
  EXPECT_DEATH(c.consume(7), "bytes_chain::consume requires count <= size");
  EXPECT_DEATH((void)c.slice(1, SIZE_MAX), "slice requires count <= size\\(\\) - offset");
  EXPECT_DEATH((void)c.slice(SIZE_MAX, 1), "slice requires offset <= size");
  EXPECT_DEATH((void)c.split_to(7), "split_to requires count <= size");
  EXPECT_DEATH((void)c.split_off(7), "split_off requires at <= size");
  EXPECT_DEATH(c.insert(7, "x"_bytes), "insert requires offset <= size");
  EXPECT_DEATH((void)c.find("x", 7), "find requires from <= size");
  EXPECT_DEATH((void)c[6], "requires at < size");
  EXPECT_DEATH((void)c.gather(7, {}), "gather requires offset <= size");
  std::array<std::byte, 8> out;
  EXPECT_DEATH(c.copy_to(0, out), "copy_to requires out.size\\(\\) <= size\\(\\) - offset");
  EXPECT_DEATH(c.copy_to(SIZE_MAX, out), "copy_to requires offset <= size");
  EXPECT_DEATH((void)c.view_or_copy(std::span(out).first(5)), "view_or_copy requires");
}

}  // namespace
}  // namespace zc
