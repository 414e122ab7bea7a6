// What must hold of a task: nothing runs before it is awaited, results and moves arrive, a dead
// task's frame and everything it awaits is gone at once, and no loop grows the stack.

#include "zc/shard/task.h"

#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
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
using words = std::vector<std::string>;

// Says when it dies.
struct mark {
  mark(words& to, std::string text) : log(&to), name(std::move(text)) {}
  mark(mark&& m) noexcept : log(std::exchange(m.log, nullptr)), name(std::move(m.name)) {}
  ~mark() {
    if (log != nullptr) log->push_back(name);
  }
  words* log;
  std::string name;
};

task<int> seven() {
  co_return 7;
}

task<int> twice(task<int> of) {
  const int n = co_await std::move(of);
  co_return 2 * n;
}

task<> store(task<int> from, int& to) {
  to = co_await std::move(from);
}

TEST(TaskTest, IsLazyAndGivesItsResultToTheOneThatAwaitsIt) {
  shard_rig r;
  task_scope scope(r.worker, 4);
  int got = 0;
  task<> all = store(twice(seven()), got);
  r.turns(3);
  EXPECT_EQ(got, 0);
  EXPECT_TRUE(scope.spawn(std::move(all)));
  EXPECT_EQ(got, 14);
  EXPECT_TRUE(scope.empty());
  EXPECT_FALSE(all);
}

task<std::unique_ptr<std::string>> move_only(std::unique_ptr<std::string> in) {
  co_await yield();
  in->push_back('!');
  co_return std::move(in);
}

TEST(TaskTest, ResultsAndParametersMayBeMoveOnly) {
  shard_rig r;
  task_scope scope(r.worker, 4);
  std::unique_ptr<std::string> got;
  const auto run = [](std::unique_ptr<std::string>& to) -> task<> {
    to = co_await move_only(std::make_unique<std::string>("hello"));
  };
  ASSERT_TRUE(scope.spawn(run(got)));
  EXPECT_EQ(got, nullptr);
  r.turn();
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(*got, "hello!");
}

task<> hold(shard& here, words& log, mark parameter) {
  const mark local(log, "local");
  co_await sleep_for(here, milliseconds(5));
  log.push_back("woke " + parameter.name);
}

task<> hold_by(shard& here, words& log) {
  const mark outer(log, "outer");
  co_await hold(here, log, mark(log, "parameter"));
}

TEST(TaskTest, ATaskThatNeverRanDestroysItsParametersOnly) {
  shard_rig r;
  words log;
  {
    const task<> never = hold(r.worker, log, mark(log, "parameter"));
  }
  EXPECT_EQ(log, words{"parameter"});
}

TEST(TaskTest, CancellingDestroysTheFrameAndWhatItAwaitsInnermostFirst) {
  shard_rig r;
  words log;
  {
    task_scope scope(r.worker, 1);
    ASSERT_TRUE(scope.spawn(hold_by(r.worker, log)));
    r.advance(milliseconds(2));
    EXPECT_TRUE(log.empty());
  }
  EXPECT_EQ(log, (words{"local", "parameter", "outer"}));
  r.advance(milliseconds(20));
  EXPECT_EQ(log.size(), 3u) << "nothing is resumed";
}

TEST(TaskTest, MovedFromIsEmptyAndAssignmentCancelsWhatWasThere) {
  shard_rig r;
  words log;
  task<> a = hold(r.worker, log, mark(log, "a"));
  task<> b = std::move(a);
  EXPECT_FALSE(a);
  EXPECT_TRUE(bool(b));
  b = hold(r.worker, log, mark(log, "b"));
  EXPECT_EQ(log, words{"a"});
  b.reset();
  EXPECT_EQ(log, (words{"a", "b"}));
}

task<std::uint64_t> one_of_many(std::uint64_t i) {
  co_return i;
}

task<> add_up(std::uint64_t n, std::uint64_t& sum) {
  for (std::uint64_t i = 0; i < n; ++i) sum += co_await one_of_many(i);
}

