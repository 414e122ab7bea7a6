// What must hold of `bytes_builder`: it grows without losing or rewriting anything, copies only
// what was not taken when it has to move, and its halves join again.

#include "zc/mem/builder.h"

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/mem/pool.h"

namespace zc {
namespace {

TEST(GrowingBuilderTest, GrowsFromNothingAndKeepsWhatWasWritten) {
  bytes_builder b;
  std::string model;
  for (int i = 0; i < 1000; ++i) {
    b.append_copy("0123456789");
    model += "0123456789";
  }
  EXPECT_GE(b.capacity(), 10'000u);
  EXPECT_LE(b.capacity(), 20'480u) << "twice, not more";
  EXPECT_EQ(std::move(b).freeze(), model);
}

TEST(GrowingBuilderTest, GrowsFourfoldWhileSmallAndThenTwofold) {
  bytes_builder b;
  std::vector<std::size_t> capacities;
  for (int i = 0; i < 9000; ++i) {
    b.push_back('x');
    if (capacities.empty() || capacities.back() != b.capacity()) capacities.push_back(b.capacity());
  }
  EXPECT_EQ(capacities, (std::vector<std::size_t>{64, 256, 1024, 4096, 8192, 16384}));
  bytes_builder odd = bytes_builder::with_capacity(3000);
  odd.append_fill(3001, std::byte{});
  EXPECT_EQ(odd.capacity(), 6000u) << "at least twofold";
}

TEST(GrowingBuilderTest, MovingCopiesOnlyWhatWasNotTaken) {
  bytes_builder b = bytes_builder::with_capacity(1000);
  b.append_fill(900, std::byte{'t'});
  const bytes taken = b.take();
  b.append_fill(100, std::byte{'w'});
  const auto before = ledger::read();
  b.reserve(500);  // the block is shared with `taken`: a new one
  EXPECT_EQ(ledger::read().copied() - before.copied(), 100u);
  EXPECT_EQ(b.size(), 100u);
  EXPECT_GE(b.spare().size(), 500u);
  b.written()[0] = std::byte{'X'};
  EXPECT_EQ(taken, std::string(900, 't'));
  EXPECT_TRUE(taken.unique()) << "the builder let go of the old block";
}

TEST(GrowingBuilderTest, StartsAtTheFrontAgainWhenNobodyHoldsAPart) {
  bytes_builder b = bytes_builder::with_capacity(100);
  b.append_fill(100, std::byte{'t'});
  (void)b.take();
  const auto before = ledger::read();
  const std::size_t block = b.retained_size();
  b.reserve(100);
  EXPECT_EQ(b.capacity(), 100u);
  EXPECT_EQ(b.retained_size(), block);
  EXPECT_EQ(ledger::read().copied(), before.copied());
  // A little that was not taken moves along, counted, as it is less than what it frees.
  b.append_fill(60, std::byte{'t'});
  (void)b.take();
  b.append_fill(40, std::byte{'w'});
  EXPECT_TRUE(b.try_reclaim(60));
  EXPECT_EQ(ledger::read().copied() - before.copied(), 40u);
  EXPECT_FALSE(b.try_reclaim(61));
  EXPECT_EQ(std::move(b).freeze(), std::string(40, 'w'));
}

TEST(GrowingBuilderTest, DoesNotMoveMuchToGainLittle) {
  bytes_builder b = bytes_builder::with_capacity(100);
  b.append_fill(10, std::byte{'t'});
  (void)b.take();
  b.append_fill(90, std::byte{'w'});
  EXPECT_FALSE(b.try_reclaim(10)) << "moving 90 bytes for 10 each time would be quadratic";
}

TEST(GrowingBuilderTest, AppendsWhatLiesInItself) {
  bytes_builder b = bytes_builder::with_capacity(64);
  b.append_fill(32, std::byte{'a'});
  (void)b.take();
  b.append_fill(32, std::byte{'b'});
  b.append_copy(b.written());
  EXPECT_EQ(b.size(), 64u);
  b.append_copy(b.written());
  EXPECT_EQ(std::move(b).freeze(), std::string(128, 'b'));
}

TEST(GrowingBuilderTest, IntegersGoInMostOrLeastSignificantFirst) {
  bytes_builder b;
  b.append_be<std::uint32_t>(0x01020304);
  b.append_le<std::uint32_t>(0x01020304);
  b.append_be<std::int16_t>(-2);
  b.append_le<std::uint64_t>(5);
  b.append_be<std::uint8_t>(9);
  b.push_back('!');
  b.push_back(std::byte{0});
  EXPECT_EQ(std::move(b).freeze(),
            std::string("\1\2\3\4\4\3\2\1\xff\xfe\5\0\0\0\0\0\0\0\x09!\0", 21));
}

TEST(GrowingBuilderTest, IsAnOutputForFormatting) {
  bytes_builder b;
  fmt::format_to(std::back_inserter(b), "{}-{:04}", "span", 42);
  EXPECT_EQ(b.take(), "span-0042");
}

TEST(GrowingBuilderTest, TakesAPartOfWhatWasWritten) {
  bytes_builder b;
  b.append_copy("headbody");
  const bytes head = b.take(4);
  EXPECT_EQ(head, "head");
  EXPECT_EQ(b.size(), 4u);
  EXPECT_TRUE(b.take(0).empty());
  b.truncate(2);
  b.truncate(SIZE_MAX);
  EXPECT_EQ(b.take(2), "bo");
}

TEST(GrowingBuilderTest, SplitsIntoDisjointHalvesAndJoinsThemAgain) {
  bytes_builder front = bytes_builder::with_capacity(64);
  front.append_copy("0123456789");
  const auto before = ledger::read();
  bytes_builder back = front.split_off(4);
  EXPECT_EQ(front.spare().size(), 0u);
  EXPECT_EQ(back.size(), 6u);
  EXPECT_EQ(back.spare().size(), 54u);
  EXPECT_FALSE(front.try_unsplit(front));
  bytes_builder stranger = bytes_builder::with_capacity(4);
  EXPECT_FALSE(front.try_unsplit(stranger));
  EXPECT_TRUE(stranger);
  back.append_copy("ab");
  EXPECT_TRUE(front.try_unsplit(back));
  EXPECT_FALSE(back);
  EXPECT_EQ(front.size(), 12u);
  EXPECT_EQ(front.spare().size(), 52u);
  EXPECT_EQ(ledger::read().copied() - before.copied(), 2u) << "only \"ab\"";
  EXPECT_EQ(std::move(front).freeze(), "0123456789ab");
}

TEST(GrowingBuilderTest, AHalfThatWasTakenFromDoesNotJoin) {
  bytes_builder front = bytes_builder::with_capacity(16);
  front.append_copy("0123456789");
  bytes_builder back = front.split_off(4);
  const bytes taken = back.take(2);
  EXPECT_FALSE(front.try_unsplit(back)) << "what was taken would be ours to write again";
  EXPECT_EQ(back.size(), 4u);
  EXPECT_EQ(taken, "45");
}

TEST(GrowingBuilderTest, TheLastHalfMayReclaimTheWholeBlock) {
  bytes_builder front = bytes_builder::with_capacity(64);
  front.append_copy("0123456789");
  bytes_builder back = front.split_off(10);
  EXPECT_FALSE(back.try_rewind());
  front = bytes_builder();
  EXPECT_TRUE(back.try_rewind());
  EXPECT_EQ(back.capacity(), 64u);
}

TEST(GrowingBuilderTest, APoolsBlockIsLeftOnlyWithLeave) {
  quota q(1_MiB);
  pool p(q);
  bytes_builder b = p.take(100);
  EXPECT_FALSE(b.grows());
  b.commit(b.spare().size());
  b.reserve(1);
  EXPECT_TRUE(b.grows());
  EXPECT_EQ(p.read().blocks_out, 0u);
}

TEST(GrowingBuilderTest, SizesThatNoMemoryHoldsAreRefusedAsNoMemory) {
  bytes_builder b;
  b.append_copy("kept");
  EXPECT_THROW(b.reserve(SIZE_MAX), std::bad_alloc);
  EXPECT_THROW(b.reserve(SIZE_MAX - 4), std::bad_alloc);
  EXPECT_THROW(b.reserve(PTRDIFF_MAX), std::bad_alloc);
  EXPECT_FALSE(b.try_reserve(SIZE_MAX));
  EXPECT_FALSE(b.try_reclaim(SIZE_MAX));
  EXPECT_THROW((void)bytes_builder::with_capacity(SIZE_MAX), std::bad_alloc);
  EXPECT_TRUE(b.try_reserve(0));
  EXPECT_TRUE(b.try_reserve(1000));
  EXPECT_EQ(std::move(b).freeze(), "kept");
}

TEST(GrowingBuilderTest, SurvivesBeingMovedFromAndAssignedToItself) {
  bytes_builder a;
  a.append_copy("x");
  bytes_builder b(std::move(a));
  EXPECT_EQ(a.size(), 0u);
  a.append_copy("y");
  EXPECT_EQ(a.take(), "y");
  bytes_builder& alias = b;
  b = std::move(alias);
  EXPECT_EQ(std::move(b).freeze(), "x");
  EXPECT_TRUE(std::move(b).freeze().empty());
}

TEST(GrowingBuilderDeathTest, BrokenContractsAreNamed) {
  bytes_builder b = bytes_builder::with_capacity(4);
  EXPECT_DEATH(b.commit(5), "commit requires n <= spare");
  EXPECT_DEATH(b.commit(SIZE_MAX), "commit requires n <= spare");
  EXPECT_DEATH((void)b.take(1), "take requires count <= size");
  EXPECT_DEATH((void)b.split_off(1), "split_off requires at <= size");
  b.commit(4);
  EXPECT_DEATH((void)b.try_rewind(), "try_rewind requires that all was taken");
  quota q(1_MiB);
  pool p(q);
  bytes_builder fixed = p.take(1);
  const std::string long_text(fixed.spare().size() + 1, 'x');
  EXPECT_DEATH(fixed.append_copy(long_text), "what is appended fits into spare");
}

}  // namespace
}  // namespace zc
