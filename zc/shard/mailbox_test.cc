// What must hold of a mailbox and of calls through it: nothing is taken beyond the bound, what is
// taken runs once, on its shard, in each sender's order, or is destroyed there; whoever waits for
// room gets it; and every call ends, whoever dies first.

#include "zc/shard/mailbox.h"

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/call.h"
#include "zc/shard/sleep.h"
#include "zc/shard/task_scope.h"
#include "zc/testing/seed.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::running_shard;
using testing::shard_rig;
using outcome = mailbox::outcome;

TEST(MailboxTest, TakesNoMoreThanItsBoundAndGivesTheLetterBack) {
  shard_rig r;
  mailbox box(r.worker, 3);
  EXPECT_EQ(box.capacity(), 4u);
  int ran = 0;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(box.try_post([&] { ran += 1; }), outcome::taken);
  mailbox::letter fifth = [&] { ran += 10; };
  EXPECT_EQ(box.try_post(std::move(fifth)), outcome::full);
  ASSERT_TRUE(bool(fifth));
  EXPECT_EQ(box.run_batch(), 4u);
  EXPECT_EQ(ran, 4);
  EXPECT_EQ(box.try_post(std::move(fifth)), outcome::taken);
  EXPECT_EQ(box.run_batch(), 1u);
  EXPECT_EQ(ran, 14);
  EXPECT_EQ(box.run_batch(), 0u);
}

TEST(MailboxTest, RunsInOrderAndLettersOfLettersInTheNextBatch) {
  shard_rig r;
  std::vector<int> log;
  const auto say = [&](int n) { (void)r.worker.mail().try_post([&log, n] { log.push_back(n); }); };
  (void)r.worker.mail().try_post([&] {
    log.push_back(1);
    say(3);
  });
  say(2);
  r.turn();
  EXPECT_EQ(log, (std::vector<int>{1, 2}));
  EXPECT_EQ(r.io->waits.back(), nanoseconds(0)) << "a letter waits: no sleep";
  r.worker.run_turn(milliseconds(1));
  EXPECT_EQ(log, (std::vector<int>{1, 2, 3}));
}

TEST(MailboxTest, ClosingDestroysWhatHasNotRunAndNothingIsTakenAfterwards) {
  shard_rig r;
  mailbox box(r.worker, 8);
  auto held = std::make_shared<int>(1);
  EXPECT_EQ(box.try_post([held] {}), outcome::taken);
  EXPECT_EQ(held.use_count(), 2);
  box.close();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(box.try_post([held] {}), outcome::closed);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_TRUE(box.closed());
  EXPECT_EQ(box.run_batch(), 0u);
}

task<> post_when_there_is_room(mailbox& box, std::vector<int>& log, int n) {
  mailbox::letter mine = [&log, n] { log.push_back(n); };
  while (box.try_post(std::move(mine)) == outcome::full) co_await box.room();
}

TEST(MailboxTest, TasksThatWaitForRoomAreServedInOrder) {
  shard_rig r;
  mailbox box(r.worker, 2);
  std::vector<int> log;
  task_scope scope(r.worker, 16);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(scope.spawn(post_when_there_is_room(box, log, i)));
  EXPECT_EQ(scope.size(), 5u);
  for (int i = 0; i < 8; ++i) {
    box.run_batch();
    r.turn();
  }
  EXPECT_TRUE(scope.empty());
  EXPECT_EQ(log, (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(MailboxTest, OneThatWasToldOfRoomAndDiesPassesTheWordOn) {
  shard_rig r;
  mailbox box(r.worker, 1);
  EXPECT_EQ(box.capacity(), 2u) << "the least there is";
  std::vector<int> log;
  std::deque<task_scope> scopes;
  for (int i = 1; i <= 6; ++i) {
    scopes.emplace_back(r.worker, 1);
    ASSERT_TRUE(scopes.back().spawn(post_when_there_is_room(box, log, i)));
  }
  box.run_batch();  // two places: the third and the fourth are told
  scopes[2].cancel();
  scopes[3].cancel();  // and do not use them
  r.turn();
  EXPECT_TRUE(scopes[4].empty());
  EXPECT_TRUE(scopes[5].empty());
  box.run_batch();
  EXPECT_EQ(log, (std::vector<int>{1, 2, 5, 6}));
}

TEST(MailboxTest, ClosingSendsThoseHomeWhoWaitForRoom) {
  shard_rig r;
  mailbox box(r.worker, 2);
  std::vector<int> log;
  task_scope scope(r.worker, 4);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(scope.spawn(post_when_there_is_room(box, log, i)));
  box.close();
  r.turn();
  EXPECT_TRUE(scope.empty());
  EXPECT_TRUE(log.empty());
}

TEST(MailboxDeathTest, BrokenContractsAbort) {
  shard_rig r;
  EXPECT_DEATH(mailbox(r.worker, 0), "room for 1 to 2\\^20 letters");
  EXPECT_DEATH(mailbox(r.worker, SIZE_MAX), "room for 1 to 2\\^20 letters");
  EXPECT_DEATH((void)r.worker.mail().post_and_wait([] {}),
               "another thread than the receiving shard's");
}

TEST(MailboxThreadsTest, ManySendersLoseNothingAndKeepTheirOrder) {
  constexpr int senders = 4, each = 10'000;
  running_shard s;
  std::vector<int> next(senders, 0);  // the shard's
  std::atomic<int> ran{0};
  std::atomic<bool> in_order{true};
  std::vector<std::jthread> threads;
  for (int t = 0; t < senders; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        EXPECT_TRUE(s.worker().mail().post_and_wait([&, t, i] {
          if (next[static_cast<std::size_t>(t)]++ != i) in_order = false;
          if (ran.fetch_add(1) + 1 == senders * each) ran.notify_all();
        }));
      }
    });
  }
  for (int seen = ran; seen < senders * each; seen = ran) ran.wait(seen);
  EXPECT_TRUE(in_order);
}