TEST(TaskTest, AMillionChildrenThatDoNotSuspendGrowNoStack) {
  shard_rig r;
  task_scope scope(r.worker, 1);
  std::uint64_t sum = 0;
  ASSERT_TRUE(scope.spawn(add_up(1'000'000, sum)));
  EXPECT_EQ(sum, 499'999'500'000u);
}

task<> yield_often(int n, int& count) {
  for (int i = 0; i < n; ++i) {
    co_await yield();
    count += 1;
  }
}

TEST(TaskTest, YieldLetsTheOthersGoFirst) {
  shard_rig r;
  words log;
  task_scope scope(r.worker, 2);
  const auto walk = [](words& to, std::string name) -> task<> {
    for (int i = 0; i < 3; ++i) {
      to.push_back(name);
      co_await yield();
    }
  };
  ASSERT_TRUE(scope.spawn(walk(log, "a")));
  ASSERT_TRUE(scope.spawn(walk(log, "b")));
  r.turn();
  EXPECT_EQ(log, (words{"a", "b", "a", "b", "a", "b"}));
}

TEST(TaskTest, AHundredThousandYieldsGrowNoStack) {
  shard_rig r;
  task_scope scope(r.worker, 1);
  int count = 0;
  ASSERT_TRUE(scope.spawn(yield_often(100'000, count)));
  while (!scope.empty()) r.turn();
  EXPECT_EQ(count, 100'000);
}

task<int> throws() {
  throw std::runtime_error("on fire");
  co_return 1;
}

TEST(TaskDeathTest, AnExceptionThatLeavesATaskEndsTheProgramAndSaysSo) {
  shard_rig r;
  int got = 0;
  EXPECT_DEATH(
      {
        task_scope scope(r.worker, 1);
        (void)scope.spawn(store(throws(), got));
      },
      "an exception left a task: on fire");
}

TEST(TaskDeathTest, AwaitingAnEmptyTaskAborts) {
  shard_rig r;
  int got = 0;
  EXPECT_DEATH(
      {
        task_scope scope(r.worker, 1);
        (void)scope.spawn(store(task<int>(), got));
      },
      "has not been moved from");
}

TEST(TaskTest, AnExceptionInsideATaskMayBeCaughtThere) {
  shard_rig r;
  task_scope scope(r.worker, 1);
  std::string got;
  const auto careful = [](std::string& to) -> task<> {
    try {
      throw std::runtime_error("caught");
    } catch (const std::exception& e) {
      to = e.what();
    }
    co_return;
  };
  ASSERT_TRUE(scope.spawn(careful(got)));
  EXPECT_EQ(got, "caught");
}

TEST(FrameCacheTest, AFrameThatWasGivenBackIsTheNextOfItsSize) {
  frame_cache cache;
  void* a = cache.get(100);
  cache.put(a, 100);
  void* b = cache.get(128);  // the same class
  void* c = cache.get(100);
  if (frame_cache::keeps) {
    EXPECT_EQ(a, b);
  }
  EXPECT_NE(b, c);
  cache.put(b, 128);
  cache.put(c, 100);
}

TEST(FrameCacheTest, KeepsAFewPerSizeAndNoneThatIsLarge) {
  frame_cache cache;
  std::vector<void*> frames;
  for (unsigned i = 0; i < 3 * frame_cache::kept_max; ++i) frames.push_back(cache.get(64));
  for (void* f : frames) cache.put(f, 64);  // the leak checker looks at the rest
  void* large = cache.get(frame_cache::size_max + 1);
  cache.put(large, frame_cache::size_max + 1);
  void* none = cache.get(0);
  cache.put(none, 0);
}

// Random trees of tasks that compute, yield, sleep and call each other, against the same tree
// computed by plain functions; some are cancelled on the way, and then nothing may leak or run.
struct node {
  std::uint64_t value;
  int steps;  // before the children: 0 none, else yields and sleeps
  std::vector<node> children;
};

node random_tree(std::mt19937& random, int depth) {
  node n{random() % 1000, static_cast<int>(random() % 3), {}};
  const std::size_t children = depth > 0 ? random() % 4 : 0;
  for (std::size_t i = 0; i < children; ++i) n.children.push_back(random_tree(random, depth - 1));
  return n;
}

std::uint64_t plain_sum(const node& n) {
  std::uint64_t sum = n.value;
  for (const node& c : n.children) sum = sum * 31 + plain_sum(c);
  return sum;
}

task<std::uint64_t> task_sum(shard& here, const node& n, int& alive) {
  struct census {
    int& of;
    explicit census(int& o) : of(o) { of += 1; }
    ~census() { of -= 1; }
  };
  const census counted(alive);
  for (int i = 0; i < n.steps; ++i) {
    if (n.value % 2 == 0) {
      co_await yield();
    } else {
      co_await sleep_for(here, milliseconds(static_cast<int>(n.value % 5)));
    }
  }
  std::uint64_t sum = n.value;
  for (const node& c : n.children) {
    const std::uint64_t part = co_await task_sum(here, c, alive);
    sum = sum * 31 + part;
  }
  co_return sum;
}

TEST(TaskTest, RandomTreesOfTasksGiveWhatPlainFunctionsGive) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  const auto run = [](shard& here, const node& n, int& alive, std::uint64_t& to,
                      bool& done) -> task<> {
    to = co_await task_sum(here, n, alive);
    done = true;
  };
  for (int round = 0; round < 100; ++round) {
    shard_rig r;
    struct one {
      node tree;
      std::uint64_t got = 0;
      bool done = false;
      std::unique_ptr<task_scope> scope;
    };
    int alive = 0;
    std::vector<one> all(1 + random() % 5);
    for (one& o : all) {
      o.tree = random_tree(random, 4);
      o.scope = std::make_unique<task_scope>(r.worker, 1);
      ASSERT_TRUE(o.scope->spawn(run(r.worker, o.tree, alive, o.got, o.done)));
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (random() % 4 != 0) continue;
      r.advance(milliseconds(random() % 20));
      if (!all[i].done) all[i].scope->cancel();
      if (!all[i].done) all[i].scope.reset();
    }
    r.advance(milliseconds(5'000));
    for (const one& o : all) {
      if (o.scope != nullptr) {
        ASSERT_TRUE(o.done);
      }
      if (o.done) {
        ASSERT_EQ(o.got, plain_sum(o.tree));
      }
    }
    ASSERT_EQ(alive, 0);
  }
}

}  // namespace
}  // namespace zc
