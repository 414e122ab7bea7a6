// What must hold of timers: none fires early, none later than the first advance() at or after its
// tick, callbacks may do anything to any timer, and a jump of hours costs no more than it must.
//
// Method: a clock that is a variable; any sequence of operations, by the test and by the callbacks,
// against a std::multimap of deadlines, which says what fires and in which order.

#include "zc/shard/timer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

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

// ---- against a multimap of deadlines ----------------------------------------------------------

constexpr std::size_t timer_count = 12;

// Something to do to a timer; `ago`: by a clock that lags behind.
enum class verb : std::uint8_t { arm, disarm, destroy, advance };
struct deed {
  verb what = verb::disarm;
  std::size_t who = 0;
  nanoseconds span{0};
  nanoseconds ago{0};
};
// What is done now, and what that timer does when it fires the next time.
struct step {
  deed now;
  deed later;
};
std::ostream& operator<<(std::ostream& to, const deed& d) {
  constexpr std::array names{"arm", "disarm", "destroy", "advance"};
  return to << names[static_cast<std::size_t>(d.what)] << '(' << d.who << ", " << d.span.count()
            << " ns, " << d.ago.count() << " ns ago)";
}
std::ostream& operator<<(std::ostream& to, const step& s) {
  return to << s.now << ", later " << s.later;
}

rc::Gen<nanoseconds> up_to(nanoseconds most) {
  return rc::gen::map(rc::gen::inRange<std::int64_t>(0, most.count()),
                      [](std::int64_t n) { return nanoseconds(n); });
}
rc::Gen<nanoseconds> any_span(bool also_odd) {
  // Whole ticks around a round of the wheel, where slots are shared.
  const auto rounds = rc::gen::map(rc::gen::inRange(0, 5), [](int n) {
    return timer_wheel::tick * (static_cast<int>(timer_wheel::slots) * (1 + n / 3) + n % 3 - 1);
  });
  return rc::gen::weightedOneOf<nanoseconds>(
      {{8, up_to(milliseconds(6))},
       {4, up_to(milliseconds(300))},
       {4, rounds},
       {2, up_to(seconds(30))},
       {1, up_to(hours(2))},
       {also_odd ? 1u : 0u,
        rc::gen::element(nanoseconds::min(), nanoseconds(-1), nanoseconds::max())}});
}

rc::Gen<deed> any_deed(bool outermost) {
  const auto verbs = rc::gen::weightedElement<verb>({{8, verb::arm},
                                                     {2, verb::disarm},
                                                     {1, verb::destroy},
                                                     {outermost ? 6u : 0u, verb::advance}});
  return rc::gen::mapcat(verbs, [](verb what) {
    const auto late = rc::gen::weightedOneOf<nanoseconds>(
        {{7, rc::gen::just(nanoseconds(0))}, {1, up_to(milliseconds(100))}});
    return rc::gen::construct<deed>(rc::gen::just(what),
                                    rc::gen::inRange<std::size_t>(0, timer_count),
                                    any_span(what == verb::arm), late);
  });
}

// What the wheel promises, looked up in the obvious way.
class naive_timers {
 public:
  void perform(const step& s) {
    fired.clear();
    then_[s.now.who] = s.later;
    act(s.now);
  }
  bool armed(std::size_t who) const {
    return std::ranges::any_of(queue, [&](const auto& q) { return q.second == who; });
  }

  std::multimap<std::int64_t, std::size_t> queue;  // by tick; equal ones stay in their order
  std::vector<std::size_t> fired;
  time_point now = start;

 private:
  void act(const deed& d) {
    if (d.what == verb::advance) return advance(d.span);
    std::erase_if(queue, [&](const auto& q) { return q.second == d.who; });
    if (d.what != verb::arm) return;
    const nanoseconds after =
        std::clamp<nanoseconds>(d.span, milliseconds(1), hours(24 * 365 * 100));
    const time_point deadline = std::max(now - d.ago, start) + after;
    const std::int64_t tick = std::chrono::ceil<milliseconds>(deadline - start).count();
    queue.emplace(std::max(tick, done_ + 1), d.who);  // what has passed does not come again
  }
  void advance(nanoseconds by) {
    now += by;
    const std::int64_t target = std::chrono::floor<milliseconds>(now - start).count();
    while (!queue.empty() && queue.begin()->first <= target) {
      const auto [tick, who] = *queue.begin();
      queue.erase(queue.begin());
      done_ = tick;
      fired.push_back(who);
      act(then_[who]);
    }
    done_ = target;
  }

  std::int64_t done_ = 0;
  std::array<deed, timer_count> then_;
};

class real_timers {
 public:
  real_timers() {
    for (std::size_t i = 0; i < timer_count; ++i) timers_[i] = std::make_unique<one>(*this, i);
  }
  void perform(const step& s) {
    fired.clear();
    then_[s.now.who] = s.later;
    act(s.now);
  }
  bool armed(std::size_t who) const { return timers_[who]->armed(); }

  timer_wheel wheel{start};
  std::vector<std::size_t> fired;
  time_point now = start;

 private:
  struct one final : timer {
    one(real_timers& all, std::size_t number) : of(all), i(number) {}
    void on_timer() override {
      of.fired.push_back(i);
      of.act(of.then_[i]);  // may destroy this one
    }
    real_timers& of;
    const std::size_t i;
  };

  void act(const deed& d) {
    switch (d.what) {
      case verb::arm:
        wheel.arm(*timers_[d.who], now - d.ago, d.span);
        break;
      case verb::disarm:
        timers_[d.who]->disarm();
        break;
      case verb::destroy:
        timers_[d.who] = std::make_unique<one>(*this, d.who);
        break;
      case verb::advance: {
        now += d.span;
        const std::size_t reported = wheel.advance(now);
        RC_ASSERT(reported == fired.size());
      }
    }
  }

  std::array<deed, timer_count> then_;
  std::array<std::unique_ptr<one>, timer_count> timers_;
};

TEST(TimerTest, AgreesWithAMultimapOfDeadlines) {
  const auto property = [] {
    real_timers real;
    naive_timers model;
    const auto check = [&] {
      RC_ASSERT(real.fired == model.fired);
      RC_ASSERT(real.wheel.armed() == model.queue.size());
      for (std::size_t i = 0; i < timer_count; ++i) RC_ASSERT(real.armed(i) == model.armed(i));
      const nanoseconds wait = real.wheel.until_next(real.now, hours(100));
      if (model.queue.empty()) {
        RC_ASSERT(wait == hours(100));
        return;
      }
      // May be too short, but who sleeps as told gets on.
      RC_ASSERT(wait > nanoseconds(0));
      RC_ASSERT(wait <= milliseconds(model.queue.begin()->first) - (model.now - start));
    };
    const auto one = rc::gen::construct<step>(any_deed(true), any_deed(false));
    const auto all = *rc::gen::scale(4.0, rc::gen::container<std::vector<step>>(one));
    for (const step& s : all) {
      real.perform(s);
      model.perform(s);
      check();
    }
    // Nothing may be left over: once everything armed is due, all of it fires.
    for (std::size_t i = 0; i < timer_count; ++i) {
      const step quiet{.now = {.what = verb::advance, .who = i}, .later = {.who = i}};
      real.perform(quiet);
      model.perform(quiet);
    }
    const step century{.now = {.what = verb::advance, .span = hours(24 * 365 * 101)}, .later = {}};
    real.perform(century);
    model.perform(century);
    check();
    RC_ASSERT(model.queue.empty());
  };
  EXPECT_TRUE(rc::check("timers fire as a multimap says", property));
}

}  // namespace
}  // namespace zc
