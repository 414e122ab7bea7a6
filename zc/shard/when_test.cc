// What must hold of several tasks at once: all of them run side by side, the first one wins and
// the others are dead by then, and cancelling the whole leaves nothing.

#include "zc/shard/when.h"

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/sleep.h"
#include "zc/shard/task_scope.h"
#include "zc/testing/seed.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using std::chrono::milliseconds;
using testing::shard_rig;

struct census {
  int& of;
  explicit census(int& o) : of(o) { of += 1; }
  census(const census&) = delete;
  ~census() { of -= 1; }
};

template <class T>
task<T> after(shard& here, int ms, T value, int& alive) {
  const census counted(alive);
  if (ms > 0) co_await sleep_for(here, milliseconds(ms));
  co_return value;
}

task<> pause(shard& here, int ms, int& alive) {
  const census counted(alive);
  if (ms > 0) co_await sleep_for(here, milliseconds(ms));
}

template <class T>
task<> keep(task<T> of, std::optional<T>& to) {
  to.emplace(co_await std::move(of));
}

TEST(WhenAllTest, RunsThemSideBySideAndGivesAllResults) {
  shard_rig r;
  int alive = 0;
  task_scope scope(r.worker, 1);
  std::optional<std::tuple<int, std::string, std::monostate>> got;
  ASSERT_TRUE(scope.spawn(
      keep(when_all(after(r.worker, 9, 4, alive), after(r.worker, 5, std::string("five"), alive),
                    pause(r.worker, 0, alive)),
           got)));
  r.advance(milliseconds(7));
  EXPECT_FALSE(got);
  r.advance(milliseconds(3));
  ASSERT_TRUE(got) << "ten milliseconds are enough for both";
  EXPECT_EQ(std::get<0>(*got), 4);
  EXPECT_EQ(std::get<1>(*got), "five");
  EXPECT_EQ(alive, 0);
}

TEST(WhenAllTest, OfNoneOrOfReadyOnesDoesNotSuspend) {
  shard_rig r;
  int alive = 0;
  bool done = false;
  task_scope scope(r.worker, 1);
  const auto run = [](shard& here, int& n, bool& end) -> task<> {
    co_await when_all(std::vector<task<>>());
    std::vector<task<>> ready;
    for (int i = 0; i < 3; ++i) ready.push_back(pause(here, 0, n));
    co_await when_all(std::move(ready));
    (void)co_await when_all(after(here, 0, 1, n), after(here, 0, 2, n));
    end = true;
  };
  ASSERT_TRUE(scope.spawn(run(r.worker, alive, done)));
  EXPECT_TRUE(done);
}

TEST(WhenAnyTest, TheFirstWinsAndTheOthersAreDeadByThen) {
  shard_rig r;
  int alive = 0;
  int alive_then = -1;
  task_scope scope(r.worker, 1);
  std::optional<std::pair<std::size_t, std::string>> got;
  const auto run = [](shard& here, int& n, int& then,
                      std::optional<std::pair<std::size_t, std::string>>& to) -> task<> {
    to.emplace(co_await when_any(after(here, 9, std::string("slow"), n),
                                 after(here, 3, std::string("fast"), n),
                                 after(here, 6, std::string("medium"), n)));
    then = n;
  };
  ASSERT_TRUE(scope.spawn(run(r.worker, alive, alive_then, got)));
  EXPECT_EQ(alive, 3);
  r.advance(milliseconds(5));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->first, 1u);
  EXPECT_EQ(got->second, "fast");
  EXPECT_EQ(alive_then, 0);
}

TEST(WhenAnyTest, OneThatIsReadyKeepsLaterOnesFromStarting) {
  shard_rig r;
  int alive = 0, started = 0;
  task_scope scope(r.worker, 1);
  std::optional<std::size_t> got;
  const auto count = [](int& n) -> task<> {
    n += 1;
    co_return;
  };
  ASSERT_TRUE(scope.spawn(
      keep(when_any(pause(r.worker, 5, alive), pause(r.worker, 0, alive), count(started)), got)));
  EXPECT_EQ(got, 1u);
  EXPECT_EQ(started, 0);
  EXPECT_EQ(alive, 0);
}

TEST(WhenDeathTest, OfNoneThereIsNoFirst) {
  shard_rig r;
  EXPECT_DEATH(
      {
        task_scope scope(r.worker, 1);
        std::optional<std::size_t> got;
        (void)scope.spawn(keep(when_any(std::vector<task<>>()), got));
      },
      "at least one task");
}

TEST(WhenTest, RandomDelaysAgreeWithTheirMinimumAndMaximumAlsoWhenCancelled) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  const auto both = [](shard& here, std::vector<int> delays, int& n, time_point& first,
                       std::size_t& who, time_point& last) -> task<> {
    std::vector<task<>> some, others;
    for (const int d : delays) {
      some.push_back(pause(here, d, n));
      others.push_back(pause(here, d, n));
    }
    who = co_await when_any(std::move(some));
    first = here.now();
    co_await when_all(std::move(others));
    last = here.now();
  };
  for (int round = 0; round < 200; ++round) {
    shard_rig r;
    int alive = 0;
    std::vector<int> delays(1 + random() % 6);
    for (int& d : delays) d = static_cast<int>(random() % 20);
    const auto least = std::min_element(delays.begin(), delays.end());
    const int most = *std::max_element(delays.begin(), delays.end());
    const time_point start = r.time.at;
    time_point first{}, last{};
    std::size_t who = 99;
    {
      task_scope scope(r.worker, 1);
      ASSERT_TRUE(scope.spawn(both(r.worker, delays, alive, first, who, last)));
      if (random() % 3 == 0) {
        r.advance(milliseconds(random() % 30));
      } else {
        r.advance(milliseconds(60));
        ASSERT_TRUE(scope.empty());
        ASSERT_EQ(who, static_cast<std::size_t>(least - delays.begin()));
        ASSERT_LE(first - start, milliseconds(*least + 2));
        ASSERT_GE(last - first, milliseconds(most));
      }
    }
    ASSERT_EQ(alive, 0);
  }
}

}  // namespace
}  // namespace zc
