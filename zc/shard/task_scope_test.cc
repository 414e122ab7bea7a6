// What must hold of a scope: it never holds more than its bound, whatever it holds ends with it,
// join() waits for the last, and a shard that stops gives its scopes their time and no more.

#include "zc/shard/task_scope.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/shard_group.h"
#include "zc/shard/sleep.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::running_shard;
using testing::shard_rig;
using words = std::vector<std::string>;

struct census {
  int& of;
  explicit census(int& o) : of(o) { of += 1; }
  census(const census&) = delete;
  ~census() { of -= 1; }
};

task<> stay(shard& here, nanoseconds how_long, int& alive) {
  const census counted(alive);
  co_await sleep_for(here, how_long);
}

TEST(TaskScopeTest, AFullScopeRefusesAndTheTaskStaysUnstarted) {
  shard_rig r;
  int alive = 0;
  task_scope scope(r.worker, 2);
  EXPECT_TRUE(scope.spawn(stay(r.worker, milliseconds(5), alive)));
  EXPECT_TRUE(scope.spawn(stay(r.worker, milliseconds(9), alive)));
  task<> third = stay(r.worker, milliseconds(1), alive);
  EXPECT_FALSE(scope.spawn(std::move(third)));
  EXPECT_TRUE(bool(third));
  EXPECT_EQ(alive, 2);
  r.advance(milliseconds(7));
  EXPECT_EQ(scope.size(), 1u);
  EXPECT_TRUE(scope.spawn(std::move(third)));
  r.advance(milliseconds(7));
  EXPECT_TRUE(scope.empty());
  EXPECT_EQ(alive, 0);
}

task<> wait_for(task_scope& of, bool& seen) {
  co_await of.join();
  seen = true;
}

TEST(TaskScopeTest, JoinGoesOnWhenTheLastHasEndedAndAtOnceWhenThereIsNone) {
  shard_rig r;
  int alive = 0;
  bool joined = false;
  task_scope inner(r.worker, 8), outer(r.worker, 8);
  ASSERT_TRUE(outer.spawn(wait_for(inner, joined)));
  EXPECT_TRUE(joined);
  joined = false;
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(inner.spawn(stay(r.worker, milliseconds(i), alive)));
  ASSERT_TRUE(outer.spawn(wait_for(inner, joined)));
  r.advance(milliseconds(2));
  EXPECT_FALSE(joined);
  r.advance(milliseconds(3));
  EXPECT_TRUE(joined);
  EXPECT_TRUE(outer.empty());
}

TEST(TaskScopeTest, CancelDestroysTheYoungestFirstAndMakesTheScopeUsableAgain) {
  shard_rig r;
  words log;
  task_scope scope(r.worker, 8), outer(r.worker, 1);
  const auto named = [](shard& here, words& to, std::string name) -> task<> {
    struct last_word {
      words& log;
      std::string& text;
      ~last_word() { log.push_back(text); }
    };
    const last_word word{to, name};
    co_await sleep_for(here, hours(1));
  };
  bool joined = false;
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(scope.spawn(named(r.worker, log, name)));
  ASSERT_TRUE(outer.spawn(wait_for(scope, joined)));
  scope.cancel();
  EXPECT_EQ(log, (words{"c", "b", "a"}));
  r.turn();
  EXPECT_TRUE(joined);
  ASSERT_TRUE(scope.spawn(named(r.worker, log, "d")));
  EXPECT_EQ(scope.size(), 1u);
}

