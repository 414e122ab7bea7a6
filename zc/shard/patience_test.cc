// What must hold of patience: what is there soon is found, without a sleep and without many looks;
// where nothing comes, looking is bounded and becomes rare; and two that only wait for each other to
// wake up find back to not sleeping.
//
// Method: pauses and time are counters, and what is looked for comes after so many pauses.

#include "zc/shard/patience.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace zc {
namespace {

using std::chrono::microseconds;

struct counted {
  static constexpr bool spins = true;
  static void pause() noexcept { pauses += 1; }
  static time_point now() noexcept { return time_point(pauses * nanoseconds(10)); }
  inline static std::int64_t pauses = 0;
};
struct one_core {
  static constexpr bool spins = false;
};
constexpr std::int64_t for_ever = INT64_MAX;
constexpr time_point no_deadline = time_point::max();

struct PatienceTest : ::testing::Test {
  struct outcome {
    bool found = false;
    std::int64_t pauses = 0;
    std::int64_t before_first = 0;  // look
    int looks = 0;
  };
  // `there` items, after so many pauses.
  outcome wait(std::int64_t after, std::size_t there = 1, time_point deadline = no_deadline,
               std::size_t most = 1'000) {
    outcome how;
    const std::int64_t start = counted::pauses;
    how.found = one.wait(deadline, most, [&]() -> std::size_t {
      if (how.looks++ == 0) how.before_first = counted::pauses - start;
      return counted::pauses - start >= after ? there : 0;
    });
    how.pauses = counted::pauses - start;
    return how;
  }
  patience<counted> one;
};

TEST_F(PatienceTest, AnAnswerIsFoundBeforeTwiceItsTimeHasPassed) {
  for (const std::int64_t after : {1, 3, 10, 30, 60, 25, 7, 1}) {
    const outcome how = wait(after);
    EXPECT_TRUE(how.found);
    EXPECT_LE(how.pauses, 2 * after + 1);
    EXPECT_EQ(how.before_first, 1);
  }
}

using pauses = std::vector<std::int64_t>;

TEST_F(PatienceTest, WhereMuchComesItLooksLaterAndWhereOneComesAtOnceAgain) {
  pauses first;
  for (int i = 0; i < 7; ++i) first.push_back(wait(1, 200).before_first);
  EXPECT_EQ(first, (pauses{1, 4, 16, 64, 256, 512, 512}));
  first.clear();
  for (int i = 0; i < 11; ++i) first.push_back(wait(1, 1).before_first);
  EXPECT_EQ(first, (pauses{512, 256, 128, 64, 32, 16, 8, 4, 2, 1, 1}));
}

TEST_F(PatienceTest, ItDoesNotLookLaterThanHelps) {
  pauses first;
  for (int i = 0; i < 6; ++i) first.push_back(wait(1, 20).before_first);
  EXPECT_EQ(first, (pauses{1, 4, 16, 64, 256, 256})) << "twenty in 256: not yet slow, not fast";
  first.clear();
  for (int i = 0; i < 3; ++i) first.push_back(wait(1, 3).before_first);
  EXPECT_EQ(first, (pauses{256, 128, 64})) << "slow";
  first.clear();
  for (int i = 0; i < 3; ++i) first.push_back(wait(1, 10, no_deadline, 16).before_first);
  EXPECT_EQ(first, (pauses{32, 16, 8})) << "more than half of all there can be";
}

TEST_F(PatienceTest, WhenAStreamEndsItLooksSoonerAgain) {
  for (int i = 0; i < 7; ++i) (void)wait(1, 200);
  EXPECT_EQ(wait(for_ever).before_first, 512);
  EXPECT_EQ(wait(for_ever).before_first, 256);
  for (int i = 0; i < 8; ++i) (void)wait(for_ever);
  EXPECT_EQ(wait(1).before_first, 1);
}

TEST_F(PatienceTest, WhereNothingComesLookingBecomesRare) {
  constexpr int waits = 10'000;
  constexpr std::int64_t probe = patience<counted>::probe_longest / nanoseconds(10);
  int probes = 0;
  std::int64_t most = 0;
  std::int64_t rest = 0;
  for (int i = 0; i < waits; ++i) {
    const outcome how = wait(for_ever);
    EXPECT_FALSE(how.found);
    most = std::max(most, how.pauses);
    if (how.pauses >= probe) {
      probes += 1;
    } else {
      rest = std::max(rest, how.pauses);
    }
  }
  EXPECT_LE(most, probe + 3 * 64);
  EXPECT_LE(rest, 2 * 64);
  EXPECT_GT(probes, waits / 300) << "and never ends altogether";
  EXPECT_LT(probes, waits / 200);
}

TEST_F(PatienceTest, TwoThatWaitForEachOtherToWakeUpFindOutOfIt) {
  for (int i = 0; i < 5'000; ++i) (void)wait(for_ever);  // the machine was busy
  // Waking takes 30 us. Whoever sleeps makes the other wait for so long.
  constexpr std::int64_t to_wake = 3'000;
  patience<counted> other;
  int sleeps = 0;
  bool i_sleep = true, you_sleep = true;
  for (int round = 0; round < 600; ++round) {
    i_sleep = !wait(you_sleep ? to_wake : 20).found;
    const std::int64_t start = counted::pauses;
    you_sleep = !other.wait(no_deadline, 1'000, [&]() -> std::size_t {
      return counted::pauses - start >= (i_sleep ? to_wake : 20) ? 1 : 0;
    });
    sleeps += i_sleep + you_sleep;
  }
  EXPECT_LT(sleeps, 2 * 300);
  EXPECT_FALSE(i_sleep);
  EXPECT_FALSE(you_sleep);
}

TEST_F(PatienceTest, AProbeThatHasPaidIsRepeated) {
  for (int i = 0; i < 5'000; ++i) (void)wait(for_ever);
  int waits = 1;
  while (!wait(3'000).found) waits += 1;
  EXPECT_LE(waits, 256);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(wait(3'000).found);
}

TEST_F(PatienceTest, ABudgetGrowsWithWhatIsNeededAndShrinksAgain) {
  for (int i = 0; i < 5'000; ++i) (void)wait(for_ever);  // from now on probes are rare
  EXPECT_TRUE(wait(60).found);                           // four times that is enough for the next
  EXPECT_TRUE(wait(200).found);
  EXPECT_TRUE(wait(700).found);
  for (int i = 0; i < 8; ++i) (void)wait(for_ever);
  const outcome none = wait(for_ever);
  EXPECT_FALSE(none.found);
  EXPECT_LE(none.pauses, 2 * 64);
}

TEST_F(PatienceTest, AProbeEndsWithTheDeadline) {
  const time_point deadline = counted::now() + microseconds(5);
  const outcome how = wait(for_ever, 1, deadline);
  EXPECT_FALSE(how.found);
  EXPECT_LE(how.pauses, 500 + 2 * 64);
}

TEST(PatienceModelTest, InTheModelNobodyLooks) {
  patience<one_core> none;
  EXPECT_FALSE(none.wait(no_deadline, 1, []() -> std::size_t { return 1; }));
}

}  // namespace
}  // namespace zc
