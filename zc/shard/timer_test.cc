// What must hold of timers: none fires early, none later than the first advance() at or after its
// tick, callbacks may do anything to any timer, and a jump of hours costs no more than it must.
//
// Method: a clock that is a variable; random operations against a list of deadlines. ZC_TEST_SEED=n
// replays a failure.

#include "zc/shard/timer.h"

#include <functional>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "zc/testing/seed.h"

namespace zc {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr time_point start{hours(7)};  // not the epoch: differences count

struct calling_timer final : timer {
  std::function<void()> call;
  int fired = 0;

 private:
  void on_timer() override {
    fired += 1;
    if (call) call();
  }
};

TEST(TimerTest, FiresOnceNotEarlyAndAtMostOneTickLate) {
  timer_wheel wheel(start);
  calling_timer t;
  wheel.arm(t, start + microseconds(500), milliseconds(10));
  EXPECT_TRUE(t.armed());
  EXPECT_EQ(wheel.armed(), 1u);
  EXPECT_EQ(wheel.advance(start + microseconds(10'499)), 0u);
  EXPECT_EQ(wheel.advance(start + milliseconds(11)), 1u);
  EXPECT_EQ(wheel.advance(start + seconds(60)), 0u);
  EXPECT_EQ(t.fired, 1);
  EXPECT_FALSE(t.armed());
}

TEST(TimerTest, ZeroAndNegativeDelaysFireWithTheNextTick) {
  timer_wheel wheel(start);
  calling_timer a, b;
  wheel.arm(a, start, nanoseconds(0));
  wheel.arm(b, start, nanoseconds::min());
  EXPECT_EQ(wheel.advance(start), 0u);
  EXPECT_EQ(wheel.advance(start + milliseconds(1)), 2u);
}

TEST(TimerTest, TheLongestDelayDoesNotWrap) {
  timer_wheel wheel(start);
  calling_timer t;
  wheel.arm(t, start, nanoseconds::max());
  EXPECT_EQ(wheel.advance(start + hours(24 * 365 * 50)), 0u);
  EXPECT_TRUE(t.armed());
}

TEST(TimerTest, LongTimersWaitForTheirRound) {
  timer_wheel wheel(start);
  calling_timer t;
  wheel.arm(t, start, hours(3));
  for (time_point now = start; now < start + hours(3); now += seconds(1)) {
    ASSERT_EQ(wheel.advance(now), 0u);
  }
  EXPECT_EQ(wheel.advance(start + hours(3)), 1u);
}

TEST(TimerTest, OneJumpFiresEverythingInTheOrderOfDeadlines) {
  timer_wheel wheel(start);
  std::vector<int> order;
  std::vector<std::unique_ptr<calling_timer>> timers;
  const nanoseconds delays[] = {hours(5), milliseconds(4097), milliseconds(1), seconds(90),
                                hours(5)};
  for (int i = 0; i < 5; ++i) {
    timers.push_back(std::make_unique<calling_timer>());
    timers.back()->call = [&order, i] { order.push_back(i); };
    wheel.arm(*timers.back(), start, delays[i]);
  }
  EXPECT_EQ(wheel.advance(start + hours(6)), 5u);
  EXPECT_EQ(order, (std::vector<int>{2, 1, 3, 0, 4}));
}

TEST(TimerTest, DestroyingATimerDisarmsIt) {
  timer_wheel wheel(start);
  auto gone = std::make_unique<calling_timer>();
  calling_timer kept;
  wheel.arm(kept, start, milliseconds(5));
  wheel.arm(*gone, start, milliseconds(5));
  gone.reset();
  EXPECT_EQ(wheel.armed(), 1u);
  EXPECT_EQ(wheel.advance(start + milliseconds(5)), 1u);
  EXPECT_EQ(kept.fired, 1);
}

TEST(TimerTest, DestroyingTheWheelDisarmsItsTimers) {
  calling_timer t;
  {
    timer_wheel wheel(start);
    wheel.arm(t, start, seconds(9));
  }
  EXPECT_FALSE(t.armed());
}

TEST(TimerTest, ACallbackMayDestroyItselfAndOthersOfTheSameTick) {
  timer_wheel wheel(start);
  auto first = std::make_unique<calling_timer>();
  auto second = std::make_unique<calling_timer>();
  auto third = std::make_unique<calling_timer>();
  first->call = [&] {
    second.reset();
    first.reset();
  };
  for (calling_timer* t : {first.get(), second.get(), third.get()}) {
    wheel.arm(*t, start, milliseconds(3));
  }
  EXPECT_EQ(wheel.advance(start + milliseconds(3)), 2u);
  EXPECT_EQ(first, nullptr);
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(third->fired, 1);
  EXPECT_EQ(wheel.armed(), 0u);
}

TEST(TimerTest, ACallbackMayArmItselfAgainEvenForTheSameSlot) {
  timer_wheel wheel(start);
  calling_timer t;
  time_point now = start;
  t.call = [&] { wheel.arm(t, now, timer_wheel::tick * timer_wheel::slots); };
  wheel.arm(t, now, milliseconds(1));
  now = start + milliseconds(1);
  EXPECT_EQ(wheel.advance(now), 1u);
  now += timer_wheel::tick * timer_wheel::slots - milliseconds(1);
  EXPECT_EQ(wheel.advance(now), 0u);
  now += milliseconds(1);
  EXPECT_EQ(wheel.advance(now), 1u);
  EXPECT_TRUE(t.armed());
}

TEST(TimerTest, ArmingAnewMovesTheDeadline) {
  timer_wheel wheel(start);
  calling_timer t;
  wheel.arm(t, start, milliseconds(2));
  wheel.arm(t, start, milliseconds(20));
  EXPECT_EQ(wheel.armed(), 1u);
  EXPECT_EQ(wheel.advance(start + milliseconds(19)), 0u);
  EXPECT_EQ(wheel.advance(start + milliseconds(20)), 1u);
}

TEST(TimerTest, UntilNextIsTheTimeToTheNextTimerAndNeverTooLong) {
  timer_wheel wheel(start);
  EXPECT_EQ(wheel.until_next(start, seconds(7)), seconds(7));
  calling_timer near, far;
  wheel.arm(far, start, hours(2));
  EXPECT_EQ(wheel.until_next(start, seconds(1)), seconds(1));
  wheel.arm(near, start, milliseconds(30));
  EXPECT_EQ(wheel.until_next(start, seconds(1)), milliseconds(30));
  EXPECT_EQ(wheel.until_next(start + microseconds(10'250), seconds(1)), microseconds(19'750));
  EXPECT_EQ(wheel.until_next(start + milliseconds(31), seconds(1)), nanoseconds(0));
  wheel.advance(start + milliseconds(31));
  // Only the far one is left: asleep for at most a round at a time.
  const nanoseconds wait = wheel.until_next(start + milliseconds(31), hours(10));
  EXPECT_GT(wait, seconds(3));
  EXPECT_LE(wait, hours(2));
}

TEST(TimerTest, SleepingAsToldReachesEveryTimerInTime) {
  timer_wheel wheel(start);
  calling_timer t;
  wheel.arm(t, start, seconds(61));
  time_point now = start;
  for (int wakeups = 0; t.fired == 0; ++wakeups) {
    ASSERT_LT(wakeups, 20) << "61 s are 15 rounds";
    now += wheel.until_next(now, hours(1));
    wheel.advance(now);
  }
  EXPECT_EQ(now, start + seconds(61));
}

TEST(TimerTest, RandomOperationsAgreeWithAModel) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937_64 random(testing::seed());
  constexpr std::size_t count = 200;

  timer_wheel wheel(start);
  time_point now = start;
  std::vector<calling_timer> timers(count);
  std::vector<std::uint64_t> due(count, 0);  // the model: tick, 0 while disarmed
  std::vector<std::size_t> fired;
  const auto arm = [&](std::size_t i) {
    const nanoseconds spans[] = {milliseconds(50), seconds(5), seconds(60), hours(2)};
    const nanoseconds span = spans[random() % 4];
    const nanoseconds after(
        static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(span.count())));
    wheel.arm(timers[i], now, after);
    const nanoseconds deadline = now - start + std::max<nanoseconds>(after, milliseconds(1));
    due[i] = static_cast<std::uint64_t>((deadline.count() + 999'999) / 1'000'000);
  };
  for (std::size_t i = 0; i < count; ++i) {
    timers[i].call = [&, i] {
      fired.push_back(i);
      ASSERT_LE(start + milliseconds(due[i]), now) << "early";
      due[i] = 0;
      const std::size_t other = random() % count;
      switch (random() % 4) {
        case 0:
          arm(i);
          break;
        case 1:
          timers[other].disarm();
          due[other] = 0;
          break;
        case 2:
          arm(other);
          break;
        default:
          break;
      }
    };
  }
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t i = random() % count;
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
        arm(i);
        break;
      case 3:
        timers[i].disarm();
        due[i] = 0;
        break;
      default: {
        const nanoseconds jumps[] = {microseconds(300), milliseconds(7), seconds(3), seconds(100)};
        now += jumps[random() % 4] * static_cast<int>(random() % 3);
        fired.clear();
        const std::size_t reported = wheel.advance(now);
        ASSERT_EQ(reported, fired.size());
        for (std::size_t k = 0; k < count; ++k) {
          // Armed by a callback of this very advance, it counts from now.
          if (due[k] == 0) continue;
          ASSERT_GT(start + milliseconds(due[k]), now) << "late";
        }
        break;
      }
    }
    std::size_t armed = 0;
    std::uint64_t next = UINT64_MAX;
    for (std::size_t k = 0; k < count; ++k) {
      ASSERT_EQ(timers[k].armed(), due[k] != 0);
      if (due[k] == 0) continue;
      armed += 1;
      next = std::min(next, due[k]);
    }
    ASSERT_EQ(wheel.armed(), armed);
    if (step % 16 == 0 && armed > 0) {
      ASSERT_LE(wheel.until_next(now, hours(100)), milliseconds(next) - (now - start));
    }
  }
  // Nothing may be left over: once everything armed is due, all of it fires.
  for (calling_timer& t : timers) t.call = nullptr;
  const std::size_t left = wheel.armed();
  EXPECT_EQ(wheel.advance(now + hours(3)), left);
}

}  // namespace
}  // namespace zc
