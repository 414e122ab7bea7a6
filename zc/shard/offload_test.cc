// What must hold of the pool: work runs beside the shard, results come back on it, whoever goes
// away first leaves nothing dangling, and neither threads nor queue grow beyond their bounds.

#include "zc/shard/offload.h"

#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/task_scope.h"
#include "zc/testing/barrier.h"
#include "zc/testing/seed.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using std::chrono::milliseconds;
using testing::barrier;
using testing::running_shard;
using testing::shard_rig;

offload_pool::options small(unsigned threads, std::size_t queue) {
  offload_pool::options how;
  how.threads_max = threads;
  how.queue_max = queue;
  return how;
}

template <class T>
task<> keep(task<T> of, std::optional<T>& to) {
  to.emplace(co_await std::move(of));
}

void turn_until(shard_rig& r, const std::function<bool()>& true_) {
  while (!true_()) {
    r.turn();
    std::this_thread::yield();
  }
}

TEST(OffloadTest, RunsOnAnotherThreadAndComesBackOnTheShard) {
  shard_rig r;
  offload_pool pool;
  EXPECT_EQ(pool.threads(), 0u) << "none before there is work";
  task_scope scope(r.worker, 1);
  std::optional<result<std::thread::id>> got;
  ASSERT_TRUE(scope.spawn(keep(offload(pool, [] { return std::this_thread::get_id(); }), got)));
  EXPECT_FALSE(got);
  turn_until(r, [&] { return got.has_value(); });
  EXPECT_NE(got->value(), std::this_thread::get_id());
  EXPECT_EQ(pool.threads(), 1u);
}

TEST(OffloadTest, TheCallbackFormDeliversOnTheShardsThread) {
  shard_rig r;
  offload_pool pool;
  std::optional<result<std::unique_ptr<int>>> got;
  shard* on = nullptr;
  const offload_ticket ticket = pool.run(
      r.worker, [] { return std::make_unique<int>(5); },
      [&](result<std::unique_ptr<int>>&& value) {
        on = shard::current();
        got.emplace(std::move(value));
      });
  ASSERT_TRUE(bool(ticket));
  turn_until(r, [&] { return got.has_value(); });
  EXPECT_EQ(***got, 5);
  EXPECT_EQ(on, &r.worker);
}

TEST(OffloadTest, AtMostSoManyThreadsAndSoMuchWaitingWork) {
  shard_rig r;
  barrier gate;
  std::atomic<int> ran{0};
  offload_pool pool(small(2, 3));
  const auto block = [&] {
    gate.wait();
    ran += 1;
  };
  EXPECT_TRUE(pool.try_submit(block));
  gate.until_waiting(1);
  EXPECT_TRUE(pool.try_submit(block));
  gate.until_waiting(2);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool.try_submit(block));
  offload_pool::work more = block;
  EXPECT_FALSE(pool.try_submit(std::move(more)));
  EXPECT_TRUE(bool(more));
  EXPECT_FALSE(bool(pool.run(r.worker, [] { return 1; }, [](result<int>&&) {})));
  EXPECT_EQ(pool.threads(), 2u);
  EXPECT_EQ(pool.queued(), 3u);
  // A task waits for room instead.
  task_scope scope(r.worker, 1);
  std::optional<result<int>> got;
  ASSERT_TRUE(scope.spawn(keep(offload(pool, [] { return 9; }), got)));
  r.turn();
  EXPECT_FALSE(got);
  gate.release();
  turn_until(r, [&] { return got.has_value(); });
  EXPECT_EQ(got->value(), 9);
}

TEST(OffloadTest, TheDestructorLetsQueuedWorkRun) {
  std::atomic<int> ran{0};
  {
    offload_pool pool(small(1, 64));
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(pool.try_submit([&] { ran += 1; }));
  }
  EXPECT_EQ(ran, 50);
}

