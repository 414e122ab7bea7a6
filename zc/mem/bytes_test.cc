// What must hold of `bytes`: it never copies behind your back, it releases its owner exactly once,
// it pins nothing when empty, and it never reads outside what it was given.
//
// Method: a `counting_owner` stands where a pool block will stand and counts releases; a model test
// compares random operations with std::string; the thread test means something under the `tsan`
// preset.

#include "zc/mem/bytes.h"

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/base/units.h"
#include "zc/mem/pool.h"
#include "zc/testing/seed.h"

namespace zc {
namespace {

struct counting_owner final : owner {
  counting_owner() noexcept
      : owner([](owner* self) noexcept { static_cast<counting_owner*>(self)->releases += 1; }, 16) {
  }

  std::array<std::byte, 16> payload{};
  int releases = 0;
};

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

TEST(BytesDeathTest, SliceOutsideTheHandleAborts) {
  const bytes b = "0123456789"_bytes;
  EXPECT_DEATH((void)b.slice(11, 0), "offset <= size_");
  EXPECT_DEATH((void)b.slice(4, 7), "count <= size_ - offset");
  EXPECT_DEATH((void)b.slice(4, SIZE_MAX), "count <= size_ - offset");  // 4 + SIZE_MAX wraps to 3
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
