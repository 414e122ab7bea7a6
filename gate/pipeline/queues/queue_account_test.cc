// What must hold of the account: neither bound is ever exceeded, whoever asks, and nothing is taken
// by halves.
#include "gate/pipeline/queues/queue_account.h"

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"

namespace sluice {
namespace {

TEST(QueueAccountTest, CountsInTheUnitOfItsSizer) {
  const payload_ptr p = kit::plain_payload(otlp::signal::logs, 7);
  const std::size_t size = p->size();
  EXPECT_EQ(queue_account(queue_sizer::requests, 10, 1000).of(*p).units, 1U);
  EXPECT_EQ(queue_account(queue_sizer::items, 10, 1000).of(*p).units, 7U);
  EXPECT_EQ(queue_account(queue_sizer::bytes, 10, 1000).of(*p).units, size);
  EXPECT_EQ(queue_account(queue_sizer::requests, 10, 1000).of(*p).bytes, size);
}

TEST(QueueAccountTest, ARequestWhoseItemsNobodyCountedCostsOne) {
  const payload p(otlp::signal::logs, kit::chain_of("x"), zc::coding::gzip, payload::facts{});
  EXPECT_EQ(queue_account(queue_sizer::items, 10, 1000).of(p).units, 1U);
}

TEST(QueueAccountTest, TakesAllOrNothing) {
  queue_account a(queue_sizer::requests, 2, 100);
  EXPECT_TRUE(a.try_take({1, 60}));
  EXPECT_FALSE(a.try_take({1, 41}));  // bytes
  EXPECT_EQ(a.used(), 1U);
  EXPECT_EQ(a.used_bytes(), 60U);
  EXPECT_TRUE(a.try_take({1, 40}));
  EXPECT_FALSE(a.try_take({1, 0}));  // units
  EXPECT_EQ(a.used_bytes(), 100U);
  a.give_back({1, 60});
  EXPECT_TRUE(a.try_take({1, 60}));
}

TEST(QueueAccountTest, WhatNeverFitsIsKnown) {
  const queue_account a(queue_sizer::items, 10, 100);
  EXPECT_TRUE(a.fits_at_all({10, 100}));
  EXPECT_FALSE(a.fits_at_all({11, 1}));
  EXPECT_FALSE(a.fits_at_all({1, 101}));
}

TEST(QueueAccountTest, ShardsNeverHoldMoreThanTheBoundsTogether) {
  queue_account a(queue_sizer::requests, 20, 1'000);
  std::atomic<std::size_t> held{0};
  std::atomic<std::size_t> bytes{0};
  std::atomic<bool> exceeded{false};
  std::vector<std::jthread> shards;
  for (unsigned t = 0; t < 4; ++t) {
    shards.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<queue_account::cost> mine;
      for (int i = 0; i < 20'000; ++i) {
        const queue_account::cost c{1, random() % 200};
        if (random() % 2 == 0 && a.try_take(c)) {
          if (held.fetch_add(1) + 1 > 20 || bytes.fetch_add(c.bytes) + c.bytes > 1'000)
            exceeded = true;
          mine.push_back(c);
        } else if (!mine.empty()) {
          held.fetch_sub(1);
          bytes.fetch_sub(mine.back().bytes);
          a.give_back(mine.back());
          mine.pop_back();
        }
      }
      for (const auto& c : mine) {
        held.fetch_sub(1);
        bytes.fetch_sub(c.bytes);
        a.give_back(c);
      }
    });
  }
  shards.clear();
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(a.used(), 0U);
  EXPECT_EQ(a.used_bytes(), 0U);
}

}  // namespace
}  // namespace sluice
