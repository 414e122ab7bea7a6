// What must hold of a waiting room: who finds place does not wait, the others are told in the order
// in which they came, as many as there are places and never inline; whoever was told and dies
// passes the word on; and nobody, task or thread, sleeps over a free place.
//
// Method: a counter of free places that is all there is to have; tasks on shards turned by hand;
// any list of commands against two deques; and threads, which mean something under ThreadSanitizer.

#include "zc/shard/waiting_room.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/shard/commands_for_tests.h"
#include "zc/shard/sleep.h"
#include "zc/testing/job.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using for_tests::any_commands;
using for_tests::command;
using testing::job;
using testing::running_shard;
using testing::shard_rig;

struct places {
  explicit places(int n) : free(n) {}
  static bool none_left(const void* of) noexcept {
    return static_cast<const places*>(of)->free.load() <= 0;
  }
  bool try_take() {
    int now = free.load();
    while (now > 0) {
      if (free.compare_exchange_weak(now, now - 1)) return true;
    }
    return false;
  }
  void give(int n) {
    free.fetch_add(n);
    room.tell(static_cast<std::size_t>(n));
  }

  std::atomic<int> free;
  waiting_room room{&none_left, this};
};

job take_one(places& from, std::vector<int>& log, int who) {
  while (!from.try_take()) co_await from.room.enter();
  log.push_back(who);
}

TEST(WaitingRoomTest, WhoFindsPlaceDoesNotWait) {
  const shard_rig r;
  places p(2);
  std::vector<int> log;
  const job a = take_one(p, log, 1);
  const auto straight = [](places& from, bool& in) -> job {
    co_await from.room.enter();
    in = true;
  };
  bool in = false;
  const job b = straight(p, in);
  EXPECT_EQ(log, (std::vector{1}));
  EXPECT_TRUE(in);
}

TEST(WaitingRoomTest, APlaceThatComesWhileOneEntersIsSeen) {
  const shard_rig r;
  int looks = 0;
  waiting_room room(
      [](const void* of) noexcept { return ++*const_cast<int*>(static_cast<const int*>(of)) == 1; },
      &looks);
  bool in = false;
  const auto enter = [](waiting_room& to, bool& done) -> job {
    co_await to.enter();
    done = true;
  };
  const job a = enter(room, in);
  EXPECT_TRUE(in) << "full at the first look, and not at the second";
  EXPECT_EQ(looks, 2);
}

