// What must hold of a shard: the order within a turn, that nothing posted is lost or slept over,
// that work for the end of a turn is done in that turn, and that the receive room follows the
// slab's and the quota's rules.
//
// Method: a poller that is a script and a clock that is a variable; real threads only where threads
// are the question.

#include "zc/shard/shard.h"

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::running_shard;

struct named_work final : turn_end_work {
  named_work(std::vector<std::string>& to, std::string text) : log(to), name(std::move(text)) {}
  void at_turn_end() override {
    log.push_back(name);
    if (then) then();
  }
  std::vector<std::string>& log;
  std::string name;
  std::function<void()> then;
};

struct named_timer final : timer {
  explicit named_timer(std::vector<std::string>& to) : log(to) {}
  void on_timer() override { log.push_back("timer"); }
  std::vector<std::string>& log;
};

struct rig : testing::shard_rig {
  using shard_rig::shard_rig;
  std::vector<std::string> log;
};

TEST(ShardTest, ATurnRunsPostedThenEventsThenTimersThenTurnEnd) {
  rig r;
  named_work work(r.log, "end");
  named_timer t(r.log);
  r.worker.arm(t, milliseconds(1));
  r.time.at += milliseconds(5);
  r.worker.post([&] {
    r.log.push_back("posted");
    r.worker.at_turn_end(work);
  });
  r.io->script = [&](nanoseconds) {
    r.log.push_back("event");
    return std::size_t{1};
  };
  r.worker.run_turn(seconds(1));
  EXPECT_EQ(r.log, (std::vector<std::string>{"posted", "event", "timer", "end"}));
  EXPECT_EQ(r.io->waits.back(), nanoseconds(0)) << "work for the turn's end must not wait";
}

TEST(ShardTest, NowIsOneTimePerTurnAndFreshAfterSleeping) {
  rig r;
  time_point seen_in_event;
  r.io->script = [&](nanoseconds longest) {
    r.time.at += longest;  // asleep
    seen_in_event = r.worker.now();
    r.time.at += milliseconds(3);  // a slow callback
    EXPECT_EQ(r.worker.now(), seen_in_event);
    return std::size_t{1};
  };
  const time_point before = r.time.at;
  r.worker.run_turn(seconds(2));
  EXPECT_EQ(seen_in_event, before + seconds(2));
}

TEST(ShardTest, ATimerArmedInACallbackCountsFromTheWakeUp) {
  rig r;
  named_timer t(r.log);
  r.io->script = [&](nanoseconds longest) {
    r.time.at += longest;
    if (!t.armed()) r.worker.arm(t, milliseconds(100));
    return std::size_t{1};
  };
  r.worker.run_turn(seconds(2));
  EXPECT_TRUE(r.log.empty()) << "two seconds of sleep were counted as delay";
  r.worker.run_turn(seconds(2));
  EXPECT_EQ(r.io->waits.back(), milliseconds(100));
}

TEST(ShardTest, PostedTasksKeepTheirOrderAndNewOnesWaitForTheNextTurn) {
  rig r;
  r.worker.post([&] {
    r.log.push_back("a");
    r.worker.post([&] { r.log.push_back("c"); });
  });
  r.worker.post([&] { r.log.push_back("b"); });
  r.worker.run_turn(seconds(1));
  EXPECT_EQ(r.log, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(r.io->waits.back(), nanoseconds(0)) << "a task waits: no sleep";
  r.worker.run_turn(seconds(1));
  EXPECT_EQ(r.log.back(), "c");
  r.worker.run_turn(seconds(1));
  EXPECT_EQ(r.io->waits.back(), seconds(1));
}

TEST(ShardTest, TurnEndWorkIsQueuedOnceRunsInOrderAndMayQueueItselfAgain) {
  rig r;
  named_work a(r.log, "a"), b(r.log, "b");
  int more = 2;
  a.then = [&] {
    if (more-- > 0) r.worker.at_turn_end(a);
  };
  r.worker.at_turn_end(a);
  r.worker.at_turn_end(b);
  r.worker.at_turn_end(a);
  r.worker.run_turn(seconds(1));
  EXPECT_EQ(r.log, (std::vector<std::string>{"a", "b", "a", "a"}));
  r.worker.run_turn(seconds(1));
  EXPECT_EQ(r.log.size(), 4u);
}

TEST(ShardTest, DestroyedTurnEndWorkIsForgottenAlsoWhenItIsTheLast) {
  rig r;
  named_work kept(r.log, "kept"), after(r.log, "after");
  auto gone = std::make_unique<named_work>(r.log, "gone");
  r.worker.at_turn_end(kept);
  r.worker.at_turn_end(*gone);
  gone.reset();
  r.worker.at_turn_end(after);
  auto last = std::make_unique<named_work>(r.log, "last");
  after.then = [&] { last.reset(); };
  r.worker.at_turn_end(*last);
  r.worker.run_turn(seconds(1));
  EXPECT_EQ(r.log, (std::vector<std::string>{"kept", "after"}));
}

TEST(ShardTest, WorkMayOutliveItsShard) {
  std::vector<std::string> log;
  named_work work(log, "never");
  {
    rig r;
    r.worker.at_turn_end(work);
  }
  EXPECT_TRUE(log.empty());  // and its destructor touches nothing of the shard
}

TEST(ShardTest, ScratchIsAlignedAndLargeAndAlwaysThere) {
  rig r(1);  // a quota that grants nothing
  const std::span<std::byte> s = r.worker.scratch();
  EXPECT_EQ(s.size(), 64_KiB);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(s.data()) % 64, 0u);
  EXPECT_EQ(r.worker.scratch().data(), s.data());
}

