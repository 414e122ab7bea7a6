// What must hold of a wakeup: what is fired is resumed exactly once, on its shard, from the loop
// and in the order of firing; what dies first is never resumed; and a shard that sleeps is woken.
//
// Method: the smallest coroutine there is waits on a gate with a lock, as every awaitable does.

#include "zc/shard/wakeup.h"

#include <atomic>
#include <coroutine>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/shard.h"
#include "zc/testing/job.h"
#include "zc/testing/seed.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using testing::job;
using testing::running_shard;
using testing::shard_rig;

// Waiters in a list under a lock; open_one() fires the first.
class gate {
 public:
  class waiter {
   public:
    explicit waiter(gate& at) noexcept : gate_(at) {}
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter() {
      const std::lock_guard lock(gate_.guard_);
      std::erase(gate_.waiting_, this);
    }
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) {
      back_.arm(h);
      const std::lock_guard lock(gate_.guard_);
      gate_.waiting_.push_back(this);
    }
    void await_resume() noexcept {}

   private:
    friend class gate;
    gate& gate_;
    wakeup back_;
  };
  waiter wait() noexcept { return waiter(*this); }
  bool open_one() {
    const std::lock_guard lock(guard_);
    if (waiting_.empty()) return false;
    waiter* first = waiting_.front();
    waiting_.pop_front();
    first->back_.fire();
    return true;
  }
  void open_all() {
    while (open_one()) {
    }
  }

 private:
  std::mutex guard_;
  std::deque<waiter*> waiting_;
};

job pass(gate& g, std::vector<std::string>& log, std::string name) {
  co_await g.wait();
  log.push_back(std::move(name));
}

TEST(WakeupTest, WhatIsFiredIsResumedByTheLoopInTheOrderOfFiringAndNotInline) {
  shard_rig r;
  gate g;
  std::vector<std::string> log;
  const job a = pass(g, log, "a");
  const job b = pass(g, log, "b");
  g.open_all();
  EXPECT_TRUE(log.empty());
  r.turn();
  EXPECT_EQ(log, (std::vector<std::string>{"a", "b"}));
  r.turn();
  EXPECT_EQ(log.size(), 2u);
}

TEST(WakeupTest, AShardDoesNotSleepOverAFiredWakeup) {
  shard_rig r;
  gate g;
  std::vector<std::string> log;
  const job a = pass(g, log, "a");
  r.io->script = [&](nanoseconds) {
    g.open_one();
    return std::size_t{1};
  };
  r.worker.run_turn(std::chrono::seconds(1));  // fired by an event: resumed in the same turn
  EXPECT_EQ(log.size(), 1u);
  EXPECT_EQ(r.io->waits.back(), std::chrono::seconds(1));
}

TEST(WakeupTest, ACoroutineDestroyedWhileItWaitsIsNotResumed) {
  shard_rig r;
  gate g;
  std::vector<std::string> log;
  {
    const job gone = pass(g, log, "gone");
  }
  g.open_all();
  r.turn();
  EXPECT_TRUE(log.empty());
}

TEST(WakeupTest, ACoroutineDestroyedAfterItsWakeupFiredIsTakenOutOfTheReadyList) {
  shard_rig r;
  gate g;
  std::vector<std::string> log;
  job first = pass(g, log, "first");
  job middle = pass(g, log, "middle");
  job last = pass(g, log, "last");
  g.open_all();
  middle = job();
  r.turn();
  EXPECT_EQ(log, (std::vector<std::string>{"first", "last"}));
}

TEST(WakeupTest, TheSameHoldsWhenAnotherThreadFired) {
  shard_rig r;
  gate g;
  std::vector<std::string> log;
  job first = pass(g, log, "first");
  job middle = pass(g, log, "middle");
  job last = pass(g, log, "last");
  std::thread([&] { g.open_all(); }).join();
  middle = job();
  r.turn();
  EXPECT_EQ(log, (std::vector<std::string>{"first", "last"}));
}

TEST(WakeupTest, AResumedCoroutineMayDestroyAnotherThatIsReady) {
  shard_rig r;
  gate g;
  std::vector<std::string> log;
  job victim;
  const auto killer = [](gate& at, job& whom) -> job {
    co_await at.wait();
    whom = job();
  };
  const job k = killer(g, victim);
  victim = pass(g, log, "victim");
  g.open_all();
  r.turn();
  EXPECT_TRUE(log.empty());
}

TEST(WakeupTest, TwoThatWakeEachOtherLeaveThePollerItsTurn) {
  shard_rig r;
  gate ping, pong;
  std::size_t rounds = 0;
  const auto play = [](gate& mine, gate& other, std::size_t& count) -> job {
    for (;;) {
      co_await mine.wait();
      count += 1;
      other.open_one();
    }
  };
  const job a = play(ping, pong, rounds);
  const job b = play(pong, ping, rounds);
  ping.open_one();
  r.turn();
  EXPECT_EQ(rounds, 2 * shard::resumes_max) << "before the poll and after it";
  EXPECT_EQ(r.io->waits, std::vector<nanoseconds>{nanoseconds(0)});
}

