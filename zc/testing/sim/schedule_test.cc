// What must hold of a schedule: events come in the order of time, those of one time in an order
// that the seed alone decides, and time never runs backwards.

#include "zc/testing/sim/schedule.h"

#include <chrono>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "zc/testing/sim/trace.h"

namespace zc::testing {
namespace {

std::vector<int> order_of(std::uint64_t seed) {
  sim_clock time;
  sim_schedule events(time, sim_random(seed));
  std::vector<int> order;
  for (int i = 0; i < 6; ++i) events.after(nanoseconds(10), [&order, i] { order.push_back(i); });
  events.after(nanoseconds(5), [&order] { order.push_back(-1); });
  while (!events.empty()) events.run_next();
  return order;
}

TEST(SimScheduleTest, EarlierEventsComeFirstAndTiesAreTheSeeds) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<int> order = order_of(seed);
    EXPECT_EQ(order.front(), -1);
    EXPECT_EQ(order, order_of(seed));
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 10u);
}

TEST(SimScheduleTest, EventsMayScheduleMoreAndThePastIsNow) {
  sim_clock time;
  sim_schedule events(time, sim_random(1));
  const time_point start = time.now();
  time_point second{};
  events.after(nanoseconds(100), [&] { events.at(start, [&] { second = time.now(); }); });
  EXPECT_EQ(events.next(), start + nanoseconds(100));
  events.run_next();
  events.run_next();
  EXPECT_EQ(second, start + nanoseconds(100));
  EXPECT_EQ(events.next(), time_point::max());
}

TEST(SimScheduleDeathTest, TimeDoesNotRunBackwardsAndNothingCannotHappen) {
  sim_clock time;
  sim_schedule events(time, sim_random(1));
  EXPECT_DEATH(time.set(time.now() - nanoseconds(1)), "does not run backwards");
  EXPECT_DEATH(events.run_next(), "something is to come");
}

TEST(SimTraceTest, TimeWordsFiguresAndContentAllCount) {
  const auto hash = [](nanoseconds at, const char* what, std::uint64_t n, const char* said) {
    sim_clock time;
    time.set(time.now() + at);
    sim_trace trace(time);
    trace.note(what, {n});
    trace.content(std::as_bytes(std::span(said, 11)));
    return trace.hash();
  };
  const std::uint64_t one = hash(nanoseconds(1), "a", 1, "hello world");
  EXPECT_EQ(one, hash(nanoseconds(1), "a", 1, "hello world"));
  EXPECT_NE(one, hash(nanoseconds(2), "a", 1, "hello world"));
  EXPECT_NE(one, hash(nanoseconds(1), "b", 1, "hello world"));
  EXPECT_NE(one, hash(nanoseconds(1), "a", 2, "hello world"));
  EXPECT_NE(one, hash(nanoseconds(1), "a", 1, "hello worle"));
  EXPECT_NE(one, hash(nanoseconds(1), "a", 1, "jello world"));
}

}  // namespace
}  // namespace zc::testing