TEST(ShardTest, ScratchIsAskedOfThePoolOnceAndNoMore) {
  rig r;
  const std::byte* where = r.worker.scratch().data();
  const pool::statistics before = r.worker.memory().read();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(r.worker.scratch().data(), where);
    r.worker.run_turn(nanoseconds(0));
  }
  const pool::statistics after = r.worker.memory().read();
  EXPECT_EQ(after.hits + after.misses, before.hits + before.misses);
}

// ------------------------------------------------------------------------------------------
// receive room

TEST(ReceiveRoomTest, ASlabIsOneBlockOf256KiB) {
  rig r;
  EXPECT_GT(r.worker.receive_room().size(), 255_KiB);
  EXPECT_EQ(r.limits.used(), 256_KiB);
}

TEST(ReceiveRoomTest, ReadsLieBehindEachOtherOnCacheLinesAndWhatWasReceivedStays) {
  rig r;
  const std::span<std::byte> first = r.worker.receive_room();
  std::memcpy(first.data(), "hello", 5);
  const bytes a = r.worker.received(5);
  const std::span<std::byte> second = r.worker.receive_room();
  EXPECT_EQ(second.data(), first.data() + 64);
  EXPECT_EQ(second.size(), first.size() - 64);
  std::memcpy(second.data(), "world", 5);
  const bytes b = r.worker.received(5);
  EXPECT_EQ(a.text(), "hello");
  EXPECT_EQ(b.text(), "world");
  EXPECT_TRUE(a.shares_owner_with(b));
}

TEST(ReceiveRoomTest, TheSlabRewindsWhenOnlyTheShardHoldsIt) {
  rig r;
  const std::byte* front = r.worker.receive_room().data();
  bytes held = r.worker.received(1000);
  EXPECT_NE(r.worker.receive_room().data(), front);
  held = {};
  EXPECT_EQ(r.worker.receive_room().data(), front);
}

TEST(ReceiveRoomTest, LessThan64KiBLeftMeansANewSlab) {
  rig r;
  const std::size_t whole = r.worker.receive_room().size();
  const bytes a = r.worker.received(whole - 64_KiB);
  const std::span<std::byte> rest = r.worker.receive_room();
  EXPECT_GE(rest.size(), 64_KiB);
  if (rest.size() < whole) {
    const bytes b = r.worker.received(1);
    EXPECT_EQ(r.worker.receive_room().size(), whole);
    EXPECT_EQ(r.limits.used(), 512_KiB);
  }
}

TEST(ReceiveRoomTest, WithoutQuotaTheRoomIsEmptyUnlessDrainingAndComesBack) {
  rig r(256_KiB);
  const std::size_t whole = r.worker.receive_room().size();
  bytes held = r.worker.received(whole);
  EXPECT_TRUE(r.worker.receive_room().empty());
  EXPECT_TRUE(r.worker.receive_room().empty());
  held = {};
  EXPECT_EQ(r.worker.receive_room().size(), whole);
  held = r.worker.received(whole);
  EXPECT_EQ(r.worker.receive_room(urgency::draining).size(), whole);
}

TEST(ReceiveRoomTest, ReceivingNothingTakesNothing) {
  rig r;
  const std::byte* front = r.worker.receive_room().data();
  EXPECT_TRUE(r.worker.received(0).empty());
  EXPECT_EQ(r.worker.receive_room().data(), front);
}

TEST(ReceiveRoomDeathTest, ReceivingMoreThanTheRoomAborts) {
  rig r;
  const std::size_t whole = r.worker.receive_room().size();
  EXPECT_DEATH((void)r.worker.received(whole + 1), "room_bytes_");
}

// ---------------------------------------------------------------------------------------------
// threads

TEST(ShardThreadsTest, TasksPostedFromManyThreadsAllRunOnTheShardInOrder) {
  constexpr int threads = 4, each = 5000;
  running_shard s;
  std::atomic<int> ran{0};
  std::vector<int> next(threads, 0);  // the shard's alone
  std::atomic<bool> in_order{true};
  {
    std::vector<std::jthread> posters;
    for (int t = 0; t < threads; ++t) {
      posters.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          s.worker().post([&, t, i] {
            if (next[static_cast<std::size_t>(t)]++ != i) in_order = false;
            if (ran.fetch_add(1) + 1 == threads * each) ran.notify_one();
          });
        }
      });
    }
  }
  for (int seen = ran; seen < threads * each; seen = ran) ran.wait(seen);
  EXPECT_TRUE(in_order);
}

TEST(ShardThreadsTest, APostWakesASleepingShard) {
  running_shard s;
  for (int i = 0; i < 200; ++i) {
    std::atomic<bool> ran{false};
    s.worker().post([&] {
      ran = true;
      ran.notify_one();
    });
    ran.wait(false);  // the poller would sleep a minute
  }
}

TEST(ShardThreadsTest, WhatWasPostedBeforeTheRequestToStopRunsAndLaterTasksAreDropped) {
  running_shard s;
  std::atomic<int> ran{0};
  for (int i = 0; i < 100; ++i) s.worker().post([&] { ran += 1; });
  s.stop();
  s.wait_until_ended();
  EXPECT_EQ(ran, 100);
  auto held = std::make_shared<int>(1);
  s.worker().post([held, &ran] { ran += 1; });
  EXPECT_EQ(held.use_count(), 1) << "dropped, not kept";
  EXPECT_EQ(ran, 100);
}

}  // namespace
}  // namespace zc
