// What must hold of `piece_reader`: wherever it stands, and however it came there, it sees what a
// string would show.
#include "zc/wire/coding/piece_reader.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/wire/coding/chains_for_tests.h"

namespace zc::coders {
namespace {

const std::string model = "0123456789abcdefghij";

std::string rest_of(piece_reader in) {
  std::string text;
  while (in.left() > 0) {
    const auto run = in.peek();
    text.append(reinterpret_cast<const char*>(run.data()), run.size());
    in.skip(run.size());
  }
  return text;
}

TEST(PieceReaderTest, ForwardsAndBackwardsBetweenAnyTwoPlacesSeesTheSameBytes) {
  for (std::size_t piece = 1; piece <= model.size(); ++piece) {
    const bytes_chain chain = in_pieces(model, piece);
    for (std::size_t to = 0; to <= model.size(); ++to) {
      for (std::size_t back = 0; back <= to; ++back) {
        piece_reader in(chain);
        in.skip(to);
        in.back(back);
        ASSERT_EQ(in.position(), to - back);
        ASSERT_EQ(in.left(), model.size() - (to - back));
        ASSERT_EQ(rest_of(in), model.substr(to - back)) << piece << ' ' << to << ' ' << back;
      }
    }
  }
}

TEST(PieceReaderTest, LookTakesNothingAndGivesWhatThereIs) {
  const bytes_chain chain = in_pieces(model, 3);
  piece_reader in(chain);
  in.skip(17);
  std::array<std::byte, 8> out{};
  EXPECT_EQ(in.look(out), 3u);
  EXPECT_EQ(out[0], std::byte{'h'});
  EXPECT_EQ(out[2], std::byte{'j'});
  EXPECT_EQ(in.position(), 17u);
}

TEST(PieceReaderTest, ReadIsAllOrNothing) {
  const bytes_chain chain = in_pieces(model, 3);
  piece_reader in(chain);
  in.skip(18);
  std::array<std::byte, 3> three{};
  EXPECT_FALSE(in.read(three));
  EXPECT_EQ(in.position(), 18u);
  EXPECT_TRUE(in.read(std::span(three).first(2)));
  EXPECT_EQ(in.left(), 0u);
  EXPECT_TRUE(in.peek().empty());
}

TEST(PieceReaderTest, SmallPiecesComeJoinedAndCountedLargeOnesWhereTheyLie) {
  std::array<std::byte, 100> scratch;
  const auto coalesced = [] {
    return ledger::read().bytes[static_cast<std::size_t>(ledger::reason::coalesce)];
  };

  const bytes_chain small = in_pieces(model, 3);
  piece_reader in(small);
  in.skip(1);
  auto before = coalesced();
  const auto run = in.run(scratch);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(run.data()), run.size()), model.substr(1));
  EXPECT_EQ(coalesced(), before + model.size() - 1);
  in.skip(18);  // one is left, which needs no company
  before = coalesced();
  EXPECT_EQ(in.run(scratch).data(), in.peek().data());
  EXPECT_EQ(coalesced(), before);

  // A large piece ends the joining, and lies where it lies.
  const std::string large(piece_reader::small_bytes, 'L');
  bytes_chain mixed = in_pieces("abcd", 2);
  mixed.append(whole(large));
  piece_reader both(mixed);
  EXPECT_EQ(both.run(scratch).size(), 4u);
  both.skip(4);
  EXPECT_EQ(both.run(scratch).data(), both.peek().data());

  // Never more than fits.
  const bytes_chain many = in_pieces(std::string(500, 'x'), 30);
  EXPECT_EQ(piece_reader(many).run(scratch).size(), 90u);
  const bytes_chain wide = in_pieces(std::string(500, 'x'), 250);
  EXPECT_EQ(piece_reader(wide).run(scratch).size(), 250u);
}

TEST(PieceReaderTest, AnEmptyChainHasNothingToShow) {
  const bytes_chain none{};
  piece_reader in(none);
  EXPECT_EQ(in.left(), 0u);
  EXPECT_TRUE(in.peek().empty());
  in.skip(0);
  in.back(0);
}

TEST(PieceReaderDeathTest, SteppingOutsideAborts) {
  const bytes_chain chain = in_pieces(model, 3);
  piece_reader in(chain);
  EXPECT_DEATH(in.back(1), "count <= position_");
  EXPECT_DEATH(in.skip(21), "count <= left_");
}

}  // namespace
}  // namespace zc::coders
