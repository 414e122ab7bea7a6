// The ledger adds up what all threads counted, those that ended included.

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

}  // namespace
}  // namespace zc
