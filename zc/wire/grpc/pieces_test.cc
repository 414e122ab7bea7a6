// What must hold of piece_collector: large pieces are shared, rows of small ones become few,
// nothing is lost or reordered, and what is copied is in the ledger.

#include "zc/wire/grpc/pieces.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"

namespace zc {
namespace {

std::string text_of(const bytes_chain& chain) {
  std::string all;
  for (const bytes& piece : chain) all += piece.text();
  return all;
}

bytes piece(std::size_t n, char c = 'x') {
  return bytes::from_string(std::string(n, c));
}

TEST(PieceCollectorTest, LargePiecesAreSharedAndNothingIsCopied) {
  const auto before = ledger::read().copied();
  piece_collector all;
  const bytes large = piece(16'384);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(all.append(large));
  ASSERT_TRUE(all.append(piece(90)));  // a short tail alone is shared, too
  EXPECT_EQ(ledger::read().copied(), before);
  EXPECT_EQ(all.size(), 163'930u);
  EXPECT_TRUE(all.chain().begin()->shares_owner_with(large));
}

TEST(PieceCollectorTest, AMillionPiecesOfOneByteMakeAFewHundred) {
  const auto before = ledger::read().copied();
  piece_collector all;
  const bytes tiny[] = {piece(1, 'a'), piece(1, 'b')};
  for (int i = 0; i < 1'000'000; ++i) ASSERT_TRUE(all.append(tiny[i % 2]));
  EXPECT_EQ(all.size(), 1'000'000u);
  EXPECT_LT(all.chain().pieces(), 100u);
  EXPECT_EQ(ledger::read().copied() - before, 999'999u);  // all but the first
}

TEST(PieceCollectorTest, NeighboursInMemoryAreJoinedWithoutACopy) {
  const auto before = ledger::read().copied();
  piece_collector all;
  const bytes whole = piece(1'000);
  for (std::size_t i = 0; i < 1'000; ++i) ASSERT_TRUE(all.append(whole.slice(i, 1)));
  EXPECT_EQ(all.chain().pieces(), 1u);
  EXPECT_EQ(ledger::read().copied(), before);
}

TEST(PieceCollectorTest, AnyMixtureKeepsTheBytesAndTheBound) {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    piece_collector all;
    std::string model;
    for (int i = 0; i < 300; ++i) {
      const std::size_t n = random() % 4 == 0 ? random() % 3'000 : random() % 20;
      std::string text(n, '\0');
      for (char& c : text) c = static_cast<char>(random());
      model += text;
      ASSERT_TRUE(all.append(bytes::from_string(std::move(text)), random() % 2 ? 100 : SIZE_MAX));
    }
    const std::size_t blocks = model.size() / piece_collector::block_bytes_min + 1;
    EXPECT_LE(all.chain().pieces(),
              2 * model.size() / piece_collector::small_bytes + 2 + 2 * blocks);
    EXPECT_EQ(text_of(all.take()), model);
    EXPECT_EQ(all.size(), 0u);
  }
}

TEST(PieceCollectorTest, AnEmptyPoolIsAnAnswer) {
  quota limits(64);  // not even one block
  pool blocks(limits);
  piece_collector all(&blocks);
  EXPECT_TRUE(all.append(piece(10)));
  EXPECT_FALSE(all.append(piece(10)));
  EXPECT_EQ(all.size(), 10u);
  EXPECT_TRUE(all.append(piece(1'000)));  // large ones need no block
  EXPECT_TRUE(all.append(piece(10)));     // nor does the first small one
}

TEST(PieceCollectorTest, BlocksAreChargedAndGivenBack) {
  quota limits(1_MiB);
  pool blocks(limits);
  {
    piece_collector all(&blocks);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(all.append(piece(10), 0));
    EXPECT_EQ(limits.used(), 4_KiB);
    const bytes_chain taken = all.take();
    blocks.trim();
    EXPECT_EQ(limits.used(), 4_KiB);
  }
  blocks.trim();
  EXPECT_EQ(limits.used(), 0u);
}

}  // namespace
}  // namespace zc
