// What must hold of a fan-out: everybody gets the same payload, nobody's refusal keeps it from the
// others, and the request is acknowledged only when it is everywhere.
#include "gate/pipeline/engine/fanout.h"

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"

namespace sluice {
namespace {

using otlp::signal;

struct FanoutTest : ::testing::Test {
  kit::catcher a, b, c;
  kit::slot end;
  batch one() { return {kit::plain_payload(signal::logs, 3), end.ask(), {}}; }
};

TEST_F(FanoutTest, EveryConsumerGetsTheSamePayload) {
  fanout f({&a, &b});
  a.holds = b.holds = true;
  f.consume(one());
  ASSERT_EQ(a.kept.size() + b.kept.size(), 2U);
  EXPECT_EQ(a.kept[0].what.get(), b.kept[0].what.get());
  EXPECT_EQ(end.times, 0);
  a.kept[0].done.succeed();
  EXPECT_EQ(end.times, 0);
  b.kept[0].done.succeed();
  EXPECT_TRUE(end.ok());
}

TEST_F(FanoutTest, AFullConsumerDoesNotKeepTheBatchFromItsSiblings) {
  fanout f({&a, &b, &c});
  b.answers = {verdict::retry("full")};
  f.consume(one());
  EXPECT_EQ(a.bodies.size(), 1U);
  EXPECT_EQ(c.bodies.size(), 1U);
  EXPECT_TRUE(end.retryable());
  EXPECT_EQ(end.last.took, 0b101U);
}

TEST_F(FanoutTest, WhenAllAreFullTheRequestIsRefusedRetryably) {
  fanout f({&a, &b});
  a.answers = b.answers = {verdict::retry("full")};
  f.consume(one());
  EXPECT_TRUE(end.retryable());
  EXPECT_EQ(end.last.took, 0U);
}

TEST_F(FanoutTest, ConsumersThatHaveTheBatchAreLeftOut) {
  fanout f({&a, &b, &c});
  batch again = one();
  again.skip = 0b101;
  f.consume(std::move(again));
  EXPECT_EQ(a.bodies.size() + c.bodies.size(), 0U);
  EXPECT_EQ(b.bodies.size(), 1U);
  EXPECT_TRUE(end.ok());
}

TEST_F(FanoutTest, WhenEverybodyHasTheBatchItIsDone) {
  fanout f({&a});
  batch again = one();
  again.skip = 1;
  f.consume(std::move(again));
  EXPECT_EQ(a.bodies.size(), 0U);
  EXPECT_TRUE(end.ok());
}

TEST_F(FanoutTest, ASingleConsumerIsPassedTheBatchItself) {
  fanout f({&a});
  f.consume(one());
  EXPECT_EQ(a.bodies.size(), 1U);
  EXPECT_TRUE(end.ok());
}

TEST_F(FanoutTest, WaitsForResultsWhenOneOfThemDoes) {
  EXPECT_FALSE(fanout({&a, &b}).waits_for_result());
  b.waits = true;
  EXPECT_TRUE(fanout({&a, &b}).waits_for_result());
}

TEST_F(FanoutTest, FanOutsNest) {
  fanout inner({&b, &c});
  fanout outer({&a, &inner});
  c.answers = {verdict::retry("full")};
  outer.consume(one());
  EXPECT_TRUE(end.retryable());
  EXPECT_EQ(end.last.took, 0b01U);  // a has it; of the inner one not everybody
  EXPECT_EQ(b.bodies.size(), 1U);
}

}  // namespace
}  // namespace sluice
