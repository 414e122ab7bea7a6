// What must hold of a sending queue: what it acknowledged is delivered or reported, bounds hold,
// attempts start in the order of arrival, and every client is answered once.
//
// Method: a sender that answers by hand or from a script stands where the exporter will stand; time
// moves by hand. The model test pushes random requests with random outcomes through two queues that
// share an account.
#include "gate/pipeline/queues/sending_queue.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "zc/testing/seed.h"

namespace sluice {
namespace {

using otlp::signal;

// Notes every attempt and leaves it open until the test answers, unless it has an answer already.
class hand_sender final : public sender {
 public:
  struct attempt {
    const payload* what;
    std::string body;
    delivery* d;
    done then;
  };
  explicit hand_sender(std::size_t slots) : slots_(slots) {}
  ~hand_sender() override {
    while (!open.empty()) answer(0, verdict::retry("gone"));
  }
  void send(delivery& d, done then) override {
    ASSERT_LT(open.size(), slots_);
    attempt a{d.parts.front().get(), kit::text_of(d.parts.front()->received()), &d,
              std::move(then)};
    started.push_back(a.body);
    if (at_once) return a.then(verdict(*at_once));
    open.push_back(std::move(a));
    most_open = std::max(most_open, open.size());
  }
  std::size_t slots() const noexcept override { return slots_; }
  void answer(std::size_t which, verdict v) {
    attempt a = std::move(open[which]);
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
    a.then(std::move(v));
  }

  std::vector<attempt> open;
  std::vector<std::string> started;
  std::optional<verdict> at_once;
  std::size_t most_open = 0;

 private:
  std::size_t slots_;
};

struct SendingQueueTest : ::testing::Test {
  kit::workplace at;
  queue_settings how;
  retry_settings retry;
  sending_queue::limits bounds;
  queue_account account{queue_sizer::requests, 3, 1'000'000};
  hand_sender* out = nullptr;
  std::unique_ptr<sending_queue> queue;