TEST(WaitingRoomTest, AsManyAreToldAsThereArePlacesInTheirOrderAndFromTheLoop) {
  shard_rig r;
  places p(0);
  std::vector<int> log;
  std::vector<job> all;
  for (int i = 0; i < 5; ++i) all.push_back(take_one(p, log, i));
  p.give(2);
  EXPECT_TRUE(log.empty()) << "never inline";
  r.turn();
  EXPECT_EQ(log, (std::vector{0, 1}));
  p.give(1);
  r.turn();
  EXPECT_EQ(log, (std::vector{0, 1, 2}));
  p.give(7);
  r.turn();
  EXPECT_EQ(log, (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(p.free, 5);
}

TEST(WaitingRoomTest, NoMoreAreToldThanThereArePlaces) {
  shard_rig r;
  places p(0);
  int back = 0;
  const auto enter = [](places& to, int& count) -> job {
    co_await to.room.enter();
    count += 1;
  };
  std::vector<job> all;
  for (int i = 0; i < 5; ++i) all.push_back(enter(p, back));
  p.room.tell(2);
  r.turns(3);
  EXPECT_EQ(back, 2);
  p.room.tell(SIZE_MAX);
  r.turns(3);
  EXPECT_EQ(back, 5);
}

TEST(WaitingRoomTest, AWordThatNobodyWaitsForIsNotKept) {
  shard_rig r;
  places p(0);
  p.room.tell(3);
  std::vector<int> log;
  const job a = take_one(p, log, 1);
  r.turns(3);
  EXPECT_TRUE(log.empty());
  EXPECT_FALSE(a.ended());
}

TEST(WaitingRoomTest, WhoIsToldAndFindsNothingWaitsAgain) {
  shard_rig r;
  places p(0);
  std::vector<int> log;
  const job a = take_one(p, log, 1);
  p.give(1);
  ASSERT_TRUE(p.try_take());  // faster
  r.turns(3);
  EXPECT_TRUE(log.empty());
  p.give(1);
  r.turn();
  EXPECT_EQ(log, (std::vector{1}));
}

TEST(WaitingRoomTest, WhoDiesWhileItWaitsIsNotTold) {
  shard_rig r;
  places p(0);
  std::vector<int> log;
  for (const int gone : {0, 1, 2}) {  // the first, one in the middle, the last
    log.clear();
    std::deque<job> all;
    for (int i = 0; i < 3; ++i) all.push_back(take_one(p, log, i));
    all[static_cast<std::size_t>(gone)].cancel();
    p.give(2);
    r.turn();
    EXPECT_EQ(log.size(), 2u);
    EXPECT_EQ(p.free, 0);
  }
}

TEST(WaitingRoomTest, WhoDiesAfterItWasToldPassesTheWordOn) {
  shard_rig r;
  places p(0);
  std::vector<int> log;
  job a = take_one(p, log, 1);
  job b = take_one(p, log, 2);
  const job c = take_one(p, log, 3);
  const job d = take_one(p, log, 4);
  p.give(2);  // a and b are told
  a.cancel();
  b.cancel();
  r.turn();
  EXPECT_EQ(log, (std::vector{3, 4}));
}

TEST(WaitingRoomTest, WhoTriedAfterItWasToldPassesNothingOn) {
  shard_rig r;
  places p(0);
  std::vector<int> log;
  {
    const job a = take_one(p, log, 1);
    p.give(1);
    r.turn();
    ASSERT_TRUE(a.ended());
  }
  int looked = 0;
  const auto look = [](places& from, int& count) -> job {
    for (;;) {
      co_await from.room.enter();
      count += 1;
    }
  };
  const job b = look(p, looked);
  r.turns(3);
  EXPECT_EQ(looked, 0);
}

enum class on_room : std::uint8_t { come, give, snatch, cancel, turn };
const char* name_of(on_room what) {
  constexpr std::array names{"come", "give", "snatch", "cancel", "turn"};
  return names[static_cast<std::size_t>(what)];
}

// Who waits and who was told, in their order.
struct naive_room {
  void come(int who) {
    if (free == 0) return waiting.push_back(who);
    free -= 1;
    log.push_back(who);
  }
  void tell() {
    if (waiting.empty()) return;
    told.push_back(waiting.front());
    waiting.pop_front();
  }
  void cancel(int who) {
    std::erase(waiting, who);
    if (std::erase(told, who) > 0) tell();  // the word is passed on
  }
  void turn() {
    for (const int who : std::exchange(told, {})) come(who);
  }

  int free = 0;
  std::deque<int> waiting, told;
  std::vector<int> log;
};

TEST(WaitingRoomTest, AgreesWithTwoDeques) {
  const auto property = [] {
    shard_rig r;
    places real(0);
    std::vector<int> log;
    std::vector<job> tasks;
    naive_room model;
    using enum on_room;
    const auto all =
        *any_commands<on_room>({{60, come}, {40, give}, {10, snatch}, {25, cancel}, {30, turn}});
    for (const command<on_room>& c : all) {
      switch (c.what) {
        case come:
          model.come(static_cast<int>(tasks.size()));
          tasks.push_back(take_one(real, log, static_cast<int>(tasks.size())));
          break;
        case give:
          real.give(static_cast<int>(c.n % 4));
          for (std::size_t i = 0; i < c.n % 4; ++i) {
            model.free += 1;
            model.tell();
          }
          break;
        case snatch:  // by one who does not wait: who was told may find nothing
          if (real.try_take()) model.free -= 1;
          break;
        case cancel: {
          if (tasks.empty()) break;
          const std::size_t who = tasks.size() - 1 - c.m % tasks.size();
          tasks[who].cancel();
          model.cancel(static_cast<int>(who));
          break;
        }
        case turn:
          r.turn();
          model.turn();
          RC_ASSERT(real.free == 0 || model.waiting.empty());  // nobody waits beside a free place
      }
      RC_ASSERT(log == model.log);
      RC_ASSERT(real.free == model.free);
    }
  };
  EXPECT_TRUE(rc::check("a waiting room agrees with two deques", property));
}

TEST(WaitingRoomDeathTest, AWaiterMustNotOutliveTheRoom) {
  EXPECT_DEATH(
      {
        const shard_rig r;
        std::vector<int> log;
        job left;
        places p(0);
        left = take_one(p, log, 1);
      },
      "must not outlive what it waits for");
}

// ---- threads ----------------------------------------------------------------------------------

TEST(WaitingRoomThreadsTest, AThreadSleepsUntilThereIsPlaceAndNotLonger) {
  places p(0);
  std::atomic<bool> in{false};
  std::thread waits([&] {
    while (!p.try_take()) p.room.wait();
    in = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(in);
  p.give(1);
  waits.join();
  EXPECT_TRUE(in);
  EXPECT_EQ(p.free, 0);
}

// One place, which everybody keeps while others look for it. If somebody slept over it when it is free,
// this would not end.
TEST(WaitingRoomThreadsTest, NobodySleepsOverAFreePlace) {
  constexpr int each = 2'000;
  places p(1);
  running_shard s;
  std::atomic<int> taken{0};
  const auto use = [](places& of, std::atomic<int>& count, int times) -> job {
    for (int i = 0; i < times; ++i) {
      while (!of.try_take()) co_await of.room.enter();
      count += 1;
      co_await yield();
      of.give(1);
    }
  };
  std::vector<job> tasks;
  s.run([&](shard&) {
    for (int i = 0; i < 3; ++i) tasks.push_back(use(p, taken, each));
  });
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        while (!p.try_take()) p.room.wait();
        taken += 1;
        p.give(1);
      }
    });
  }
  threads.clear();
  for (bool over = false; !over;) {
    s.run([&](shard&) {
      over = true;
      for (const job& j : tasks) over = over && j.ended();
    });
  }
  s.run([&](shard&) { tasks.clear(); });
  EXPECT_EQ(taken, 5 * each);
  EXPECT_EQ(p.free, 1);
}

TEST(WaitingRoomThreadsTest, TasksMayDieWhileOthersAreTold) {
  places p(0);
  running_shard s;
  std::atomic<bool> enough{false};
  std::vector<std::jthread> giving;
  for (int t = 0; t < 2; ++t) {
    giving.emplace_back([&] {
      while (!enough) p.room.tell(1);
    });
  }
  std::vector<int> log;
  for (int round = 0; round < 300; ++round) {
    s.run([&](shard&) {
      std::vector<job> all;
      for (int i = 0; i < 20; ++i) all.push_back(take_one(p, log, i));
    });
  }
  enough = true;
  giving.clear();
  EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace zc
