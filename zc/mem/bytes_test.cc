// What must hold of `bytes`: it never copies behind your back, it releases its owner exactly once,
// it pins nothing when empty, and it never reads outside what it was given.
//
// Method: a `counting_owner` stands where a pool block will stand and counts releases; a model test
// compares random operations with std::string; the thread test means something under the `tsan`
// preset.

#include "zc/mem/bytes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <memory>
#include <random>
#include <ranges>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/base/units.h"
#include "zc/mem/builder.h"
#include "zc/mem/owner_for_tests.h"
#include "zc/mem/pool.h"
#include "zc/testing/seed.h"

namespace zc {
namespace {

using for_tests::counting_owner;

TEST(BytesTest, EmptyOwnsNothing) {
  const bytes b;
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(b, bytes());
  EXPECT_EQ(b, ""_bytes);
  EXPECT_EQ(b.retained_size(), 0u);
}

TEST(BytesTest, CopyOfIsIndependentOfItsSourceAndCounted) {
  const auto before = ledger::read();
  std::string source = "span";
  const bytes b = bytes::copy_of(source);
  source[0] = 'X';
  EXPECT_EQ(b.text(), "span");
  EXPECT_EQ(ledger::read().copied() - before.copied(), 4u);
}

TEST(BytesTest, FromStringKeepsTheStringsOwnMemory) {
  const auto before = ledger::read();
  std::string source(4096, 'x');
  const char* where = source.data();
  const bytes b = bytes::from_string(std::move(source));
  EXPECT_EQ(static_cast<const void*>(b.data()), where);
  EXPECT_GE(b.retained_size(), 4096u);
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST(BytesTest, SliceSharesTheOwnerAndCopiesNothing) {
  const bytes whole = bytes::copy_of("resource_spans");
  const auto before = ledger::read();
  const bytes part = whole.slice(9, 5);
  EXPECT_EQ(part.text(), "spans");
  EXPECT_EQ(part.data(), whole.data() + 9);
  EXPECT_TRUE(part.shares_owner_with(whole));
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST(BytesTest, LastHandleReleasesTheOwnerExactlyOnce) {
  counting_owner block;
  {
    const bytes a = bytes::adopt(block, block.payload);
    const bytes b = a;
    const bytes c = bytes(a).slice(4, 4);
    EXPECT_EQ(block.releases, 0);
  }
  EXPECT_EQ(block.releases, 1);
}

TEST(BytesTest, APayloadWithThreeHoldersIsOneBlockAtOneAddress) {
  const auto before = ledger::read();
  quota q(64_MiB);
  pool p(q);
  bytes_builder b = p.take(1_MiB);
  b.commit(1_MiB);
  const bytes payload = std::move(b).freeze();
  const std::size_t used = q.used();
  const std::array<bytes, 3> holders{payload, payload, payload.slice(5, payload.size() - 5)};
  for (const bytes& holder : holders) EXPECT_TRUE(holder.shares_owner_with(payload));
  EXPECT_EQ(holders[0].data(), payload.data());
  EXPECT_EQ(holders[2].data(), payload.data() + 5);
  EXPECT_EQ(q.used(), used) << "a holder took memory of its own";
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST(BytesTest, EmptySlicePinsNothing) {
  counting_owner block;
  const bytes none = bytes::adopt(block, block.payload).slice(16, 0);
  EXPECT_EQ(block.releases, 1);
  EXPECT_TRUE(none.empty());
}

TEST(BytesTest, AdvancingOrTruncatingToNothingReleases) {
  counting_owner a;
  bytes gone = bytes::adopt(a, a.payload);
  gone.advance(16);
  EXPECT_EQ(a.releases, 1);
  counting_owner b;
  bytes cut = bytes::adopt(b, b.payload);
  cut.truncate(17);  // no effect
  EXPECT_EQ(cut.size(), 16u);
  cut.truncate(0);
  EXPECT_EQ(b.releases, 1);
}

TEST(BytesTest, SplitToCutsTheFrontOff) {
  bytes rest = bytes::copy_of("headbody");
  const bytes head = rest.split_to(4);
  EXPECT_EQ(head.text(), "head");
  EXPECT_EQ(rest.text(), "body");
  EXPECT_TRUE(head.shares_owner_with(rest));
  EXPECT_EQ(rest.split_to(4), "body"_bytes);
  EXPECT_TRUE(rest.empty());
}

TEST(BytesTest, NeighboursOnOneOwnerJoinAndOthersDoNot) {
  const bytes whole = bytes::copy_of("abcdef");
  bytes front = whole.slice(0, 3);
  EXPECT_FALSE(front.try_join(whole.slice(4, 2)));
  EXPECT_FALSE(front.try_join(bytes::copy_of("def")));
  EXPECT_TRUE(front.try_join(whole.slice(3, 3)));
  EXPECT_EQ(front, whole);
}

TEST(BytesTest, EqualityLooksAtLengthAndContentNotAtOwner) {
  EXPECT_EQ(bytes::copy_of("id"), "id"_bytes);
  EXPECT_NE("id"_bytes, "idx"_bytes);
  EXPECT_NE("id"_bytes, "ix"_bytes);
}

TEST(BytesTest, AssigningAHandleToItselfKeepsIt) {
  bytes b = bytes::copy_of("kept");
  const bytes& alias = b;
  b = alias;
  EXPECT_EQ(b.text(), "kept");
}

TEST(BytesDeathTest, BrokenContractsAreNamed) {
  bytes b = "0123456789"_bytes;
  EXPECT_DEATH((void)b.slice(11, 0), "bytes::slice requires offset <= size");
  EXPECT_DEATH((void)b.slice(4, 7), "bytes::slice requires count <= size\\(\\) - offset");
  EXPECT_DEATH((void)b.slice(4, SIZE_MAX), "count <= size\\(\\) - offset");  // 4 + SIZE_MAX wraps
  EXPECT_DEATH((void)bytes(b).slice(4, SIZE_MAX), "count <= size\\(\\) - offset");
  EXPECT_DEATH((void)b.slice_or_copy(SIZE_MAX, 1), "bytes::slice requires offset <= size");
  EXPECT_DEATH((void)b.split_to(11), "bytes::split_to requires count <= size");
  EXPECT_DEATH((void)b.split_off(SIZE_MAX), "bytes::split_off requires at <= size");
  EXPECT_DEATH(b.advance(11), "bytes::advance requires count <= size");
  EXPECT_DEATH((void)b[10], "requires at < size");
  EXPECT_DEATH((void)b.slice_of("elsewhere"), "slice_of requires a view inside");
  std::vector<bytes> out;
  EXPECT_DEATH(b.split_each(0, std::back_inserter(out)), "split_each requires piece > 0");
  EXPECT_DEATH(b.split_at(std::array<std::size_t, 2>{5, 4}, std::back_inserter(out)),
               "split_at requires ascending cuts");
  EXPECT_DEATH(b.split_at(std::array<std::size_t, 1>{SIZE_MAX}, std::back_inserter(out)),
               "split_at requires ascending cuts");
}

TEST(BytesTest, SplitOffCutsTheBackOff) {
  bytes front = bytes::copy_of("headbody");
  const bytes back = front.split_off(4);
  EXPECT_EQ(front.text(), "head");
  EXPECT_EQ(back.text(), "body");
  EXPECT_TRUE(front.shares_owner_with(back));
  EXPECT_TRUE(front.split_off(4).empty());
  EXPECT_EQ(front.split_off(0), "head");
  EXPECT_TRUE(front.empty());
}

TEST(BytesTest, AViewInsideBecomesAnOwningHandleAgain) {
  bytes found;
  {
    const bytes message = bytes::copy_of("key: value");
    const std::string_view value = message.text().substr(5);
    EXPECT_TRUE(message.contains(message.view()));
    found = message.slice_of(value);
    EXPECT_EQ(found.data(), message.data() + 5);
    EXPECT_TRUE(message.slice_of(std::string_view()).empty());
    const bytes elsewhere = bytes::copy_of("value");
    EXPECT_FALSE(message.contains(elsewhere));
    EXPECT_FALSE(message.slice(0, 4).contains(message.view().subspan(2, 3)));
  }
  EXPECT_EQ(found, "value");
}

TEST(BytesTest, ManyPiecesCostOneUpdateAndReleaseTheOwnerOnce) {
  counting_owner block;
  {
    const bytes whole = bytes::adopt(block, block.payload);
    std::vector<bytes> each;
    whole.split_each(3, std::back_inserter(each));
    ASSERT_EQ(each.size(), 6u);
    EXPECT_EQ(each[5].size(), 1u);
    EXPECT_EQ(each[4].data(), whole.data() + 12);
    std::array<bytes, 5> parts;
    auto* end = whole.split_at(std::array<std::size_t, 4>{0, 4, 4, 16}, parts.data());
    EXPECT_EQ(end, parts.data() + 5);
    EXPECT_TRUE(parts[0].empty());
    EXPECT_EQ(parts[1].size(), 4u);
    EXPECT_TRUE(parts[2].empty());
    EXPECT_EQ(parts[3].size(), 12u);
    EXPECT_TRUE(parts[4].empty());
    bytes::release_all(each);
    for (const bytes& gone : each) EXPECT_TRUE(gone.empty());
    EXPECT_EQ(block.releases, 0);
  }
  EXPECT_EQ(block.releases, 1);
}

TEST(BytesTest, AnOutputThatThrowsLosesNoReference) {
  counting_owner block;
  {
    const bytes whole = bytes::adopt(block, block.payload);
    struct throws_at_third {
      using difference_type = std::ptrdiff_t;
      std::vector<bytes>* to;
      throws_at_third& operator*() { return *this; }
      throws_at_third& operator++() { return *this; }
      throws_at_third operator++(int) { return *this; }
      throws_at_third& operator=(bytes piece) {
        if (to->size() == 2) throw std::bad_alloc();
        to->push_back(std::move(piece));
        return *this;
      }
    };
    std::vector<bytes> got;
    EXPECT_THROW(whole.split_each(4, throws_at_third{&got}), std::bad_alloc);
    EXPECT_EQ(got.size(), 2u);
    got.clear();
    EXPECT_TRUE(whole.unique());
  }
  EXPECT_EQ(block.releases, 1);
}

TEST(BytesTest, EmptyAndStaticHandlesSplitToo) {
  std::vector<bytes> out;
  bytes().split_each(4, std::back_inserter(out));
  EXPECT_TRUE(out.empty());
  bytes().split_at({}, std::back_inserter(out));
  EXPECT_EQ(out.size(), 1u);
  "abcdef"_bytes.split_each(SIZE_MAX, std::back_inserter(out));
  EXPECT_EQ(out.back(), "abcdef");
}

TEST(BytesTest, ForeignMemoryIsGivenBackOnceByWhateverIsCallable) {
  static std::array<std::byte, 32> memory{};
  int plain = 0;
  std::span<const std::byte> given;
  {
    const bytes a = bytes::adopt(memory, [&plain] { ++plain; });
    const bytes b =
        bytes::adopt(memory, [&given](std::span<const std::byte> region) { given = region; }, 4096);
    const bytes part = b.slice(8, 8);
    EXPECT_EQ(a.data(), memory.data());
    EXPECT_EQ(a.retained_size(), 32u);
    EXPECT_EQ(b.retained_size(), 4096u);
    EXPECT_EQ(a.from(), backing::foreign);
    EXPECT_EQ(plain, 0);
  }
  EXPECT_EQ(plain, 1);
  EXPECT_EQ(given.data(), memory.data());
  EXPECT_EQ(given.size(), 32u);
  EXPECT_TRUE(bytes::adopt(std::span<const std::byte>(), [&plain] { ++plain; }).empty());
  EXPECT_EQ(plain, 2) << "an empty region goes back at once";
  auto owned = std::make_unique<int>(7);  // a deleter that can only be moved
  EXPECT_EQ(bytes::adopt(memory, [kept = std::move(owned)] {}).size(), 32u);
}

TEST(BytesTest, ContainersThatAreMovedInKeepTheirMemory) {
  const auto before = ledger::read();
  std::vector<std::uint32_t> numbers(100, 0x01010101u);
  const void* where = numbers.data();
  const bytes b = bytes::from_container(std::move(numbers));
  EXPECT_EQ(static_cast<const void*>(b.data()), where);
  EXPECT_EQ(b.size(), 400u);
  EXPECT_GE(b.retained_size(), 400u);
  // A short string lies inside of its own object: the address is that of its resting place.
  const bytes small = bytes::from_string("short");
  EXPECT_EQ(small, "short");
  EXPECT_EQ(bytes::from_container(std::array<char, 3>{'a', 'b', 'c'}), "abc");
  EXPECT_TRUE(bytes::from_container(std::vector<char>()).empty());
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST(BytesTest, CopiesSmallSlicesOfLargeBlocksAndSharesAllOthers) {
  const bytes large = bytes::copy_of(std::string(10'000, 'x'));
  const auto before = ledger::read();
  EXPECT_TRUE(large.slice_or_copy(0, bytes::copy_small_max + 1).shares_owner_with(large));
  EXPECT_EQ(ledger::read().copied(), before.copied());
  const bytes small = large.slice_or_copy(9'000, bytes::copy_small_max);
  EXPECT_FALSE(small.shares_owner_with(large));
  EXPECT_LT(small.retained_size(), 600u);
  EXPECT_EQ(ledger::read().copied() - before.copied(), bytes::copy_small_max);
  EXPECT_TRUE(small.slice_or_copy(0, 500).shares_owner_with(small)) << "a copy would gain nothing";
  EXPECT_EQ("static"_bytes.slice_or_copy(0, 3), "sta");
  EXPECT_EQ(ledger::read().copied() - before.copied(), bytes::copy_small_max);
}

TEST(BytesTest, CompactingCopiesOnlyWhatPinsMuchMoreThanItShows) {
  const bytes large = bytes::copy_of(std::string(100'000, 'x'));
  const auto before = ledger::read();
  EXPECT_TRUE(large.slice(0, 60'000).compact_copy().shares_owner_with(large));
  EXPECT_FALSE(bytes::copy_of("x").slice(0, 0).wasteful());
  const bytes used = large.slice(10, 49'000);
  EXPECT_TRUE(used.wasteful());
  const bytes own = used.compact_copy();
  EXPECT_FALSE(own.shares_owner_with(large));
  EXPECT_EQ(own, used);
  EXPECT_EQ(ledger::read().copied() - before.copied(), 49'001u);
  EXPECT_TRUE(used.compact_copy({.ratio = 3, .waste_min = 0}).shares_owner_with(large));
  EXPECT_TRUE(large.slice(0, 1).compact_copy({.waste_min = SIZE_MAX}).shares_owner_with(large));
  EXPECT_TRUE(bytes::from_static(std::string_view("literal")).compact_copy().unique() == false);
}

TEST(BytesTest, ASoleHolderMayWriteTheSameMemoryAgain) {
  bytes_builder b = bytes_builder::with_capacity(64);
  b.append_copy("dropped.kept");
  bytes whole = std::move(b).freeze();
  const std::byte* where = whole.data() + 8;
  bytes other = whole;
  auto refused = std::move(whole).try_unfreeze();
  ASSERT_FALSE(refused);
  whole = std::move(refused.error());
  EXPECT_EQ(whole, "dropped.kept");
  other.clear();
  whole.advance(8);
  const auto before = ledger::read();
  auto again = std::move(whole).try_unfreeze();
  ASSERT_TRUE(again);
  EXPECT_TRUE(whole.empty());
  EXPECT_EQ(again->written().data(), where);
  EXPECT_EQ(again->size(), 4u);
  EXPECT_EQ(ledger::read().copied(), before.copied());
  again->written()[0] = std::byte{'K'};
  again->append_copy("!");
  EXPECT_EQ(std::move(*again).freeze(), "Kept!");
}

TEST(BytesTest, MemoryThatIsNotOursToWriteIsNotUnfrozen) {
  EXPECT_FALSE(bytes().try_unfreeze());
  EXPECT_EQ("literal"_bytes.try_unfreeze().error(), "literal");
  static const std::array<std::byte, 4> table{};
  EXPECT_FALSE(bytes::adopt(table, [] {}).try_unfreeze());
  auto moved_in = bytes::from_string(std::string(100, 's')).slice(10, 50).try_unfreeze();
  ASSERT_TRUE(moved_in) << "a container that was moved in is ours";
  EXPECT_EQ(moved_in->capacity(), 50u);
  EXPECT_FALSE(moved_in->grows());
}

TEST(BytesTest, EveryKindOfMemorySaysWhatItIs) {
  quota q(1_MiB);
  pool p(q);
  bytes_builder b = p.take(100);
  b.commit(1);
  EXPECT_EQ(std::move(b).freeze().from(), backing::pool);
  EXPECT_EQ("x"_bytes.from(), backing::static_storage);
  EXPECT_EQ(bytes::copy_of("x").from(), backing::heap);
  EXPECT_EQ(bytes::from_string("x").from(), backing::foreign);
}

TEST(BytesTest, PoolBlocksAreUnfrozenWithAllTheirRoom) {
  quota q(1_MiB);
  pool p(q);
  bytes_builder b = p.take(1000);
  const std::size_t room = b.capacity();
  b.commit(100);
  auto again = std::move(b).freeze().try_unfreeze();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->capacity(), room);
  EXPECT_EQ(again->spare().size(), room - 100);
}

TEST(BytesTest, AHandleIsWhatFunctionsTake) {
  const auto length = [](std::span<const std::byte> view) { return view.size(); };
  const bytes b = bytes::copy_of("abc");
  EXPECT_EQ(length(b), 3u);
  EXPECT_EQ(std::string_view(b), "abc");
  EXPECT_EQ(std::ranges::size(b), 3u);
  EXPECT_TRUE(std::ranges::equal(b, "abc"_bytes));
  EXPECT_EQ(std::vector(b.begin(), b.end()).size(), 3u);
  EXPECT_EQ(b[2], std::byte{'c'});
  static_assert(std::ranges::contiguous_range<bytes>);
  static_assert(!std::ranges::borrowed_range<bytes>, "a handle owns what it shows");
  static_assert(!std::is_convertible_v<std::string, bytes>);
  static_assert(!std::is_convertible_v<bytes, std::string_view>);
  static_assert(std::is_nothrow_move_constructible_v<bytes>);
}

TEST(BytesTest, ComparesWithViewsAndOrdersAsMemcmp) {
  const bytes b = bytes::copy_of("abc");
  EXPECT_EQ(b, "abc");
  EXPECT_EQ("abc", b);
  EXPECT_EQ(b, std::string("abc"));
  EXPECT_EQ(b, std::as_bytes(std::span("abc").first(3)));
  EXPECT_LT(b, "abd"_bytes);
  EXPECT_LT(b, "b");
  EXPECT_GT(b, "ab"_bytes);
  EXPECT_LT("\x7f"_bytes, "\x80"_bytes);
}

TEST(BytesTest, TablesAreSearchedByView) {
  std::unordered_map<bytes, int, content_hasher, std::equal_to<>> table;
  table[bytes::copy_of("key")] = 1;
  EXPECT_EQ(table.count(std::string_view("key")), 1u);
  EXPECT_EQ(table.count("kez"_bytes), 0u);
  EXPECT_EQ(std::unordered_set<bytes>{"a"_bytes}.count(bytes::copy_of("a")), 1u);
}

TEST(OwnerDeathTest, ALeakStopsTheProgramBeforeTheCountWraps) {
  counting_owner block;
  owner::acquire(&block, UINT32_MAX / 2 - 1);
  EXPECT_DEATH(owner::acquire(&block), "before < refs_max");
  EXPECT_DEATH(owner::acquire(&block, UINT32_MAX), "n <= refs_max - before");
  owner::release(&block, UINT32_MAX / 2 - 1);
  EXPECT_TRUE(block.unique());
  owner::release(&block);
  EXPECT_EQ(block.releases, 1);
}

TEST(ContentHashTest, DependsOnContentLengthAndSeedAndNotOnTheCuts) {
  std::string text(100, 'a');
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const auto whole = std::as_bytes(std::span(text).first(size));
    for (std::size_t at = 0; at <= size; ++at) {
      content_hash cut;
      cut.update(whole.first(at));
      cut.update(whole.subspan(at));
      ASSERT_EQ(cut.finish(), content_hash::of(whole));
    }
    EXPECT_NE(content_hash::of(whole), content_hash::of(whole, 1));
  }
  std::unordered_set<std::uint64_t> seen;  // zeros of every length, and one bit anywhere
  std::string zeros(64, '\0');
  for (std::size_t size = 0; size <= 64; ++size)
    seen.insert(content_hash::of(std::as_bytes(std::span(zeros).first(size))));
  for (std::size_t bit = 0; bit < 512; ++bit) {
    zeros[bit / 8] = static_cast<char>(1 << bit % 8);
    seen.insert(content_hash::of(std::as_bytes(std::span(zeros))));
    zeros[bit / 8] = 0;
  }
  EXPECT_EQ(seen.size(), 65u + 512);
}

TEST(BytesTest, RandomOperationsAgreeWithAModel) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  for (int round = 0; round < 50; ++round) {
    std::string model(1024, '\0');
    for (char& c : model) c = static_cast<char>(random());
    bytes real = bytes::copy_of(model);
    while (!model.empty()) {
      const std::size_t offset = random() % (model.size() + 1);
      const std::size_t count = random() % (model.size() - offset + 1);
      switch (random() % 4) {
        case 0:
          model = model.substr(offset, count);
          real = std::move(real).slice(offset, count);
          break;
        case 1:
          model.erase(0, offset);
          real.advance(offset);
          break;
        case 2:
          model.resize(std::min(count, model.size()));
          real.truncate(count);
          break;
        default:
          ASSERT_EQ(real.split_to(offset), bytes::copy_of(model.substr(0, offset)));
          model.erase(0, offset);
      }
      ASSERT_EQ(real.text(), model);
    }
  }
}

TEST(BytesTest, ManyThreadsMaySplitAndReleaseManyPiecesOfOneOwner) {
  counting_owner block;
  {
    const bytes shared = bytes::adopt(block, block.payload);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([mine = shared] {
        std::array<bytes, 8> parts;
        for (int i = 0; i < 500; ++i) {
          mine.split_each(2, parts.begin());
          EXPECT_EQ(parts[7].size(), 2u);
          bytes::release_all(parts);
        }
      });
    }
  }
  EXPECT_EQ(block.releases, 1);
}

TEST(BytesTest, WhatOtherThreadsReadHappensBeforeTheMemoryIsWrittenAgain) {
  bytes whole = bytes::copy_of(std::string(64, 'a'));
  for (char round = 'b'; round < 'z'; ++round) {
    // It lets go of its handle while we wait: nothing but the count orders its reads before our
    // writes.
    const std::jthread reader(
        [mine = bytes(whole), expected = static_cast<std::byte>(round - 1)]() mutable {
          for (const std::byte b : mine) EXPECT_EQ(b, expected);
          mine.clear();
        });
    for (;;) {
      auto again = std::move(whole).try_unfreeze();
      if (!again) {
        whole = std::move(again.error());
        std::this_thread::yield();
        continue;
      }
      again->truncate(0);
      again->append_fill(64, static_cast<std::byte>(round));
      whole = std::move(*again).freeze();
      break;
    }
  }
}

TEST(BytesTest, ManyThreadsMayShareOneOwner) {
  counting_owner block;
  {
    const bytes shared = bytes::adopt(block, block.payload);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([mine = shared] {
        for (int i = 0; i < 1000; ++i) EXPECT_EQ(mine.slice(8, 8).size(), 8u);
      });
    }
  }
  EXPECT_EQ(block.releases, 1);
}

}  // namespace
}  // namespace zc