TEST(OffloadTest, CancelledWorkThatHasNotBegunDoesNotRun) {
  shard_rig r;
  barrier gate;
  std::atomic<int> ran{0};
  {
    offload_pool pool(small(1, 8));
    EXPECT_TRUE(pool.try_submit([&] { gate.wait(); }));
    gate.until_waiting(1);
    {
      task_scope scope(r.worker, 1);
      std::optional<result<void>> got;
      ASSERT_TRUE(scope.spawn(keep(offload(pool, [&] { ran += 1; }), got)));
      const offload_ticket ticket =
          pool.run(r.worker, [&] { ran += 1; }, [&](result<void>&&) { ran += 1; });
    }
    gate.release();
  }
  r.turn();
  EXPECT_EQ(ran, 0);
}

TEST(OffloadTest, TheResultOfCancelledWorkThatRunsIsDroppedOnThePool) {
  shard_rig r;
  barrier gate;
  auto held = std::make_shared<int>(1);
  int delivered = 0;
  {
    offload_pool pool(small(2, 8));
    const auto slow = [&gate, held] {
      gate.wait();
      return held;
    };
    task_scope scope(r.worker, 1);
    std::optional<result<std::shared_ptr<int>>> got;
    ASSERT_TRUE(scope.spawn(keep(offload(pool, slow), got)));
    offload_ticket ticket =
        pool.run(r.worker, slow, [&](result<std::shared_ptr<int>>&&) { delivered += 1; });
    gate.until_waiting(2);
    scope.cancel();
    ticket.drop();
    gate.release();
  }
  r.turn();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(delivered, 0);
}

TEST(OffloadTest, ATicketDroppedBeforeTheDeliveryDropsTheResult) {
  shard_rig r;
  auto held = std::make_shared<int>(1);
  int delivered = 0;
  offload_ticket ticket;
  {
    offload_pool pool;
    ticket = pool.run(
        r.worker, [held] { return held; }, [&](result<std::shared_ptr<int>>&&) { delivered += 1; });
  }  // it has run, and lies with the shard
  ticket.drop();
  r.turn();
  EXPECT_EQ(delivered, 0);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(OffloadTest, ACallbackMayDropItsOwnTicket) {
  shard_rig r;
  offload_pool pool;
  offload_ticket ticket;
  bool done = false;
  ticket = pool.run(
      r.worker, [] { return 1; },
      [&](result<int>&&) {
        ticket.drop();
        done = true;
      });
  turn_until(r, [&] { return done; });
  EXPECT_FALSE(bool(ticket));
}

TEST(OffloadDeathTest, APoolNeedsAThreadAndRoom) {
  EXPECT_DEATH(offload_pool(small(0, 1)), "a thread and room");
  EXPECT_DEATH(offload_pool(small(1, 0)), "a thread and room");
}

TEST(OffloadThreadsTest, RandomWorkAndDeathsFromTwoShardsLeaveNothingBehind) {
  SCOPED_TRACE(testing::seed_trace());
  auto held = std::make_shared<std::atomic<int>>(0);
  {
    offload_pool pool(small(3, 4));
    running_shard a, b;
    const auto drive = [&](running_shard& on, unsigned seed) {
      std::mt19937 random(seed);
      for (int round = 0; round < 150; ++round) {
        std::unique_ptr<task_scope> scope;
        std::vector<offload_ticket> tickets;
        on.run([&](shard& here) {
          scope = std::make_unique<task_scope>(here, 32);
          const auto ask_twice = [](offload_pool& from,
                                    std::shared_ptr<std::atomic<int>> n) -> task<> {
            for (int i = 0; i < 2; ++i) {
              auto asked = offload(from, [n] {
                *n += 1;
                return n;
              });
              (void)co_await std::move(asked);
            }
          };
          for (int i = 0; i < 8; ++i) (void)scope->spawn(ask_twice(pool, held));
          tickets.push_back(pool.run(
              here, [held] { return held; }, [](result<std::shared_ptr<std::atomic<int>>>&&) {}));
        });
        if (random() % 2 == 0) {
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
        }
        on.run([&](shard&) {
          scope.reset();
          tickets.clear();
        });
      }
    };
    std::jthread other([&] { drive(b, testing::seed() + 1); });
    drive(a, testing::seed());
    other.join();
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace zc