TEST(MailboxThreadsTest, ALetterWakesASleepingShardAndABatchOnlyOnce) {
  running_shard s;
  for (int i = 0; i < 200; ++i) {
    std::atomic<bool> ran{false};
    ASSERT_TRUE(s.worker().mail().post_and_wait([&] {
      ran = true;
      ran.notify_one();
    }));
    ran.wait(false);  // the poller would sleep a minute
  }
  EXPECT_LE(s.io().wakes, 201);
}

TEST(MailboxThreadsTest, SendersAndTheCloseAgreeWhoseEveryLetterIs) {
  for (int round = 0; round < 30; ++round) {
    std::atomic<int> taken{0}, destroyed{0}, refused{0};
    struct witness {
      std::atomic<int>* of;
      explicit witness(std::atomic<int>& n) : of(&n) {}
      witness(witness&& w) noexcept : of(std::exchange(w.of, nullptr)) {}
      ~witness() {
        if (of != nullptr) *of += 1;
      }
    };
    {
      running_shard s;
      std::vector<std::jthread> threads;
      for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
          for (;;) {
            if (!s.worker().mail().post_and_wait([w = witness(destroyed)] {})) {
              refused += 1;
              return;
            }
            taken += 1;
          }
        });
      }
      std::this_thread::sleep_for(milliseconds(2));
      s.stop();
      threads.clear();
      s.wait_until_ended();
    }
    EXPECT_EQ(refused, 3);
    EXPECT_EQ(destroyed, taken + refused) << "run or dropped, each once";
  }
}

// ----------------------------------------------------------------------------------------------
// calls

template <class T>
task<> keep(task<T> of, std::optional<T>& to) {
  to.emplace(co_await std::move(of));
}

TEST(CallTest, RunsThereAndBringsTheResultBack) {
  shard_rig a, b;
  task_scope scope(a.worker, 4);
  std::optional<result<std::unique_ptr<std::string>>> got;
  shard* ran_on = nullptr;
  ASSERT_TRUE(scope.spawn(keep(call(b.worker,
                                    [&ran_on] {
                                      ran_on = shard::current();
                                      return std::make_unique<std::string>("there");
                                    }),
                               got)));
  EXPECT_FALSE(got);
  b.turn();
  EXPECT_EQ(ran_on, &b.worker);
  EXPECT_FALSE(got) << "only on its own shard";
  a.turn();
  ASSERT_TRUE(got && *got);
  EXPECT_EQ(***got, "there");
}

TEST(CallTest, ToItselfRunsAtOnceAndResultsAndVoidKeepTheirShape) {
  shard_rig r;
  task_scope scope(r.worker, 4);
  std::optional<result<int>> bad;
  std::optional<result<void>> nothing;
  bool ran = false;
  ASSERT_TRUE(scope.spawn(
      keep(call(r.worker, []() -> result<int> { return fail(errc::refused, "no"); }), bad)));
  ASSERT_TRUE(scope.spawn(keep(call(r.worker, [&] { ran = true; }), nothing)));
  ASSERT_TRUE(bad && nothing);
  EXPECT_EQ(bad->error().code, errc::refused);
  EXPECT_TRUE(*nothing);
  EXPECT_TRUE(ran);
}

