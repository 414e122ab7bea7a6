// What must hold of the memory gate: short shortage pauses and loses nothing, a long one refuses,
// everybody is told, and nothing ticks when nobody waits.
//
// Method: a shard with a simulated clock and a poller that does nothing; memory is taken by hand.

#include "zc/net/memory_gate.h"

#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "zc/net/stage_for_tests.h"

namespace zc::net {
namespace {

using namespace std::chrono_literals;
using answer = memory_gate::answer;

class waiter final : public memory_waiter {
 public:
  explicit waiter(memory_gate& g) : gate(g) {}
  memory_gate& gate;
  int told = 0;
  std::function<void()> then;

 private:
  void on_memory_news() override {
    told += 1;
    if (then) then();
  }
};

class MemoryGateTest : public ::testing::Test {
 protected:
  void take_memory() {
    while (!s.limits.tight()) taken.push_back(s.on.memory().take(60'000));
  }
  void give_memory() {
    taken.clear();
    s.on.memory().trim();
  }

  stage s{4_MiB};
  memory_gate gate{s.on, 500ms};
  std::vector<bytes_builder> taken;
};

TEST_F(MemoryGateTest, WhileMemoryIsThereEverybodyReads) {
  EXPECT_EQ(gate.ask(false), answer::read);
  EXPECT_EQ(gate.ask(true), answer::read);
  EXPECT_FALSE(gate.refusing());
}

TEST_F(MemoryGateTest, ShortMemoryPausesNewWorkAndLetsWorkUnderWayGoOn) {
  take_memory();
  EXPECT_EQ(gate.ask(false), answer::pause);
  EXPECT_EQ(gate.ask(true), answer::read);
  EXPECT_EQ(gate.ask(true, true), answer::pause);  // it may, but there is no block
  EXPECT_FALSE(gate.refusing());
}

TEST_F(MemoryGateTest, WhoWaitsIsToldSoonAfterMemoryIsBack) {
  waiter a(gate), b(gate);
  take_memory();
  gate.wait(a);
  gate.wait(b);
  gate.wait(b);  // twice is once
  s.pass(100ms);
  EXPECT_EQ(a.told + b.told, 0);
  give_memory();
  s.pass(10ms);
  EXPECT_EQ(a.told, 1);
  EXPECT_EQ(b.told, 1);
  EXPECT_FALSE(gate.refusing());
}

TEST_F(MemoryGateTest, AfterTheWaitAllAreToldToRefuseUntilMemoryIsBack) {
  waiter a(gate), late(gate);
  take_memory();
  gate.wait(a);
  s.pass(400ms);
  EXPECT_EQ(a.told, 0);
  gate.wait(late);
  s.pass(110ms);
  EXPECT_EQ(a.told, 1);
  EXPECT_EQ(late.told, 1);  // all change over together
  EXPECT_TRUE(gate.refusing());
  EXPECT_EQ(gate.ask(false), answer::refuse);
  EXPECT_EQ(gate.ask(true), answer::refuse);
  give_memory();
  EXPECT_EQ(gate.ask(false), answer::read);
  EXPECT_FALSE(gate.refusing());
}

TEST_F(MemoryGateTest, WhoIsToldMayWaitAgainOrTakeOthersWithIt) {
  waiter again(gate);
  auto victim = std::make_unique<waiter>(gate);
  again.then = [&] {
    victim.reset();
    if (again.told == 1) gate.wait(again);
  };
  take_memory();
  gate.wait(*victim);
  gate.wait(again);  // told first
  give_memory();
  s.pass(5ms);
  EXPECT_EQ(victim, nullptr);
  EXPECT_TRUE(again.told >= 1);
  s.pass(5ms);
  EXPECT_EQ(again.told, 2);
  EXPECT_FALSE(again.waiting());
}

TEST_F(MemoryGateTest, WhenAllHaveLeftNothingTicksAndNothingIsRefused) {
  take_memory();
  {
    waiter a(gate);
    gate.wait(a);
    s.pass(10ms);
  }
  s.pass(2s);
  EXPECT_FALSE(gate.refusing());
  EXPECT_EQ(s.pass(1s), 0);  // sleeps through
}

}  // namespace
}  // namespace zc::net
