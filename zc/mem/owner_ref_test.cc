// What must hold of a reference in one word: whichever reference is the last to go frees the owner,
// once, and no other does; which one it is makes no difference to whose it is.

#include "zc/mem/owner_ref.h"

#include <array>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"
#include "zc/mem/owner_for_tests.h"

namespace zc {
namespace {

using for_tests::counting_owner;

TEST(OwnerRefTest, NoneIsNobodys) {
  const owner_ref none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.get(), nullptr);
  EXPECT_FALSE(none.is_first());
  EXPECT_EQ(none, none.share());
  none.release();
}

TEST(OwnerRefTest, TheFirstAndASharedOneAreOnTheSameOwner) {
  counting_owner block, other;
  const owner_ref first = owner_ref::first(block);
  const owner_ref shared = first.share();
  EXPECT_TRUE(first.is_first());
  EXPECT_FALSE(shared.is_first());
  EXPECT_EQ(first.get(), &block);
  EXPECT_EQ(shared.get(), &block);
  EXPECT_EQ(first, shared);
  EXPECT_NE(first, owner_ref::first(other));
  EXPECT_EQ(first->retained(), 16u);
}

TEST(OwnerRefTest, TheLastToGoFreesWhicheverItIs) {
  for (const bool first_goes_last : {true, false}) {
    counting_owner block;
    owner_ref goes = owner_ref::first(block);
    owner_ref stays = goes.share();
    if (first_goes_last) std::swap(goes, stays);
    goes.release();
    EXPECT_EQ(block.releases, 0) << "somebody holds it";
    EXPECT_TRUE(block.unique());
    stays.release();
    EXPECT_EQ(block.releases, 1);
  }
}

// In runs of one and of many, with the first reference at their front, at their end and alone.
TEST(OwnerRefTest, AChainLetsGoOfTheFirstReferenceAmongOthers) {
  for (int at = 0; at < 3; ++at) {
    counting_owner block;
    bytes whole = bytes::adopt(block, block.payload);
    const bytes kept = whole.slice(8, 8);
    bytes_chain pieces;
    const bytes part = kept.slice(4, 4);
    if (at == 0) pieces.append(std::move(whole));
    if (at != 2) pieces.append(part);  // continues nobody
    if (at != 0) pieces.append(std::move(whole));
    EXPECT_EQ(pieces.pieces(), at == 2 ? 1u : 2u);
    pieces.clear();
    EXPECT_EQ(block.releases, 0);
    EXPECT_FALSE(kept.unique()) << "`part` holds it too";
  }
}

TEST(OwnerRefTest, OneWhoHasTheFirstAndOneWhoSharesMayLetGoAtOnce) {
  for (int round = 0; round < 200; ++round) {
    counting_owner block;
    bytes mine = bytes::adopt(block, block.payload);
    std::jthread other([theirs = bytes(mine)]() mutable {
      EXPECT_EQ(theirs[0], std::byte{0});
      theirs.clear();
    });
    mine.clear();
    other.join();
    EXPECT_EQ(block.releases, 1);
  }
}

}  // namespace
}  // namespace zc
