// What must hold of `bytes_chain`: it is the concatenation of its pieces, whatever is done to it;
// nothing but flatten_copy() and copy_to() copies payload; gather lists resume anywhere.
//
// Method: random operations against std::string; ledger deltas around them; piece identity where
// sharing is the point.

#include "zc/mem/chain.h"

#include <array>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/mem/cursor.h"
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
  EXPECT_EQ(bytes_chain(block).flatten_copy().data(), block.data());
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

TEST(ChainDeathTest, ReachingOutsideAborts) {
  bytes_chain c(bytes::copy_of("abc"));
  EXPECT_DEATH(c.consume(4), "count <= size_");
  EXPECT_DEATH((void)c.slice(1, SIZE_MAX), "count <= size_ - offset");
  EXPECT_DEATH((void)c.split_to(4), "count <= size_");
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

}  // namespace
}  // namespace zc