  SendingQueueTest() {
    bounds.consumers = 1;
    retry.randomization_factor = 0;
    retry.initial_interval = milliseconds(100);
    retry.max_interval = milliseconds(1'000);
    retry.max_elapsed_time = milliseconds(1'000);
  }
  void open(std::size_t slots = 16) {
    auto made = std::make_unique<hand_sender>(slots);
    out = made.get();
    queue = std::make_unique<sending_queue>(at.context, "otlp", how, retry, bounds, account,
                                            std::move(made));
  }
  void give(kit::slot& to, std::string_view name = "r", std::uint64_t items = 2) {
    queue->consume({kit::plain_payload(signal::logs, items, name), to.ask(), {}});
  }
  exporter_metrics& counts() { return at.counts.exporter("otlp"); }
  static verdict bad() { return verdict::refuse(zc::grpc::code::invalid_argument, 400, "bad"); }
};

TEST_F(SendingQueueTest, AcknowledgesWhenQueued) {
  open();
  kit::slot a, b;
  give(a);
  give(b);
  EXPECT_TRUE(a.ok());
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(queue->under_way(), 1U);
  EXPECT_EQ(queue->waiting(), 1U);
  EXPECT_EQ(counts().queue_size.read(), 2U);
  EXPECT_FALSE(queue->waits_for_result());
}

TEST_F(SendingQueueTest, WaitForResultAcknowledgesWithTheOutcome) {
  how.wait_for_result = true;
  open();
  EXPECT_TRUE(queue->waits_for_result());
  kit::slot a, b;
  give(a);
  give(b);
  EXPECT_EQ(a.times, 0);
  out->answer(0, verdict::success());
  EXPECT_TRUE(a.ok());
  EXPECT_EQ(b.times, 0);
  out->answer(0, bad());
  EXPECT_TRUE(b.permanent());
  EXPECT_EQ(b.last.http, 400);
}

TEST_F(SendingQueueTest, RefusesRetryablyWhenFullAndWhatIsUnderWayCounts) {
  open();
  kit::slot s[4];
  for (kit::slot& each : s) give(each);
  EXPECT_TRUE(s[2].ok());
  EXPECT_TRUE(s[3].retryable());
  EXPECT_TRUE(s[3].last.delay);
  EXPECT_EQ(counts().of[signal::logs].enqueue_failed.read(), 2U);
  out->answer(0, verdict::success());
  kit::slot later;
  give(later);
  EXPECT_TRUE(later.ok());
}

TEST_F(SendingQueueTest, ARequestLargerThanTheWholeQueueIsRefusedForGood) {
  open();
  kit::slot s;
  queue->consume({kit::plain_payload(signal::logs, 1, "x", 1'000'001), s.ask(), {}});
  EXPECT_TRUE(s.permanent());
  EXPECT_EQ(s.last.http, 413);
}

TEST_F(SendingQueueTest, RetriesAfterABackoffAndKeepsItsConsumer) {
  open();
  kit::slot a, b;
  give(a, "first");
  give(b, "second");
  out->answer(0, verdict::retry("busy"));
  at.run_for(milliseconds(99));
  EXPECT_EQ(out->started.size(), 1U);  // neither again nor the second
  at.run_for(milliseconds(3));
  ASSERT_EQ(out->started.size(), 2U);
  EXPECT_EQ(out->started[1], out->started[0]);
  EXPECT_EQ(counts().retries.read(), 1U);
  out->answer(0, verdict::success());
  EXPECT_EQ(out->started.size(), 3U);
}

TEST_F(SendingQueueTest, TheServersHintIsObeyed) {
  open();
  kit::slot a;
  give(a);
  out->answer(0, verdict::retry("busy", milliseconds(700)));
  at.run_for(milliseconds(699));
  EXPECT_EQ(out->started.size(), 1U);
  at.run_for(milliseconds(3));
  EXPECT_EQ(out->started.size(), 2U);
}

TEST_F(SendingQueueTest, GivesUpAfterTheElapsedTime) {
  open();
  kit::slot a;
  give(a, "r", 5);
  for (int i = 0; i < 50 && queue->under_way() > 0; ++i) {
    if (!out->open.empty()) out->answer(0, verdict::retry("busy"));
    at.run_for(milliseconds(100));
  }
  EXPECT_EQ(queue->under_way(), 0U);
  EXPECT_EQ(out->started.size(),
            5U);  // at 0, 100, 250, 475, 813 ms; the next wait would end after a second
  EXPECT_EQ(counts().of[signal::logs].send_failed.read(), 5U);
  EXPECT_TRUE(at.out.says("no more retries left"));
  EXPECT_EQ(account.used(), 0U);
}

TEST_F(SendingQueueTest, PermanentFailuresAreNotRetried) {
  open();
  kit::slot a, b;
  give(a);
  give(b);
  out->answer(0, bad());
  EXPECT_EQ(out->open.size(), 1U);  // the second already
  at.run_for(milliseconds(500));
  EXPECT_EQ(out->started.size(), 2U);
}

TEST_F(SendingQueueTest, WithoutRetriesTheFirstFailureIsTheEnd) {
  retry.enabled = false;
  how.wait_for_result = true;
  open();
  kit::slot a;
  give(a);
  out->answer(0, verdict::retry("busy"));
  EXPECT_TRUE(a.retryable());
  EXPECT_EQ(queue->under_way(), 0U);
}

TEST_F(SendingQueueTest, BlockingHoldsTheBatchWithoutAnAnswer) {
  how.block_on_overflow = true;
  bounds.held_max = 2;
  open();
  kit::slot s[6];
  for (kit::slot& each : s) give(each);
  EXPECT_EQ(queue->held(), 2U);
  EXPECT_EQ(s[3].times + s[4].times, 0);
  EXPECT_TRUE(s[5].retryable());  // holding is bounded too
  out->answer(0, verdict::success());
  EXPECT_TRUE(s[3].ok());
  EXPECT_EQ(s[4].times, 0);
  EXPECT_EQ(queue->held(), 1U);
}

// Reloads.
TEST_F(SendingQueueTest, ALargerQueueTakesWhatWasHeldAndWhatComes) {
  how.block_on_overflow = true;
  open();
  kit::slot s[5];
  for (kit::slot& each : s) give(each);
  EXPECT_EQ(s[3].times + s[4].times, 0);  // held
  account.set_capacity(4);
  how.queue_size = 4;
  queue->configure(how, retry);
  EXPECT_TRUE(s[3].ok());
  EXPECT_EQ(s[4].times, 0);
  EXPECT_EQ(counts().queue_capacity.read(), 4U);
}

TEST_F(SendingQueueTest, WhatIsHeldAndWillNeverFitIsRefusedForGood) {
  queue_account by_items{queue_sizer::items, 10, 1'000'000};
  how.block_on_overflow = true;
  how.sizer = queue_sizer::items;
  auto made = std::make_unique<hand_sender>(1);
  out = made.get();
  queue = std::make_unique<sending_queue>(at.context, "otlp", how, retry, bounds, by_items,
                                          std::move(made));
  kit::slot a, b, c;
  give(a, "a", 8);
  give(b, "b", 7);  // held: together they are too many
  give(c, "c", 2);
  EXPECT_EQ(b.times, 0);
  by_items.set_capacity(5);
  how.queue_size = 5;
  queue->configure(how, retry);
  EXPECT_TRUE(b.permanent());
  EXPECT_EQ(c.times, 0);
  out->answer(0, verdict::success());
  EXPECT_TRUE(c.ok());
  out->answer(0, verdict::success());
  EXPECT_EQ(out->started.size(), 2U);  // b never
}

TEST_F(SendingQueueTest, WithoutBlockOnOverflowNothingMoreIsHeld) {
  how.block_on_overflow = true;
  open();
  kit::slot s[4], later;
  for (kit::slot& each : s) give(each);
  EXPECT_EQ(s[3].times, 0);
  how.block_on_overflow = false;
  queue->configure(how, retry);
  give(later);
  EXPECT_TRUE(later.retryable());
  out->answer(0, verdict::success());
  EXPECT_TRUE(s[3].ok());  // what was held goes on
}

TEST_F(SendingQueueTest, NewRetrySettingsHoldFromTheNextWaitOn) {
  open();
  kit::slot a;
  give(a);
  out->answer(0, verdict::retry("busy"));  // waits 100 ms
  retry.initial_interval = retry.max_interval = milliseconds(10);
  retry.enabled = true;
  queue->configure(how, retry);
  at.run_for(milliseconds(101));
  ASSERT_EQ(out->started.size(), 2U);
  out->answer(0, verdict::retry("busy"));
  at.run_for(milliseconds(12));
  ASSERT_EQ(out->started.size(), 3U);
  retry.enabled = false;
  queue->configure(how, retry);
  out->answer(0, verdict::retry("busy"));
  EXPECT_EQ(queue->under_way(), 0U);  // given up
  EXPECT_EQ(counts().of[signal::logs].send_failed.read(), 2U);
}

TEST_F(SendingQueueTest, HeldBatchesNoticeRoomThatAnotherShardGaveBack) {
  how.block_on_overflow = true;
  open();
  ASSERT_TRUE(account.try_take({3, 0}));  // another shard's
  kit::slot a;
  give(a);
  at.run_for(milliseconds(100));
  EXPECT_EQ(a.times, 0);
  account.give_back({3, 0});
  at.run_for(milliseconds(30));
  EXPECT_TRUE(a.ok());
  EXPECT_EQ(out->open.size(), 1U);
}

TEST_F(SendingQueueTest, NewBatchesDoNotOvertakeHeldOnes) {
  how.block_on_overflow = true;
  open();
  ASSERT_TRUE(account.try_take({3, 0}));
  kit::slot a, b;
  give(a, "first");
  account.give_back({3, 0});
  give(b, "second");  // there is room, but not before the first
  EXPECT_EQ(queue->held(), 2U);
  at.run_for(milliseconds(30));
  ASSERT_EQ(out->open.size(), 1U);
  EXPECT_NE(out->started[0].find("first0"), std::string::npos);
}

TEST_F(SendingQueueTest, DisabledMeansSynchronousWithAllSlotsOfTheSender) {
  how.enabled = false;
  open(2);
  EXPECT_TRUE(queue->waits_for_result());
  kit::slot a, b, c;
  give(a);
  give(b);
  give(c);
  EXPECT_EQ(out->open.size(), 2U);
  out->answer(1, verdict::success());
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(a.times, 0);
  EXPECT_EQ(out->open.size(), 2U);
}

TEST_F(SendingQueueTest, ASenderThatAnswersAtOnceDoesNotRecurse) {
  how.block_on_overflow = true;
  bounds.held_max = 200'000;
  open();
  kit::slot first;
  give(first);
  std::vector<kit::slot> rest(100'000);
  for (kit::slot& s : rest) give(s);
  out->at_once = verdict::success();
  out->answer(0, verdict::success());
  EXPECT_EQ(queue->held() + queue->waiting() + queue->under_way(), 0U);
  for (const kit::slot& s : rest) ASSERT_TRUE(s.ok());
}

TEST_F(SendingQueueTest, DrainSendsWhatIsQueuedAndRefusesWhatComes) {
  open();
  kit::slot a, b, late;
  give(a);
  give(b);
  queue->drain(at.time.now() + std::chrono::seconds(5));
  EXPECT_FALSE(queue->drained());
  give(late);
  EXPECT_TRUE(late.retryable());
  out->answer(0, verdict::success());
  out->answer(0, verdict::success());
  EXPECT_TRUE(queue->drained());
  std::vector<undelivered> left;
  queue->report(left);
  EXPECT_TRUE(left.empty());
}

TEST_F(SendingQueueTest, DrainRefusesWhatIsHeld) {
  how.block_on_overflow = true;
  open();
  kit::slot s[4];
  for (kit::slot& each : s) give(each);
  queue->drain(at.time.now() + std::chrono::seconds(5));
  EXPECT_TRUE(s[3].retryable());
}

TEST_F(SendingQueueTest, WhatIsNotDeliveredByTheDeadlineIsReported) {
  open();
  kit::slot a, b;
  give(a, "a", 3);
  give(b, "b", 4);
  queue->drain(at.time.now() + milliseconds(50));
  at.run_for(milliseconds(60));
  EXPECT_TRUE(queue->drained());
  std::vector<undelivered> left;
  queue->report(left);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].component, "otlp");
  EXPECT_EQ(left[0].requests, 2U);
  EXPECT_EQ(left[0].items, 7U);
  EXPECT_EQ(account.used(), 0U);
  out->answer(0, verdict::success());  // too late, and harmless
}

TEST_F(SendingQueueTest, ARequestThatBacksOffPastTheDeadlineGetsALastAttempt) {
  open();
  kit::slot a;
  give(a, "a", 3);
  out->answer(0, verdict::retry("busy", milliseconds(900)));
  queue->drain(at.time.now() + milliseconds(200));
  at.run_for(milliseconds(5));
  ASSERT_EQ(out->started.size(), 2U);
  out->answer(0, verdict::retry("busy"));
  EXPECT_TRUE(queue->drained());
  std::vector<undelivered> left;
  queue->report(left);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].items, 3U);
}

TEST_F(SendingQueueTest, ClientsThatWaitAreToldAtTheEndAndNotReported) {
  how.wait_for_result = true;
  open();
  kit::slot a, b;
  give(a);
  give(b);
  queue->drain(at.time.now() + milliseconds(10));
  at.run_for(milliseconds(20));
  EXPECT_TRUE(a.retryable());
  EXPECT_TRUE(b.retryable());
  std::vector<undelivered> left;
  queue->report(left);
  EXPECT_TRUE(left.empty());
}

TEST_F(SendingQueueTest, DestroyingTheQueueAnswersEverybody) {
  how.wait_for_result = true;
  open();
  kit::slot a, b;
  give(a);
  give(b);
  queue.reset();
  EXPECT_TRUE(a.retryable());
  EXPECT_TRUE(b.retryable());
  EXPECT_EQ(account.used(), 0U);
}

TEST_F(SendingQueueTest, ABusyQueueUsesAllConsumersAndGivesTheOtherItsShareWhenItComes) {
  kit::workplace other;  // a second shard, by itself
  zc::shard::options second;
  second.id = 1;
  zc::shard on_second(second, std::make_unique<kit::idle_poller>(), other.limits, other.time);
  shard_context there{on_second, other.with, other.counts, other.out, 7, 64 * 1024 * 1024};
  consumer_budget shared(4, 2);
  queue_account wide(queue_sizer::requests, 100, 1'000'000);
  bounds.consumers = 4;
  bounds.shared = &shared;
  auto to_a = std::make_unique<hand_sender>(16), to_b = std::make_unique<hand_sender>(16);
  hand_sender &a = *to_a, &b = *to_b;
  sending_queue busy(at.context, "otlp", how, retry, bounds, wide, std::move(to_a));
  sending_queue late(there, "otlp", how, retry, bounds, wide, std::move(to_b));
  kit::slot slots[30];
  const auto give_to = [&](sending_queue& q, kit::slot& s) {
    q.consume({kit::plain_payload(signal::logs, 1, "r"), s.ask(), {}});
  };
  for (int i = 0; i < 20; ++i) give_to(busy, slots[i]);
  EXPECT_EQ(a.open.size(), 4U) << "all of them, though half is its share";
  for (int i = 20; i < 30; ++i) give_to(late, slots[i]);
  EXPECT_EQ(b.open.size(), 0U);
  for (int i = 0; i < 6; ++i) {
    a.answer(0, verdict::success());
    on_second.run_turn(zc::nanoseconds(0));
    EXPECT_LE(a.open.size() + b.open.size(), 4U);
  }
  EXPECT_EQ(a.open.size(), 2U);
  EXPECT_EQ(b.open.size(), 2U);
  while (!b.open.empty()) b.answer(0, verdict::success());
  at.run_for(milliseconds(1));
  EXPECT_EQ(a.open.size(), 4U) << "what the other left is used again";
  while (!a.open.empty()) a.answer(0, verdict::success());
  EXPECT_EQ(shared.taken(), 0U);
}

// Two shards' queues on one account, random requests, outcomes and delays, against a model that
// knows what each request was promised. Whatever happens: bounds hold, attempts start in order, and
// every request ends once as it should.
struct Model {
  struct request {
    kit::slot told;
    int delivered = 0;
    bool lost = false;
    std::size_t first_start = SIZE_MAX;
  };
  std::map<std::string, std::unique_ptr<request>> all;
};

void run_model(std::uint32_t seed) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  kit::workplace at;
  queue_settings how;
  how.wait_for_result = chance(50);
  how.block_on_overflow = chance(50);
  how.sizer = chance(50) ? queue_sizer::requests : queue_sizer::items;
  retry_settings retry;
  retry.enabled = chance(80);
  retry.initial_interval = milliseconds(1 + random() % 50);
  retry.max_interval = milliseconds(200);
  retry.max_elapsed_time = milliseconds(chance(30) ? 0 : 300);
  sending_queue::limits bounds;
  bounds.consumers = 1 + random() % 4;
  bounds.held_max = random() % 6;
  queue_account account(how.sizer, 4 + random() % 20, 20'000);
  struct lane {
    std::unique_ptr<sending_queue> queue;
    hand_sender* out = nullptr;
    std::vector<std::string> accepted;  // bodies, in the order of arrival
  };
  std::array<lane, 2> lanes;
  for (lane& l : lanes) {
    auto made = std::make_unique<hand_sender>(4);
    l.out = made.get();
    l.queue = std::make_unique<sending_queue>(at.context, "e", how, retry, bounds, account,
                                              std::move(made));
  }
  Model model;
  int next = 0;
  const auto answer_one = [&](lane& l) {
    if (l.out->open.empty()) return;
    const std::size_t which = random() % l.out->open.size();
    Model::request& r = *model.all.at(l.out->open[which].body);
    const auto roll = random() % 10;
    if (roll < 5) {
      r.delivered += 1;
      l.out->answer(which, verdict::success());
    } else if (roll < 6) {
      r.lost = true;
      l.out->answer(which, verdict::refuse(zc::grpc::code::internal, 500, "no"));
    } else {
      std::optional<zc::nanoseconds> hint;
      if (chance(30)) hint = milliseconds(random() % 100);
      l.out->answer(which, verdict::retry("busy", hint));
    }
  };
  for (int step = 0; step < 400; ++step) {
    lane& l = lanes[random() % 2];
    if (chance(50)) {
      const payload_ptr p =
          kit::plain_payload(signal::logs, 1 + random() % 4, "q" + std::to_string(next++) + "-");
      const std::string body = kit::text_of(p->received());
      auto r = std::make_unique<Model::request>();
      Model::request& mine = *r;
      model.all.emplace(body, std::move(r));
      l.queue->consume({p, mine.told.ask(), {}});
      const bool refused = mine.told.times == 1 && !mine.told.last.ok();
      if (!refused) l.accepted.push_back(body);
    } else if (chance(60)) {
      answer_one(l);
    } else {
      at.run_for(milliseconds(1 + random() % 20));
    }
    ASSERT_LE(account.used(), account.capacity());
    ASSERT_LE(account.used_bytes(), account.bytes_max());
    for (const lane& each : lanes) {
      ASSERT_LE(each.out->most_open, bounds.consumers);
      ASSERT_LE(each.queue->held(), bounds.held_max);
    }
  }
  // Let everything end: the backends recover.
  for (int i = 0;
       i < 20'000 && account.used() + lanes[0].queue->held() + lanes[1].queue->held() > 0; ++i) {
    for (lane& l : lanes) {
      while (!l.out->open.empty()) {
        model.all.at(l.out->open.front().body)->delivered += 1;
        l.out->answer(0, verdict::success());
      }
    }
    at.run_for(milliseconds(5));
  }
  ASSERT_EQ(account.used(), 0U);
  ASSERT_EQ(account.used_bytes(), 0U);
  std::uint64_t lost_items = 0;
  for (lane& l : lanes) {
    // Attempts began in the order of arrival: first starts, without repeats, are the accepted
    // requests in order.
    std::set<std::string> seen;
    std::vector<std::string> first_starts;
    for (const std::string& body : l.out->started) {
      if (seen.insert(body).second) first_starts.push_back(body);
    }
    ASSERT_EQ(first_starts, l.accepted);
  }
  for (const auto& [body, r] : model.all) {
    ASSERT_EQ(r->told.times, 1);
    ASSERT_LE(r->delivered, 1);  // an attempt that succeeded was the last
    if (r->delivered == 1) {
      ASSERT_TRUE(r->told.ok());
    }
    if (how.wait_for_result) {
      ASSERT_EQ(r->told.ok(), r->delivered == 1);
    }
    if (!r->told.ok()) {
      ASSERT_EQ(r->delivered, 0);
    }
    if (r->told.ok() && r->delivered == 0 && !r->lost) lost_items += 1;  // retries ran out
  }
  if (retry.enabled && retry.max_elapsed_time.count() == 0) {
    ASSERT_EQ(lost_items, 0U);
  }
  if (lost_items > 0) {
    ASSERT_GT(at.counts.exporter("e").of[signal::logs].send_failed.read(), 0U);
  }
}

TEST(SendingQueueModelTest, RandomTrafficNeverBreaksThePromises) {
  for (std::uint32_t i = 0; i < 150; ++i) {
    run_model(static_cast<std::uint32_t>(zc::testing::seed()) + i);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST_F(SendingQueueTest, DrainCalledAgainBringsTheDeadlineForward) {
  open();
  kit::slot a, b;
  give(a);
  give(b);
  const zc::time_point now = at.time.now();
  queue->drain(now + std::chrono::seconds(60));
  queue->drain(now + std::chrono::seconds(90));  // never back
  EXPECT_FALSE(queue->drained());
  queue->drain(now);
  EXPECT_TRUE(queue->drained());
  std::vector<undelivered> left;
  queue->report(left);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].requests, 2U);
  EXPECT_EQ(left[0].items, 4U);
}

TEST_F(SendingQueueTest, InFlightIsWhatHasBegunAndIsNotOver) {
  open();
  kit::slot a, b;
  give(a);
  give(b);  // waits for its turn
  EXPECT_EQ(counts().in_flight.read(), 1U);
  out->answer(0, verdict::retry("busy"));
  EXPECT_TRUE(out->open.empty());
  EXPECT_EQ(counts().in_flight.read(), 1U);  // backing off counts, as in the Collector
  at.run_for(milliseconds(150));
  out->answer(0, verdict::success());
  EXPECT_EQ(counts().in_flight.read(), 1U);  // the second one
  out->answer(0, verdict::success());
  EXPECT_EQ(counts().in_flight.read(), 0U);
}

}  // namespace
}  // namespace sluice