TEST(CallTest, CancelledBeforeItBeginsItDoesNotRun) {
  shard_rig a, b;
  int ran = 0;
  {
    task_scope scope(a.worker, 4);
    std::optional<result<void>> got;
    ASSERT_TRUE(scope.spawn(keep(call(b.worker, [&] { ran += 1; }), got)));
  }
  b.turn();
  a.turn();
  EXPECT_EQ(ran, 0);
}

TEST(CallTest, CancelledAfterItHasRunTheResultIsDropped) {
  shard_rig a, b;
  auto result_held = std::make_shared<int>(4);
  {
    task_scope scope(a.worker, 4);
    std::optional<result<std::shared_ptr<int>>> got;
    ASSERT_TRUE(scope.spawn(keep(call(b.worker, [&] { return result_held; }), got)));
    b.turn();
    EXPECT_EQ(result_held.use_count(), 2);
  }
  EXPECT_EQ(result_held.use_count(), 1);
  a.turn();
}

TEST(CallTest, AShardThatIsFullMakesTheCallerWaitAndOneThatHasEndedSaysSo) {
  shard_rig a;
  std::optional<result<int>> got[8];
  task_scope scope(a.worker, 8);
  {
    zc::shard::options small;
    small.letters_max = 2;
    testing::manual_clock time;
    quota limits(64_MiB);
    shard b(small, std::make_unique<testing::scripted_poller>(), limits, time);
    for (int i = 0; i < 8; ++i) {
      ASSERT_TRUE(scope.spawn(keep(call(b, [i] { return i; }), got[i])));
    }
    for (int turns = 0; turns < 2; ++turns) {
      b.run_turn(nanoseconds(0));
      a.turn();
    }
    EXPECT_TRUE(got[1]);
    EXPECT_FALSE(got[7]);
    b.mail().close();
    a.turn();
  }
  ASSERT_TRUE(got[7]);
  EXPECT_TRUE(scope.empty());
  EXPECT_EQ(got[7]->error().code, errc::closed);
}

TEST(CallThreadsTest, ShardsThatCallEachOtherWithFullMailboxesDoNotBlockEachOther) {
  constexpr int callers = 64, rounds = 100;
  running_shard a, b;
  std::unique_ptr<task_scope> of_a, of_b;
  std::atomic<int> done{0};
  const auto chat = [](shard& to, std::atomic<int>& count) -> task<> {
    for (int i = 0; i < rounds; ++i) {
      auto asked = call(to, [i] { return i + 1; });
      const result<int> got = co_await std::move(asked);
      EXPECT_EQ(got.value_or(0), i + 1);
    }
    if (count.fetch_add(1) + 1 == 2 * callers) count.notify_all();
  };
  const auto start = [&](running_shard& on, running_shard& to, std::unique_ptr<task_scope>& in) {
    on.run([&](shard& here) {
      in = std::make_unique<task_scope>(here, callers);
      for (int i = 0; i < callers; ++i) EXPECT_TRUE(in->spawn(chat(to.worker(), done)));
    });
  };
  start(a, b, of_a);
  start(b, a, of_b);
  for (int seen = done; seen < 2 * callers; seen = done) done.wait(seen);
  a.run([&](shard&) { of_a.reset(); });
  b.run([&](shard&) { of_b.reset(); });
}

TEST(CallThreadsTest, CallersMayDieAtAnyTimeWhileOthersAnswer) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  running_shard a, b;
  auto shared = std::make_shared<std::atomic<int>>(0);
  for (int round = 0; round < 200; ++round) {
    std::unique_ptr<task_scope> scope;
    a.run([&](shard& here) {
      scope = std::make_unique<task_scope>(here, 64);
      const auto ask_often = [](shard& to, std::shared_ptr<std::atomic<int>> count) -> task<> {
        for (;;) {
          auto asked = call(to, [count] {
            *count += 1;
            return count;
          });
          (void)co_await std::move(asked);
        }
      };
      for (int i = 0; i < 20; ++i) (void)scope->spawn(ask_often(b.worker(), shared));
    });
    if (random() % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
    a.run([&](shard&) { scope.reset(); });
  }
  b.run([](shard&) {});
  a.run([](shard&) {});
  b.run([](shard&) {});
  EXPECT_EQ(shared.use_count(), 1) << "functions and results are gone";
}

TEST(AskTest, AThreadWaitsForTheResultOrLearnsThatTheShardHasEnded) {
  running_shard s(3);
  EXPECT_EQ(ask(s.worker(), [&] { return shard::current()->id(); }).value_or(0), 3u);
  EXPECT_TRUE(ask(s.worker(), [] {}).has_value());
  s.stop();
  s.wait_until_ended();
  EXPECT_EQ(ask(s.worker(), [] { return 1; }).error().code, errc::closed);
}

}  // namespace
}  // namespace zc
