// The ledger adds up what all threads counted, those that ended included; a scope sees what its
// thread counted while it lives; a tally sees its request and nobody else's.

#include "zc/base/ledger.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace zc {
namespace {

TEST(LedgerTest, AddsUpRunningAndEndedThreads) {
  const auto before = ledger::read();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 1000; ++i) ledger::count(ledger::reason::straddle, 3);
        ledger::count_forwarded(7);
      });
    }
  }
  ledger::count(ledger::reason::copy_of, 5);
  ledger::count(ledger::reason::inflate, 100);
  const auto after = ledger::read();
  EXPECT_EQ(after.copied() - before.copied(), 12'005u)
      << "inflated bytes are new payload, not a copy";
  EXPECT_EQ(after.forwarded - before.forwarded, 28u);
  EXPECT_EQ(after.times[2] - before.times[2], 4000u);
}

TEST(LedgerTest, AScopeSeesItsOwnThreadAndFromItsBeginningOnly) {
  ledger::count(ledger::reason::copy_of, 1'000);
  const ledger::scope mine;
  const ledger::scope everybody(ledger::threads::all);
  std::jthread([] { ledger::count(ledger::reason::coalesce, 7); }).join();
  EXPECT_EQ(mine.copied(), 0u);
  EXPECT_EQ(everybody.copied(), 7u);
  ledger::count(ledger::reason::straddle, 5);
  ledger::count(ledger::reason::straddle, 6);
  ledger::count(ledger::reason::inflate, 100);
  ledger::count_received(50);
  const ledger::totals so_far = mine.so_far();
  EXPECT_EQ(so_far.copied(), 11u);
  EXPECT_EQ(so_far.copies(), 2u);
  EXPECT_EQ(so_far.of(ledger::reason::straddle), 11u);
  EXPECT_EQ(so_far.times_of(ledger::reason::straddle), 2u);
  EXPECT_EQ(so_far.of(ledger::reason::inflate), 100u);
  EXPECT_EQ(so_far.received, 50u);
  EXPECT_EQ(everybody.copied(), 18u);
}

TEST(LedgerTest, AnOuterScopeIncludesTheInnerOnes) {
  const ledger::scope outer;
  ledger::count(ledger::reason::copy_of, 1);
  {
    const ledger::scope inner;
    ledger::count(ledger::reason::copy_of, 10);
    EXPECT_EQ(inner.copied(), 10u);
  }
  ledger::count(ledger::reason::copy_of, 100);
  EXPECT_EQ(outer.copied(), 111u);
  EXPECT_EQ(ledger::copied_by_this_thread(), ledger::read_this_thread().copied());
}

// Two requests take turns on a thread, as coroutines do, and one of them goes on on another thread.
TEST(LedgerTest, ATallyFollowsItsRequestAndLeavesOutTheOthers) {
  ledger::tally a, b;
  const auto run = [](ledger::tally& who, std::size_t n) {
    const ledger::tally::stretch now(who);
    ledger::count(ledger::reason::contiguous, n);
  };
  run(a, 1);
  run(b, 10);
  run(a, 100);
  EXPECT_EQ(a.copied(), 101u);
  std::jthread([&] { run(a, 1'000); }).join();
  run(b, 10'000);
  EXPECT_EQ(a.copied(), 1'101u);
  EXPECT_EQ(a.so_far().copies(), 3u);
  EXPECT_EQ(b.copied(), 10'010u);
  ledger::count(ledger::reason::contiguous, 5);  // nobody's
  EXPECT_EQ(a.copied() + b.copied(), 11'111u);
}

TEST(LedgerTest, TotalsAddAndSubtractEveryFigure) {
  ledger::totals t;
  for (std::size_t i = 0; i < ledger::reasons; ++i) {
    t.bytes[i] = 10 + i;
    t.times[i] = 20 + i;
  }
  t.received = 30;
  t.forwarded = 31;
  const ledger::totals twice = t + t;
  EXPECT_EQ(twice.received, 60u);
  EXPECT_EQ(twice.times[5], 50u);
  EXPECT_EQ(twice - t, t);
  EXPECT_EQ(t - t, ledger::totals{});
}

}  // namespace
}  // namespace zc
