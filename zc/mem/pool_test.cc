// What must hold of pool, quota and builder: blocks come back exactly once from any thread, the
// quota is exact, what was taken from a builder is never written again, and the pool object may die
// before its blocks.

#include "zc/mem/pool.h"

#include <cstring>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/testing/seed.h"

namespace zc {
namespace {

TEST(QuotaTest, GrantsUpToTheLimitAndNotOneByteMore) {
  quota q(1000);
  EXPECT_TRUE(q.try_charge(1000));
  EXPECT_FALSE(q.try_charge(1));
  EXPECT_FALSE(q.try_charge(SIZE_MAX));  // used + SIZE_MAX wraps
  EXPECT_TRUE(q.tight());
  q.release(200);
  EXPECT_FALSE(q.tight());
  EXPECT_EQ(q.peak(), 1000u);
}

TEST(QuotaTest, DrainingIsGrantedAndCounted) {
  quota q(100);
  EXPECT_TRUE(q.try_charge(100));
  EXPECT_TRUE(q.try_charge(50, urgency::draining));
  EXPECT_EQ(q.used(), 150u);
  EXPECT_FALSE(q.try_charge(1));  // over the limit already: the difference must not wrap
}

TEST(PoolTest, ReusesABlockOfTheSameClass) {
  quota q(64_MiB);
  pool p(q);
  const std::byte* first = p.take(100'000).spare().data();
  EXPECT_EQ(p.take(100'000).spare().data(), first);
  EXPECT_EQ(p.read().misses, 1u);
  EXPECT_EQ(p.read().hits, 1u);
}

TEST(PoolTest, EveryRoomIsAlignedAndLargeEnoughWithLittleWaste) {
  quota q(1_GiB);
  pool p(q, 0);
  for (std::size_t room : {std::size_t{1}, std::size_t{3968}, 4_KiB, 4_KiB + 1, 100'000ul, 256_KiB,
                           360'000ul, 1_MiB, 5_MiB, 64_MiB}) {
    bytes_builder b = p.take(room);
    ASSERT_TRUE(b) << room;
    EXPECT_GE(b.capacity(), room);
    EXPECT_LE(b.retained_size(), std::max<std::size_t>(4_KiB, room + room / 4 + 256)) << room;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.spare().data()) % 64, 0u);
    EXPECT_EQ(q.used(), b.retained_size());
  }
  EXPECT_EQ(q.used(), 0u);  // nothing cached: all went back
}

TEST(PoolTest, RefusesAtTheQuotaAndRecovers) {
  quota q(1_MiB);
  pool p(q);
  std::vector<bytes_builder> held;
  for (;;) {
    bytes_builder b = p.take(100'000);
    if (!b) break;
    held.push_back(std::move(b));
  }
  EXPECT_EQ(held.size(), 9u);  // 112 KiB class
  EXPECT_LE(q.used(), q.limit());
  EXPECT_EQ(p.read().refused, 1u);
  EXPECT_TRUE(p.take(100'000, urgency::draining));
  held.clear();
  EXPECT_TRUE(p.take(900'000)) << "cached blocks of another class must make way";
  p.trim();
  EXPECT_EQ(q.used(), 0u);
}

TEST(PoolTest, CacheIsBounded) {
  quota q(64_MiB);
  pool p(q, 1_MiB);
  {
    std::vector<bytes_builder> held;
    for (int i = 0; i < 64; ++i) held.push_back(p.take(100'000));
  }
  EXPECT_LE(p.read().cached_bytes, 1_MiB);
  EXPECT_EQ(q.used(), p.read().cached_bytes);
  EXPECT_EQ(p.read().blocks_out, 0u);
}

TEST(PoolTest, BlocksGivenBackByOtherThreadsAreReused) {
  quota q(64_MiB);
  pool p(q);
  for (int round = 0; round < 20; ++round) {
    std::vector<bytes> out;
    for (int i = 0; i < 50; ++i) {
      bytes_builder b = p.take(5000);
      ASSERT_TRUE(b);
      std::memset(b.spare().data(), i, 10);
      b.commit(10);
      out.push_back(std::move(b).freeze());
    }
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([mine = std::vector<bytes>(out)]() mutable { mine.clear(); });
    }
    out.clear();
  }
  EXPECT_TRUE(p.take(1));  // drains what came from elsewhere
  EXPECT_EQ(p.read().blocks_out, 0u);
  EXPECT_LE(p.read().misses, 1001u);
  EXPECT_GT(p.read().foreign + p.read().hits, 0u);
  p.trim();
  EXPECT_EQ(q.used(), 0u);
}

TEST(PoolTest, BlocksMayOutliveThePoolAndDieOnAnyThread) {
  quota q(64_MiB);
  for (int round = 0; round < 50; ++round) {
    std::vector<bytes> out;
    std::optional<pool> p(std::in_place, q);
    for (int i = 0; i < 16; ++i) {
      bytes_builder b = p->take(5000);
      b.commit(1);
      out.push_back(std::move(b).freeze());
    }
    std::jthread one([a = bytes(out[0]), b = bytes(out[1])] {});
    std::jthread two([mine = std::vector<bytes>(out.begin() + 8, out.end())] {});
    out.resize(8);
    p.reset();
  }
  EXPECT_EQ(q.used(), 0u);
}

TEST(BuilderTest, WhatWasTakenIsNeverWrittenAgain) {
  bytes_builder b = bytes_builder::with_capacity(64);
  b.append_copy("head");
  const bytes head = b.take();
  b.append_copy("body");
  const bytes body = b.take();
  EXPECT_EQ(head.text(), "head");
  EXPECT_EQ(body.text(), "body");
  EXPECT_EQ(body.data(), head.data() + 4);
  EXPECT_TRUE(b.take().empty());
}

TEST(BuilderTest, RewindsOnlyWhenNobodyHoldsAPart) {
  bytes_builder b = bytes_builder::with_capacity(16);
  b.append_copy("0123456789");
  {
    const bytes held = b.take();
    EXPECT_FALSE(b.try_rewind());
    EXPECT_EQ(b.spare().size(), 6u);
  }
  EXPECT_TRUE(b.try_rewind());
  EXPECT_EQ(b.spare().size(), 16u);
}

TEST(BuilderTest, FreezeCopiesNothing) {
  bytes_builder b = bytes_builder::with_capacity(1000);
  std::memset(b.spare().data(), 'x', 1000);
  b.commit(1000);
  const auto before = ledger::read();
  const bytes whole = std::move(b).freeze();
  EXPECT_EQ(whole.size(), 1000u);
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST(BuilderTest, FrozenAndTakenBytesLieWhereTheyWereWritten) {
  quota q(1_MiB);
  pool p(q);
  bytes_builder b = p.take(1000);
  const std::byte* where = b.spare().data();
  std::memset(b.spare().data(), 'x', 1000);
  b.commit(400);
  const bytes front = b.take();
  b.commit(600);
  const bytes rest = std::move(b).freeze();
  EXPECT_EQ(front.data(), where);
  EXPECT_EQ(rest.data(), where + 400);
  EXPECT_TRUE(rest.shares_owner_with(front));
  EXPECT_EQ(p.read().misses, 1u) << "one block for all of it";
}

}  // namespace
}  // namespace zc