TEST(WakeupTest, CurrentIsTheShardWhoseTurnItIs) {
  EXPECT_EQ(shard::current(), nullptr);
  {
    shard_rig one, two;
    EXPECT_EQ(shard::current(), &one.worker);
    shard* seen = nullptr;
    two.worker.post([&] { seen = shard::current(); });
    two.turn();
    EXPECT_EQ(seen, &two.worker);
    EXPECT_EQ(shard::current(), &one.worker);
    const shard::as_current named(two.worker);
    EXPECT_EQ(shard::current(), &two.worker);
    std::thread([] { EXPECT_EQ(shard::current(), nullptr); }).join();
  }
  EXPECT_EQ(shard::current(), nullptr);
}

TEST(WakeupTest, WithTwoShardsOnAThreadEachResumesItsOwn) {
  shard_rig one, two;
  gate g;
  std::vector<std::string> log;
  const job a = pass(g, log, "one");
  job b;
  {
    const shard::as_current named(two.worker);
    b = pass(g, log, "two");
  }
  g.open_all();  // from one's point of view two is another thread's
  two.turn();
  EXPECT_EQ(log, std::vector<std::string>{"two"});
  one.turn();
  EXPECT_EQ(log, (std::vector<std::string>{"two", "one"}));
}

TEST(WakeupDeathTest, BrokenContractsAbort) {
  EXPECT_DEATH(
      {
        wakeup w;
        w.arm(std::noop_coroutine());
      },
      "requires a shard's thread");
  shard_rig r;
  EXPECT_DEATH(
      {
        wakeup w;
        w.fire();
      },
      "one arm\\(\\) per fire\\(\\)");
  EXPECT_DEATH(
      {
        wakeup w;
        w.arm(std::noop_coroutine());
        w.arm(std::noop_coroutine());
      },
      "requires that it is not armed");
  EXPECT_DEATH(
      {
        wakeup w;
        w.arm(std::noop_coroutine());
        w.fire();
        w.fire();
      },
      "one arm\\(\\) per fire\\(\\)");
  EXPECT_DEATH(
      {
        wakeup w;
        {
          shard_rig short_lived;
          const shard::as_current here(short_lived.worker);
          w.arm(std::noop_coroutine());
        }
      },
      "must not outlive the shard");
}

TEST(WakeupTest, RandomFiresAndDeathsResumeExactlyWhatLivesAndWasFired) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  shard_rig r;
  gate g;
  struct one {
    job running;
    bool fired = false;
    bool resumed = false;
  };
  const auto wait = [](gate& at, one& self) -> job {
    co_await at.wait();
    self.resumed = true;
  };
  std::deque<std::unique_ptr<one>> all;  // in the order of waiting
  for (int step = 0; step < 20'000; ++step) {
    switch (random() % 5) {
      case 0:
      case 1:
        all.push_back(std::make_unique<one>());
        all.back()->running = wait(g, *all.back());
        break;
      case 2: {
        const bool foreign = random() % 64 == 0;
        bool opened = false;
        if (foreign) {
          std::thread([&] { opened = g.open_one(); }).join();
        } else {
          opened = g.open_one();
        }
        for (auto& o : all) {
          if (o->fired) continue;
          o->fired = opened;
          break;
        }
        break;
      }
      case 3:
        if (!all.empty()) {
          all.erase(all.begin() + static_cast<std::ptrdiff_t>(random() % all.size()));
        }
        break;
      default:
        r.turn();
        for (auto& o : all) ASSERT_EQ(o->resumed, o->fired);
        std::erase_if(all, [](const auto& o) { return o->resumed; });
    }
  }
}

TEST(WakeupThreadsTest, FiresFromManyThreadsResumeEveryWaiterOnItsShardOnce) {
  constexpr int waiters = 64, rounds = 200;
  gate g;
  std::atomic<int> resumed{0};
  std::atomic<bool> on_its_thread{true};
  std::vector<job> jobs;
  const auto wait = [](gate& at, shard& home, std::atomic<int>& count,
                       std::atomic<bool>& fine) -> job {
    for (int i = 0; i < rounds; ++i) {
      co_await at.wait();
      if (shard::current() != &home) fine = false;
      if (count.fetch_add(1) + 1 == waiters * rounds) count.notify_all();
    }
  };
  running_shard s;
  s.run([&](shard& home) {
    for (int i = 0; i < waiters; ++i) jobs.push_back(wait(g, home, resumed, on_its_thread));
  });
  std::atomic<bool> enough{false};
  {
    std::vector<std::jthread> firing;
    for (int t = 0; t < 3; ++t) {
      firing.emplace_back([&] {
        while (!enough) {
          if (!g.open_one()) std::this_thread::yield();
        }
      });
    }
    for (int seen = resumed; seen < waiters * rounds; seen = resumed) resumed.wait(seen);
    enough = true;
  }
  s.run([&](shard&) { jobs.clear(); });
  EXPECT_TRUE(on_its_thread);
  EXPECT_EQ(resumed, waiters * rounds);
}

TEST(WakeupThreadsTest, CoroutinesMayDieWhileOthersFire) {
  gate g;
  running_shard s;
  std::atomic<bool> enough{false};
  std::vector<std::jthread> firing;
  for (int t = 0; t < 2; ++t) {
    firing.emplace_back([&] {
      while (!enough) {
        if (!g.open_one()) std::this_thread::yield();
      }
    });
  }
  const auto wait = [](gate& at) -> job { co_await at.wait(); };
  for (int round = 0; round < 300; ++round) {
    s.run([&](shard&) {
      std::vector<job> jobs;
      for (int i = 0; i < 20; ++i) jobs.push_back(wait(g));
    });
  }
  enough = true;
}

}  // namespace
}  // namespace zc
