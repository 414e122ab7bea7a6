// What must hold of the budget: the bound is never exceeded, whoever waits is served, and nothing
// is lost when queues come and go.
//
// Method: shards that turn by hand stand for the gateway's; a queue is a number of consumers it
// holds and a number it still wants. The threads test means something under TSan.
#include "gate/pipeline/queues/consumer_budget.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "zc/testing/seed.h"

namespace sluice {
namespace {

// As sending_queue does it: what is `wanted` starts as soon as there is a consumer for it.
struct worker final : consumer_budget::user {
  worker(consumer_budget& b, unsigned n) : budget(b), number(n) {
    zc::shard::options how;
    how.id = n;
    on = std::make_unique<zc::shard>(how, std::make_unique<kit::idle_poller>(), limits, time);
    budget.join(number, *on, *this);
  }
  ~worker() {
    wanted = 0;
    busy = 0;
    settle();
    budget.leave(number);
  }
  void on_consumer() override {
    taken += 1;
    pump();
  }
  void pump() {
    while (wanted > 0) {
      if (taken == busy) {
        if (!budget.try_take(number)) break;
        taken += 1;
      }
      wanted -= 1;
      busy += 1;
      if (gauge != nullptr) highest = std::max(highest, gauge->fetch_add(1) + 1);
    }
    settle();
  }
  void settle() {
    if (wanted == 0) budget.withdraw(number);
    while (taken > busy && !(wanted > 0 && budget.may_keep(number, taken))) {
      taken -= 1;
      budget.give_back(number);
    }
  }
  void finish() {
    if (gauge != nullptr) gauge->fetch_sub(1);
    busy -= 1;
    done += 1;
    settle();
    pump();
  }
  void turn() { on->run_turn(zc::nanoseconds(0)); }

  consumer_budget& budget;
  unsigned number;
  kit::hand_clock time;
  zc::quota limits{1 << 20};
  std::unique_ptr<zc::shard> on;
  std::size_t wanted = 0, busy = 0, taken = 0, done = 0;
  std::atomic<std::size_t>* gauge = nullptr;  // of all workers together
  std::size_t highest = 0;                    // that it showed
};

TEST(ConsumerBudgetTest, OneQueueMayUseAllConsumersAndNoMore) {
  consumer_budget b(5, 3);
  worker w(b, 0);
  w.wanted = 8;
  w.pump();
  EXPECT_EQ(w.busy, 5U);
  EXPECT_EQ(b.taken(), 5U);
}

TEST(ConsumerBudgetTest, AQueueThatWaitsIsHandedWhatAnotherHasAboveItsShare) {
  consumer_budget b(4, 2);
  worker first(b, 0), second(b, 1);
  first.wanted = 100;
  first.pump();
  second.wanted = 100;
  second.pump();
  EXPECT_EQ(second.busy, 0U);
  for (int i = 0; i < 10; ++i) {
    first.finish();
    second.turn();
  }
  EXPECT_EQ(first.busy, 2U);
  EXPECT_EQ(second.busy, 2U) << "and both keep their share";
}

TEST(ConsumerBudgetTest, FewerConsumersThanQueuesGoRound) {
  consumer_budget b(1, 3);
  std::deque<worker> all;
  for (unsigned n = 0; n < 3; ++n) all.emplace_back(b, n);
  for (worker& w : all) {
    w.wanted = 100;
    w.pump();
  }
  for (int i = 0; i < 60; ++i) {
    for (worker& w : all) {
      if (w.busy > 0) {
        w.finish();
        break;
      }
    }
    for (worker& w : all) w.turn();
  }
  for (const worker& w : all) EXPECT_GE(w.done, 19U) << w.number;
}

TEST(ConsumerBudgetTest, WhatWasHandedToAQueueThatIsGoneIsNotLost) {
  consumer_budget b(1, 2);
  worker stays(b, 0);
  auto goes = std::make_unique<worker>(b, 1);
  stays.wanted = 1;
  stays.pump();
  goes->wanted = 1;
  goes->pump();
  stays.finish();  // on its way to the other, which goes without having looked
  EXPECT_EQ(b.taken(), 1U);
  goes.reset();
  EXPECT_EQ(b.taken(), 0U);
}

TEST(ConsumerBudgetTest, RandomWorkAlwaysEndsAndNeverExceedsTheBound) {
  SCOPED_TRACE(zc::testing::seed_trace());
  std::mt19937 random(zc::testing::seed());
  for (int round = 0; round < 200; ++round) {
    const std::size_t most = 1 + random() % 6;
    const unsigned queues = 1 + random() % 4;
    consumer_budget b(most, queues);
    std::deque<worker> all;
    for (unsigned n = 0; n < queues; ++n) all.emplace_back(b, n);
    std::size_t given = 0;
    const auto check = [&] {
      std::size_t busy = 0, taken = 0, wanted = 0, done = 0;
      for (const worker& w : all) {
        busy += w.busy;
        taken += w.taken;
        wanted += w.wanted;
        done += w.done;
      }
      ASSERT_LE(taken, b.taken());
      ASSERT_LE(b.taken(), most);
      ASSERT_EQ(busy + wanted + done, given);
    };
    for (int step = 0; step < 300; ++step) {
      worker& w = all[random() % queues];
      switch (random() % 3) {
        case 0:
          w.wanted += 1;
          given += 1;
          w.pump();
          break;
        case 1:
          if (w.busy > 0) w.finish();
          break;
        default:
          w.turn();
      }
      check();
    }
    for (std::size_t i = 0; i < 10 * given + 10; ++i) {
      for (worker& w : all) {
        if (w.busy > 0) w.finish();
        w.turn();
      }
    }
    check();
    for (const worker& w : all) ASSERT_EQ(w.wanted + w.busy, 0U) << "somebody was left waiting";
    ASSERT_EQ(b.taken(), 0U);
  }
}

TEST(ConsumerBudgetTest, ShardsOnThreadsAllFinishTheirWork) {
  constexpr unsigned queues = 4;
  constexpr std::size_t each = 5'000;
  for (const std::size_t most : {std::size_t{1}, std::size_t{3}, std::size_t{9}}) {
    consumer_budget b(most, queues);
    std::atomic<std::size_t> under_way{0};
    std::atomic<bool> exceeded{false};
    std::atomic<unsigned> idle{0};
    std::vector<std::jthread> threads;
    for (unsigned n = 0; n < queues; ++n) {
      threads.emplace_back([&, n] {
        worker w(b, n);
        w.gauge = &under_way;
        w.wanted = each;
        w.pump();
        while (w.done < each) {
          if (w.busy > 0) {
            w.finish();
          } else {
            std::this_thread::yield();
          }
          w.turn();
        }
        if (w.highest > most) exceeded = true;
        // Others may still hand over: the shard turns until all are done.
        idle += 1;
        while (idle < queues) {
          w.turn();
          std::this_thread::yield();
        }
      });
    }
    threads.clear();
    EXPECT_FALSE(exceeded);
    EXPECT_EQ(b.taken(), 0U);
  }
}

}  // namespace
}  // namespace sluice
