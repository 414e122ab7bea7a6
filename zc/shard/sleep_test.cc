// What must hold of tasks and time: sleeps end when they should and not before, a timeout cancels
// its child and nothing else, and whatever dies while it waits leaves no timer behind.

#include "zc/shard/sleep.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "zc/shard/task_scope.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::shard_rig;

TEST(SleepTest, LastsAsLongAsAskedToTheTick) {
  shard_rig r;
  task_scope scope(r.worker, 1);
  std::optional<time_point> woke;
  const auto nap = [](shard& here, std::optional<time_point>& at) -> task<> {
    co_await sleep_for(here, milliseconds(50));
    at = here.now();
  };
  const time_point start = r.time.at;
  ASSERT_TRUE(scope.spawn(nap(r.worker, woke)));
  r.advance(milliseconds(49));
  EXPECT_FALSE(woke);
  r.advance(milliseconds(2));
  ASSERT_TRUE(woke);
  EXPECT_GE(*woke - start, milliseconds(50));
  EXPECT_LE(*woke - start, milliseconds(51));
}

task<std::string> slow(shard& here, nanoseconds how_long, bool& cancelled) {
  struct at_the_end {
    bool& flag;
    bool ended = false;
    ~at_the_end() { flag = !ended; }
  };
  at_the_end guard{cancelled};
  co_await sleep_for(here, how_long);
  guard.ended = true;
  co_return "done";
}

template <class T>
task<> keep(task<T> of, std::optional<T>& to) {
  to.emplace(co_await std::move(of));
}

TEST(WithTimeoutTest, GivesTheResultOfAChildThatIsInTime) {
  shard_rig r;
  task_scope scope(r.worker, 1);
  bool cancelled = true;
  std::optional<result<std::string>> got;
  ASSERT_TRUE(scope.spawn(
      keep(with_timeout(r.worker, slow(r.worker, milliseconds(5), cancelled), seconds(1)), got)));
  r.advance(milliseconds(10));
  ASSERT_TRUE(got && *got);
  EXPECT_EQ(**got, "done");
  EXPECT_FALSE(cancelled);
}

TEST(WithTimeoutTest, CancelsAChildThatIsNot) {
  shard_rig r;
  task_scope scope(r.worker, 1);
  bool cancelled = false;
  std::optional<result<std::string>> got;
  ASSERT_TRUE(scope.spawn(
      keep(with_timeout(r.worker, slow(r.worker, seconds(9), cancelled), milliseconds(5)), got)));
  r.advance(milliseconds(10));
  ASSERT_TRUE(got && !*got);
  EXPECT_EQ(got->error().code, errc::timed_out);
  EXPECT_TRUE(cancelled);
}

TEST(WithTimeoutTest, OfTheSameTickTheChildWins) {
  shard_rig r;
  task_scope scope(r.worker, 1);
  bool cancelled = true;
  std::optional<result<std::string>> got;
  ASSERT_TRUE(scope.spawn(keep(
      with_timeout(r.worker, slow(r.worker, milliseconds(5), cancelled), milliseconds(5)), got)));
  r.advance(milliseconds(10));
  ASSERT_TRUE(got && *got) << "its timer was armed first";
}

task<result<int>> at_once(int n) {
  if (n < 0) co_return fail(errc::refused, "negative");
  co_return n;
}

TEST(WithTimeoutTest, AResultKeepsItsTypeAndAChildThatNeedsNoTimeArmsNoTimer) {
  shard_rig r;
  task_scope scope(r.worker, 1);
  std::optional<result<int>> good, bad;
  ASSERT_TRUE(scope.spawn(keep(with_timeout(r.worker, at_once(4), seconds(1)), good)));
  ASSERT_TRUE(scope.spawn(keep(with_timeout(r.worker, at_once(-1), seconds(1)), bad)));
  ASSERT_TRUE(good && bad);
  EXPECT_EQ(**good, 4);
  EXPECT_EQ(bad->error().code, errc::refused);
  r.worker.run_turn(std::chrono::minutes(1));
  EXPECT_EQ(r.io->waits.back(), std::chrono::minutes(1));
}

TEST(WithTimeoutTest, CancellingTheOneThatWaitsCancelsTheChildAndTheTimer) {
  shard_rig r;
  bool cancelled = false;
  std::optional<result<std::string>> got;
  {
    task_scope scope(r.worker, 1);
    ASSERT_TRUE(scope.spawn(
        keep(with_timeout(r.worker, slow(r.worker, seconds(9), cancelled), seconds(5)), got)));
    r.advance(milliseconds(5));
  }
  EXPECT_TRUE(cancelled);
  EXPECT_FALSE(got);
  r.advance(milliseconds(20));
  EXPECT_FALSE(got);
}

TEST(SleepTest, OfAStopAndTheTimeInTheSameTurnExactlyOneIsSeen) {
  for (const bool stop_first : {false, true}) {
    shard_rig r;
    stop_flag stop;
    task_scope scope(r.worker, 1);
    int ended = 0;
    const auto nap = [](shard& here, stop_flag& s, int& n) -> task<> {
      (void)co_await sleep_for(here, milliseconds(5), s);
      n += 1;
    };
    ASSERT_TRUE(scope.spawn(nap(r.worker, stop, ended)));
    r.io->script = [&](nanoseconds) {
      if (stop_first) stop.request();
      return std::size_t{1};
    };
    r.time.at += milliseconds(10);
    r.turn();
    stop.request();
    r.turn();
    EXPECT_EQ(ended, 1);
    EXPECT_TRUE(scope.empty());
  }
}

}  // namespace
}  // namespace zc
