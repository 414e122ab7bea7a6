// What must hold of acks: whoever waits is told exactly once, with the heaviest verdict, after
// everybody answered; nothing is told twice and nothing is forgotten.
#include "gate/pipeline/engine/ack.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"

namespace sluice {
namespace {

verdict permanent(std::string_view why = "bad") {
  return verdict::refuse(zc::grpc::code::invalid_argument, 400, why);
}

TEST(AckTest, ASingleAnswerIsPassedOn) {
  kit::slot end;
  ack a = end.ask();
  a.answer(verdict::retry("full", milliseconds(5)));
  EXPECT_TRUE(end.retryable());
  EXPECT_EQ(end.last.message, "full");
  EXPECT_EQ(end.last.delay, zc::nanoseconds(milliseconds(5)));
  EXPECT_FALSE(a);
}

TEST(AckTest, NobodyIsToldBeforeEverybodyAnswered) {
  kit::slot end;
  ack a = end.ask();
  ack b = a.share();
  ack c = a.share();
  b.succeed();
  a.succeed();
  EXPECT_EQ(end.times, 0);
  c.succeed();
  EXPECT_TRUE(end.ok());
}

TEST(AckTest, RetryableOutweighsPermanentAndPermanentOutweighsOk) {
  kit::slot end;
  ack a = end.ask();
  ack b = a.share();
  ack c = a.share();
  a.answer(verdict::retry("later"));
  b.answer(permanent());
  c.succeed();
  EXPECT_TRUE(end.retryable());
  EXPECT_EQ(end.last.message, "later");

  kit::slot other;
  ack d = other.ask();
  ack e = d.share();
  d.answer(permanent("no"));
  e.succeed();
  EXPECT_TRUE(other.permanent());
  EXPECT_EQ(other.last.http, 400);
}

TEST(AckTest, OfTwoDelaysTheLongerCounts) {
  kit::slot end;
  ack a = end.ask();
  ack b = a.share();
  a.answer(verdict::retry("a", milliseconds(10)));
  b.answer(verdict::retry("b", milliseconds(30)));
  EXPECT_EQ(end.last.delay, zc::nanoseconds(milliseconds(30)));
  EXPECT_EQ(end.last.message, "a");
}

TEST(AckTest, ADroppedAckAnswersInternal) {
  kit::slot end;
  {
    ack forgotten = end.ask();
  }
  EXPECT_TRUE(end.permanent());
  EXPECT_EQ(end.last.grpc, zc::grpc::code::internal);
  EXPECT_EQ(end.last.http, 500);
}

TEST(AckTest, AnEmptyAckMayBeAnsweredAndShared) {
  ack nobody;
  ack also = nobody.share_as(3);
  also.succeed();
  nobody.answer(permanent());
  EXPECT_FALSE(nobody);
}

TEST(AckTest, MovingAnAckDoesNotAnswerIt) {
  kit::slot end;
  ack a = end.ask();
  ack b = std::move(a);
  ack c;
  c = std::move(b);
  EXPECT_EQ(end.times, 0);
  c.succeed();
  EXPECT_TRUE(end.ok());
}

TEST(AckTest, AssigningOverAnAckDropsIt) {
  kit::slot end;
  ack a = end.ask();
  a = ack();
  EXPECT_TRUE(end.permanent());
}

TEST(AckTest, TellsWhichConsumersOfAFanOutNeedTheBatchNoMore) {
  kit::slot end;
  ack all = end.ask();
  ack a = all.share_as(0);
  ack b = all.share_as(1);
  ack c = all.share_as(5);
  a.succeed();
  b.answer(verdict::retry("full"));
  c.answer(permanent());
  all.succeed();
  EXPECT_TRUE(end.retryable());
  EXPECT_EQ(end.last.took, 0b100001U);
}

TEST(AckTest, AConsumerThatPartlyRefusedHasNotTakenTheBatch) {
  kit::slot end;
  ack all = end.ask();
  ack first = all.share_as(2);
  ack second = first.share();
  first.succeed();
  second.answer(verdict::retry("full"));
  all.succeed();
  EXPECT_EQ(end.last.took, 0U);
}

TEST(AckTest, AnAckOfManyAnswersEveryOneOfThem) {
  kit::slot one;
  kit::slot two;
  std::vector<ack> both;
  both.push_back(one.ask());
  both.push_back(two.ask());
  ack joined = ack::of_all(std::move(both));
  EXPECT_EQ(one.times + two.times, 0);
  joined.answer(permanent("x"));
  EXPECT_TRUE(one.permanent());
  EXPECT_TRUE(two.permanent());
  EXPECT_FALSE(ack::of_all({}));
}

TEST(AckTest, ANestedFanOutDoesNotMixItsConsumersWithTheOuterOnes) {
  kit::slot end;
  ack outer = end.ask();
  ack inner = outer.share_as(7).for_fanout();
  ack a = inner.share_as(0);
  a.answer(verdict::retry("full"));
  inner.succeed();
  outer.succeed();
  EXPECT_TRUE(end.retryable());
  EXPECT_EQ(end.last.took, 0U);
}

// Random shares, moves, answers and drops: told once, after the last, and as heavy as the heaviest.
TEST(AckTest, RandomUseEndsWithExactlyOneVerdict) {
  std::mt19937 random(7);
  for (int round = 0; round < 2'000; ++round) {
    kit::slot end;
    std::vector<ack> open;
    open.push_back(end.ask());
    auto heaviest = verdict::kind::ok;
    while (!open.empty()) {
      ASSERT_EQ(end.times, 0);
      const std::size_t at = random() % open.size();
      const auto what = random() % 5;
      if (what == 0 && open.size() < 12) {
        open.push_back(open[at].share());
        continue;
      }
      ack a = std::move(open[at]);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      if (what == 1) continue;  // dropped
      if (what == 2) {
        a.succeed();
        continue;
      }
      a.answer(what == 3 ? verdict::retry("r") : permanent());
      heaviest =
          std::max(heaviest, what == 3 ? verdict::kind::retryable : verdict::kind::permanent);
    }
    ASSERT_EQ(end.times, 1);
    ASSERT_GE(end.last.what, heaviest);
  }
}

}  // namespace
}  // namespace sluice
