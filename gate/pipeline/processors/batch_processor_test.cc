// What must hold of the batch processor: the items that come in are the items that go out, byte for
// byte and in order; nothing acknowledged is lost while downstream refuses for now; memory stays
// within its bound; results are waited for where somebody downstream does.
#include "gate/pipeline/processors/batch_processor.h"

#include <cctype>
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "gate/otlp/walk.h"
#include "gate/pipeline/engine/fanout.h"
#include "gate/pipeline/engine/kit_for_tests.h"
#include "zc/base/ledger.h"
#include "zc/testing/expect_copies.h"
#include "zc/testing/seed.h"

namespace sluice {
namespace {

using otlp::signal;
using zc::coding;

struct BatchProcessorTest : ::testing::Test {
  kit::workplace at;
  kit::catcher end;
  batch_settings how{"batch", milliseconds(200), 10, 0};
  batch_processor::limits bounds;
  signal kind = signal::logs;
  consumer* next = &end;
  std::unique_ptr<batch_processor> node;

  void open() { node = std::make_unique<batch_processor>(at.context, how, bounds, kind, *next); }
  void give(kit::slot& to, std::uint64_t items, std::string_view tag = "r",
            std::size_t padding = 0) {
    node->consume({kit::plain_payload(kind, items, tag, padding), to.ask(), {at.on.now()}});
  }
  payload_ptr gzipped(std::uint64_t items, std::string_view tag = "z") {
    const auto plain = kit::chain_of(kit::request_of(kind, items, tag));
    return zc::make_local<payload>(kind, kit::packed(at, plain, coding::gzip), coding::gzip,
                                   payload::facts{1, items, plain.size()});
  }
  processor_metrics& counts() { return at.counts.processor("batch"); }
};

TEST_F(BatchProcessorTest, JoinsRequestsByPuttingTheirBytesBehindEachOther) {
  open();
  kit::slot a, b;
  give(a, 4, "a");
  give(b, 6, "b");
  ASSERT_EQ(end.bodies.size(), 1U);
  EXPECT_EQ(end.bodies[0], kit::request_of(kind, 4, "a") + kit::request_of(kind, 6, "b"));
  EXPECT_EQ(end.items[0], 10U);
  EXPECT_TRUE(a.ok());
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(counts().size_trigger.read(), 1U);
  EXPECT_EQ(counts().of[kind].outgoing.read(), 10U);
}

TEST_F(BatchProcessorTest, AcknowledgesEarlyAndSendsAfterTheTimeout) {
  open();
  kit::slot a;
  give(a, 3);
  EXPECT_TRUE(a.ok());
  EXPECT_TRUE(end.bodies.empty());
  at.run_for(milliseconds(199));
  EXPECT_TRUE(end.bodies.empty());
  at.run_for(milliseconds(3));
  EXPECT_EQ(end.bodies.size(), 1U);
  EXPECT_EQ(counts().timeout_trigger.read(), 1U);
  EXPECT_EQ(node->bytes(), 0U);
}

TEST_F(BatchProcessorTest, WhenResultsAreWaitedForTheAcksTravelWithTheBatch) {
  end.waits = end.holds = true;
  open();
  EXPECT_TRUE(node->waits_for_result());
  kit::slot a, b;
  give(a, 5);
  give(b, 5);
  EXPECT_EQ(a.times + b.times, 0);
  ASSERT_EQ(end.kept.size(), 1U);
  end.kept[0].done.answer(verdict::retry("busy"));
  EXPECT_TRUE(a.retryable());
  EXPECT_TRUE(b.retryable());
  EXPECT_EQ(counts().offered_again.read(), 0U);  // the clients send again
  EXPECT_EQ(node->bytes(), 0U);
}

TEST_F(BatchProcessorTest, ARequestThatFillsABatchPassesAsItCame) {
  open();
  kit::slot a, b;
  give(a, 2, "before");
  const payload_ptr large = gzipped(40);
  node->consume({large, b.ask(), {}});
  ASSERT_EQ(end.bodies.size(), 2U);
  EXPECT_EQ(end.codings[1], coding::gzip);
  EXPECT_EQ(end.bodies[1], kit::text_of(large->received()));
  EXPECT_EQ(at.counts.conversions.inflates.read(), 0U);
  EXPECT_EQ(end.items[0], 2U);  // and in order
}

TEST_F(BatchProcessorTest, CompressedRequestsAreInflatedToBeJoined) {
  open();
  kit::slot a, b;
  node->consume({gzipped(5, "x"), a.ask(), {}});
  node->consume({gzipped(5, "y"), b.ask(), {}});
  ASSERT_EQ(end.bodies.size(), 1U);
  EXPECT_EQ(end.codings[0], coding::identity);
  EXPECT_EQ(end.bodies[0], kit::request_of(kind, 5, "x") + kit::request_of(kind, 5, "y"));
  EXPECT_EQ(at.counts.conversions.inflates.read(), 2U);
}

TEST_F(BatchProcessorTest, RequestsThatNobodyCountedAreCountedHere) {
  open();
  kit::slot a, bad;
  const auto plain = kit::chain_of(kit::request_of(kind, 10, "o"));
  node->consume({zc::make_local<payload>(kind, kit::packed(at, plain, coding::gzip), coding::gzip,
                                         payload::facts{}),
                 a.ask(),
                 {}});
  ASSERT_EQ(end.items.size(), 1U);
  EXPECT_EQ(end.items[0], 10U);
  node->consume(
      {zc::make_local<payload>(kind, kit::chain_of("\x0a\x7f"), coding::identity, payload::facts{}),
       bad.ask(),
       {}});
  EXPECT_TRUE(bad.permanent());
  EXPECT_EQ(bad.last.grpc, zc::grpc::code::invalid_argument);
}

TEST_F(BatchProcessorTest, ProfilesPassThrough) {
  kind = signal::profiles;
  open();
  kit::slot a;
  node->consume(
      {zc::make_local<payload>(kind, kit::chain_of("opaque"), coding::identity, payload::facts{}),
       a.ask(),
       {}});
  ASSERT_EQ(end.bodies.size(), 1U);
  EXPECT_EQ(end.bodies[0], "opaque");
  EXPECT_TRUE(a.ok());
}

TEST_F(BatchProcessorTest, WhatDownstreamRefusesIsKeptAndOfferedAgainInOrder) {
  end.answers = {verdict::retry("full"), verdict::retry("full"), verdict::success()};
  open();
  kit::slot a, b;
  give(a, 10, "a");
  give(b, 10, "b");
  EXPECT_TRUE(a.ok());
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(end.bodies.size(), 1U);  // the second waits behind the first
  at.run_for(milliseconds(1'000));
  ASSERT_EQ(end.bodies.size(), 4U);
  EXPECT_EQ(end.bodies[2], kit::request_of(kind, 10, "a"));
  EXPECT_EQ(end.bodies[3], kit::request_of(kind, 10, "b"));
  EXPECT_EQ(counts().offered_again.read(), 2U);
  EXPECT_EQ(node->bytes(), 0U);
}

TEST_F(BatchProcessorTest, ExportersThatHaveTheBatchDoNotGetItAgain) {
  kit::catcher full;
  full.answers = {verdict::retry("full"), verdict::success()};
  fanout both({&end, &full});
  next = &both;
  open();
  kit::slot a;
  give(a, 10);
  at.run_for(milliseconds(500));
  EXPECT_EQ(end.bodies.size(), 1U);
  EXPECT_EQ(full.bodies.size(), 2U);
  EXPECT_EQ(node->bytes(), 0U);
}

TEST_F(BatchProcessorTest, NewRequestsAreRefusedRetryablyOnceTheBoundIsReached) {
  end.answers = {verdict::retry("full")};
  bounds.bytes_max = 3 * kit::request_of(kind, 10).size();
  open();
  kit::slot s[4];
  for (kit::slot& each : s) give(each, 10);
  EXPECT_TRUE(s[2].ok());
  EXPECT_TRUE(s[3].retryable());
  EXPECT_LE(node->bytes(), bounds.bytes_max);
  end.answers = {verdict::success()};
  at.run_for(milliseconds(500));
  kit::slot later;
  give(later, 10);
  EXPECT_TRUE(later.ok());
}

TEST_F(BatchProcessorTest, ARequestLargerThanTheBoundPassesWhenThereIsNothingElse) {
  bounds.bytes_max = 100;
  open();
  kit::slot a;
  give(a, 10, "big", 200);
  EXPECT_TRUE(a.ok());
  EXPECT_EQ(end.bodies.size(), 1U);
}

TEST_F(BatchProcessorTest, ABatchDownstreamHoldsCountsUntilItIsAnswered) {
  end.holds = true;  // block_on_overflow
  open();
  kit::slot a;
  give(a, 10);
  EXPECT_TRUE(a.ok());
  EXPECT_GT(node->bytes(), 0U);
  end.kept[0].done.succeed();
  EXPECT_EQ(node->bytes(), 0U);
}

TEST_F(BatchProcessorTest, WhatIsRefusedForGoodIsDroppedCountedAndLogged) {
  end.answers = {verdict::refuse(zc::grpc::code::internal, 500, "no")};
  open();
  kit::slot a;
  give(a, 10);
  EXPECT_TRUE(a.ok());
  EXPECT_EQ(counts().dropped.read(), 10U);
  EXPECT_TRUE(at.out.says("refused for good"));
  EXPECT_EQ(node->bytes(), 0U);
}

TEST_F(BatchProcessorTest, SplitsAtTheMaximumAndKeepsTheRestForCompany) {
  how.send_batch_max_size = 10;
  open();
  kit::slot a;
  give(a, 25, "s");
  ASSERT_EQ(end.items.size(), 2U);
  EXPECT_EQ(end.items[0], 10U);
  EXPECT_EQ(end.items[1], 10U);
  EXPECT_EQ(node->pending_items(), 5U);
  at.run_for(milliseconds(210));
  ASSERT_EQ(end.items.size(), 3U);
  EXPECT_EQ(end.items[2], 5U);
  // Joined again the parts hold every record once, in order.
  std::string records;
  for (const std::string& body : end.bodies) {
    for (std::size_t from = 0; (from = body.find("s", from)) != std::string::npos; ++from) {
      if (from + 1 < body.size() && std::isdigit(static_cast<unsigned char>(body[from + 1])) != 0) {
        records += body.substr(from, body.find_first_not_of("0123456789", from + 1) - from) + " ";
      }
    }
  }
  std::string expected;
  for (int i = 0; i < 25; ++i) expected += "s" + std::to_string(i) + " ";
  EXPECT_EQ(records, expected);
}

TEST_F(BatchProcessorTest, ARequestOfSeveralPartsIsAnsweredAfterTheLast) {
  how.send_batch_max_size = 10;
  end.waits = end.holds = true;
  open();
  kit::slot a;
  give(a, 25);
  ASSERT_EQ(end.kept.size(), 2U);
  end.kept[0].done.succeed();
  end.kept[1].done.succeed();
  EXPECT_EQ(a.times, 0);  // the rest is pending
  at.run_for(milliseconds(210));
  ASSERT_EQ(end.kept.size(), 3U);
  end.kept[2].done.answer(verdict::retry("busy"));
  EXPECT_TRUE(a.retryable());
}

TEST_F(BatchProcessorTest, ZeroTimeoutSendsAtOnceButSplits) {
  how.timeout = milliseconds(0);
  how.send_batch_max_size = 10;
  open();
  kit::slot a, b;
  give(a, 3);
  EXPECT_EQ(end.items.size(), 1U);
  give(b, 15);
  ASSERT_EQ(end.items.size(), 3U);
  EXPECT_EQ(end.items[2], 5U);
  EXPECT_EQ(node->pending_items(), 0U);
}

// A reload while a batch is open: the new bounds hold for it at once.
TEST_F(BatchProcessorTest, ASmallerSizeClosesTheOpenBatchThatHasReachedIt) {
  open();
  kit::slot a;
  give(a, 6);
  EXPECT_TRUE(end.bodies.empty());
  how.send_batch_size = 7;
  node->configure(how);
  EXPECT_TRUE(end.bodies.empty());
  how.send_batch_size = 6;
  node->configure(how);
  ASSERT_EQ(end.items.size(), 1U);
  EXPECT_EQ(end.items[0], 6U);
}

TEST_F(BatchProcessorTest, ANewTimeoutIsCountedFromTheReload) {
  open();
  kit::slot a, b;
  give(a, 3);
  at.run_for(milliseconds(150));
  how.timeout = milliseconds(100);
  node->configure(how);
  at.run_for(milliseconds(98));
  EXPECT_TRUE(end.bodies.empty());
  at.run_for(milliseconds(5));
  EXPECT_EQ(end.bodies.size(), 1U);
  give(b, 3);
  how.timeout = milliseconds(0);
  node->configure(how);  // nothing waits any more
  EXPECT_EQ(end.bodies.size(), 2U);
}

TEST_F(BatchProcessorTest, ANewMaximumCutsWhatComesFromNowOn) {
  open();
  how.send_batch_max_size = 4;
  how.send_batch_size = 4;
  node->configure(how);
  kit::slot a;
  give(a, 8);
  EXPECT_EQ(end.items, (std::vector<std::uint64_t>{4, 4}));
}

TEST_F(BatchProcessorTest, ABatchIsClosedBeforeItGrowsTooLarge) {
  bounds.batch_bytes_max = 1'000;
  how.send_batch_size = 1'000'000;
  open();
  kit::slot s[8];
  for (kit::slot& each : s) give(each, 1, "p", 300);
  for (const std::string& body : end.bodies) EXPECT_LE(body.size(), 1'000U);
  EXPECT_GE(end.bodies.size(), 3U);
}

// Counts instead of keeping, so that the catching does not copy either.
class drop final : public consumer {
 public:
  void consume(batch&& b) override {
    items += b.what->items_or_zero();
    b.done.succeed();
  }
  std::uint64_t items = 0;
};

TEST_F(BatchProcessorTest, JoiningCopiesNothingAndSplittingOnlyTheResourceItRepeats) {
  drop into;
  next = &into;
  how.send_batch_max_size = 10;
  open();
  const payload_ptr p = kit::plain_payload(kind, 7, "copy", 4'000);
  const payload_ptr q = kit::plain_payload(kind, 8, "copy", 4'000);
  EXPECT_USER_COPIES(0) node->consume({p, {}, {}});
  EXPECT_USER_COPIES_AT_MOST(200) node->consume({q, {}, {}});  // of 60 KB
  EXPECT_EQ(into.items, 10U);
}

TEST_F(BatchProcessorTest, DrainFlushesAndThenRefuses) {
  open();
  kit::slot a, late;
  give(a, 3);
  node->drain(at.on.now() + std::chrono::seconds(1));
  EXPECT_EQ(end.bodies.size(), 1U);
  EXPECT_TRUE(node->drained());
  give(late, 3);
  EXPECT_TRUE(late.retryable());
}

// Found by tests/sim/gateway_test.cc: the second offer succeeded, and nobody counted what the first
// consumer will never have.
TEST_F(BatchProcessorTest, WhatOneExporterRefusedForGoodIsCountedThoughAnotherTakesItLater) {
  kit::catcher full;
  full.answers = {verdict::retry("full"), verdict::success()};
  end.answers = {verdict::refuse(zc::grpc::code::resource_exhausted, 413, "too large")};
  fanout both({&end, &full});
  next = &both;
  open();
  kit::slot a;
  give(a, 10);
  at.run_for(milliseconds(500));
  EXPECT_EQ(end.bodies.size(), 1U);
  EXPECT_EQ(full.bodies.size(), 2U);
  EXPECT_EQ(counts().dropped.read(), 10U);
}

TEST_F(BatchProcessorTest, DrainCalledAgainBringsTheDeadlineForward) {
  end.answers = {verdict::retry("full")};
  open();
  kit::slot a;
  give(a, 10);
  node->drain(at.on.now() + std::chrono::seconds(60));
  EXPECT_FALSE(node->drained());
  node->drain(at.on.now());
  EXPECT_TRUE(node->drained());
  std::vector<undelivered> left;
  node->report(left);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].items, 10U);
}

TEST_F(BatchProcessorTest, WhatDownstreamDidNotTakeByTheDeadlineIsReported) {
  end.answers = {verdict::retry("full")};
  open();
  kit::slot a, b;
  give(a, 10);
  give(b, 4);
  node->drain(at.on.now() + milliseconds(50));
  EXPECT_FALSE(node->drained());
  at.run_for(milliseconds(60));
  EXPECT_TRUE(node->drained());
  std::vector<undelivered> left;
  node->report(left);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].requests, 2U);
  EXPECT_EQ(left[0].items, 14U);
}

TEST_F(BatchProcessorTest, AnswersThatComeAfterItIsGoneAreHarmless) {
  end.waits = end.holds = true;
  open();
  kit::slot a;
  give(a, 10);
  node.reset();
  EXPECT_TRUE(a.retryable());
  end.kept[0].done.succeed();
  EXPECT_EQ(a.times, 1);
}

TEST_F(BatchProcessorTest, AnAnswerThatBringsTheNextRequestAtOnceLosesNothing) {
  // As a connection does that serves a pipelined request as soon as the one before is answered.
  how.send_batch_max_size = 10;
  end.waits = true;
  open();
  int left = 50;
  std::function<void()> more = [&] {
    if (left-- <= 0) return;
    node->consume({kit::plain_payload(kind, 13, "n"), ack::of([&](verdict&&) { more(); }), {}});
  };
  more();
  at.run_for(milliseconds(20'000));
  std::uint64_t out = 0;
  for (const std::uint64_t n : end.items) out += n;
  EXPECT_EQ(out, 50U * 13U);
}

// Random requests through random settings and a downstream of random moods: what was acknowledged
// comes out, every item once, and the bound holds.
void run_model(std::uint32_t seed) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  kit::workplace at;
  kit::catcher end;
  batch_settings how{"batch", milliseconds(random() % 3 == 0 ? 0 : 1 + random() % 100),
                     random() % 20, 0};
  if (random() % 2 == 0)
    how.send_batch_max_size = std::max<std::uint64_t>(how.send_batch_size, 1 + random() % 20);
  batch_processor::limits bounds;
  bounds.bytes_max = 2'000 + random() % 4'000;
  bounds.batch_bytes_max = 500 + random() % 2'000;
  end.waits = random() % 2 == 0;
  batch_processor node(at.context, how, bounds, signal::traces, end);
  std::uint64_t acknowledged = 0;
  std::uint64_t delivered = 0;
  int answered = 0;
  int asked = 0;
  for (int step = 0; step < 300; ++step) {
    const auto what = random() % 4;
    if (what < 2) {
      const std::uint64_t items = 1 + random() % 12;
      const auto plain = kit::chain_of(kit::request_of(signal::traces, items, "m"));
      const bool squeezed = random() % 2 == 0;
      payload_ptr p =
          squeezed
              ? zc::make_local<payload>(signal::traces, kit::packed(at, plain, coding::gzip),
                                        coding::gzip, payload::facts{1, items, plain.size()})
              : zc::make_local<payload>(signal::traces, plain, std::optional<std::uint64_t>(items));
      asked += 1;
      node.consume({std::move(p),
                    ack::of([&, items](verdict&& v) {
                      answered += 1;
                      if (v.ok()) acknowledged += items;
                    }),
                    {}});
      ASSERT_LE(node.bytes(), std::max<std::size_t>(bounds.bytes_max, 1'000) + 1'000);
    } else if (what == 2) {
      end.answers = {random() % 2 == 0 ? verdict::success() : verdict::retry("full")};
    } else {
      at.run_for(milliseconds(random() % 50));
    }
  }
  end.answers = {verdict::success()};
  at.run_for(milliseconds(12'000));
  ASSERT_EQ(node.bytes(), 0U);
  ASSERT_EQ(answered, asked);
  delivered = at.counts.processor("batch").of[signal::traces].outgoing.read();
  // With early answers exactly what was acknowledged; with travelling ones at least that: a part of
  // a request that was refused may have arrived.
  if (end.waits) {
    ASSERT_GE(delivered, acknowledged);
  } else {
    ASSERT_EQ(delivered, acknowledged);
  }
  if (how.send_batch_max_size > 0) {
    for (const std::uint64_t n : end.items) ASSERT_LE(n, how.send_batch_max_size);
  }
}

TEST(BatchProcessorModelTest, RandomTrafficLosesNothingThatWasAcknowledged) {
  for (std::uint32_t i = 0; i < 100; ++i) {
    run_model(zc::testing::seed() + i);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace sluice