TEST(TaskScopeTest, ATaskMaySpawnIntoItsOwnScopeAndWhileItIsCancelledNobodyMay) {
  shard_rig r;
  int alive = 0;
  bool refused = false;
  {
    task_scope scope(r.worker, 8);
    const auto parent = [](shard& here, task_scope& of, int& count, bool& no) -> task<> {
      struct at_the_end {
        shard& on;
        task_scope& of;
        int& count;
        bool& no;
        ~at_the_end() { no = !of.spawn(stay(on, milliseconds(1), count)); }
      };
      const at_the_end guard{here, of, count, no};
      (void)of.spawn(stay(here, hours(1), count));
      co_await sleep_for(here, hours(1));
    };
    ASSERT_TRUE(scope.spawn(parent(r.worker, scope, alive, refused)));
    EXPECT_EQ(scope.size(), 2u);
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(alive, 0);
}

task<> work_until_stopped(shard& here, stop_flag& stop, int& rounds, bool& tidied) {
  for (;;) {
    const bool slept = co_await sleep_for(here, milliseconds(10), stop);
    if (!slept) break;
    rounds += 1;
  }
  co_await sleep_for(here, milliseconds(2));  // tidying up takes time, too
  tidied = true;
}

TEST(TaskScopeTest, ARequestedStopEndsSleepsAndLetsTasksTidyUp) {
  shard_rig r;
  int rounds = 0;
  bool tidied = false;
  task_scope scope(r.worker, 1);
  ASSERT_TRUE(scope.spawn(work_until_stopped(r.worker, scope.stopping(), rounds, tidied)));
  r.advance(milliseconds(35));
  EXPECT_EQ(rounds, 3);
  scope.request_stop();
  r.turn();
  EXPECT_FALSE(tidied);
  r.advance(milliseconds(4));
  EXPECT_TRUE(tidied);
  EXPECT_EQ(rounds, 3);
  EXPECT_TRUE(scope.empty());
}

TEST(StopFlagTest, WaitersGoOnInOrderAndLaterOnesAtOnce) {
  shard_rig r;
  words log;
  stop_flag stop;
  task_scope scope(r.worker, 8);
  const auto wait = [](stop_flag& s, words& to, std::string name) -> task<> {
    co_await s.wait();
    to.push_back(name);
  };
  ASSERT_TRUE(scope.spawn(wait(stop, log, "a")));
  ASSERT_TRUE(scope.spawn(wait(stop, log, "b")));
  r.turn();
  EXPECT_TRUE(log.empty());
  stop.request();
  stop.request();
  ASSERT_TRUE(scope.spawn(wait(stop, log, "late")));
  r.turn();
  EXPECT_EQ(log, (words{"late", "a", "b"}));
}

TEST(StopFlagTest, MayDieBeforeItsWaiters) {
  shard_rig r;
  auto stop = std::make_unique<stop_flag>();
  task_scope scope(r.worker, 1);
  const auto wait = [](stop_flag& s) -> task<> { co_await s.wait(); };
  ASSERT_TRUE(scope.spawn(wait(*stop)));
  stop.reset();
  r.turn();
  EXPECT_EQ(scope.size(), 1u);
}

TEST(TaskScopeDeathTest, BrokenContractsAbort) {
  shard_rig r;
  EXPECT_DEATH(task_scope(r.worker, 0), "room for one task");
  EXPECT_DEATH(
      {
        task_scope scope(r.worker, 1);
        (void)scope.spawn(task<>());
      },
      "has not been moved from");
  EXPECT_DEATH(
      {
        auto* gone = new shard_rig;
        auto* scope = new task_scope(gone->worker, 1);
        delete gone;
        delete scope;
      },
      "a task_scope must not outlive its shard");
}

// ----------------------------------------------------------------------------------------------
// the end of a shard

struct ends {
  std::atomic<int> tidied{0};
  std::atomic<int> cancelled{0};
};

task<> good(shard& here, stop_flag& stop, ends& count) {
  while (const bool slept = co_await sleep_for(here, hours(1), stop)) (void)slept;
  co_await sleep_for(here, milliseconds(5));
  count.tidied += 1;
}

task<> stubborn(shard& here, ends& count) {
  struct at_the_end {
    std::atomic<int>& n;
    ~at_the_end() { n += 1; }
  };
  const at_the_end guard{count.cancelled};
  for (;;) co_await sleep_for(here, hours(1));
}

TEST(ShardStopTest, ScopesGetTheirGraceTimeAndNoMore) {
  ends count;
  std::unique_ptr<task_scope> scope;
  running_shard s;
  s.run([&](shard& here) {
    scope = std::make_unique<task_scope>(here, 8);
    for (int i = 0; i < 3; ++i) (void)scope->spawn(good(here, scope->stopping(), count));
  });
  const auto start = std::chrono::steady_clock::now();
  s.before_it_goes = [&](shard&) { scope.reset(); };
  s.worker().request_stop(std::chrono::seconds(60));
  s.wait_until_ended();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30))
      << "an empty scope is not waited for";
  EXPECT_EQ(count.tidied, 3);
}

TEST(ShardStopTest, WhatDoesNotEndInTimeIsCancelledOnItsShard) {
  ends count;
  std::unique_ptr<task_scope> scope;
  running_shard s;
  s.before_it_goes = [&](shard&) { scope.reset(); };
  s.run([&](shard& here) {
    scope = std::make_unique<task_scope>(here, 8);
    (void)scope->spawn(stubborn(here, count));
    (void)scope->spawn(good(here, scope->stopping(), count));
  });
  s.worker().request_stop(milliseconds(60));
  s.wait_until_ended();
  EXPECT_EQ(count.tidied, 1);
  EXPECT_EQ(count.cancelled, 1);
}

TEST(ShardStopTest, AStopWithoutGraceCutsALongOneShort) {
  ends count;
  std::unique_ptr<task_scope> scope;
  running_shard s;
  s.before_it_goes = [&](shard&) { scope.reset(); };
  s.run([&](shard& here) {
    scope = std::make_unique<task_scope>(here, 8);
    (void)scope->spawn(stubborn(here, count));
  });
  s.worker().request_stop(hours(1));
  std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(count.cancelled, 0);
  s.worker().request_stop();
  s.wait_until_ended();
  EXPECT_EQ(count.cancelled, 1);
}

TEST(ShardStopTest, AGroupStopsWithGraceAsOneShardDoes) {
  steady_clock time;
  quota limits(64_MiB);
  shard_group::options how;
  how.shards = 3;
  shard_group group(how, [] { return std::make_unique<testing::scripted_poller>(); }, limits, time);
  ends count;
  std::vector<std::unique_ptr<task_scope>> scopes(3);
  ASSERT_TRUE(group.start(
      [&](shard& here) -> result<void> {
        scopes[here.id()] = std::make_unique<task_scope>(here, 4);
        (void)scopes[here.id()]->spawn(good(here, scopes[here.id()]->stopping(), count));
        return {};
      },
      [&](shard& here) { scopes[here.id()].reset(); }));
  group.stop(std::chrono::seconds(60));
  group.join();
  EXPECT_EQ(count.tidied, 3);
}

}  // namespace
}  // namespace zc
