// What must hold of sequence sets: they agree with a model made of std::set in every figure,
// whatever the order, the overlaps and the cuts into several sets, and stay within their bounds.
#include "gate/rig/sequences.h"

#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "zc/testing/seed.h"

namespace sluice::rig {
namespace {

struct model {
  void insert(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = first; i < first + count; ++i)
      repeated += numbers.insert(i).second ? 0 : 1;
  }
  std::vector<sequence_range> ranges() const {
    std::vector<sequence_range> all;
    for (const std::uint64_t n : numbers) {
      if (!all.empty() && all.back().last + 1 == n) {
        all.back().last = n;
      } else {
        all.push_back({n, n});
      }
    }
    return all;
  }
  std::uint64_t first_missing() const {
    std::uint64_t n = 0;
    while (numbers.contains(n)) ++n;
    return n;
  }
  std::set<std::uint64_t> numbers;
  std::uint64_t repeated = 0;
};

void expect_equal(const sequence_set& real, const model& m) {
  ASSERT_EQ(real.distinct(), m.numbers.size());
  ASSERT_EQ(real.repeated(), m.repeated);
  ASSERT_EQ(real.ranges(SIZE_MAX), m.ranges());
  ASSERT_EQ(real.first_missing(), m.first_missing());
  if (m.numbers.empty()) return;
  ASSERT_EQ(real.highest(), *m.numbers.rbegin());
  ASSERT_EQ(real.missing(), *m.numbers.rbegin() + 1 - m.numbers.size());
}

TEST(SequencesTest, RandomInsertionsAgreeWithAModel) {
  SCOPED_TRACE(::testing::Message() << "ZC_TEST_SEED=" << zc::testing::seed());
  std::mt19937_64 random(zc::testing::seed());
  for (int round = 0; round < 6; ++round) {
    sequence_set real;
    model m;
    const std::uint64_t span = round % 2 == 0 ? 3'000 : 200'000;
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t first = random() % span;
      const std::uint64_t count = random() % (round % 4 < 2 ? 200 : 9'000);
      real.insert(first, count);
      m.insert(first, count);
    }
    expect_equal(real, m);
    for (int i = 0; i < 500; ++i) {
      const std::uint64_t n = random() % (span + 10'000);
      ASSERT_EQ(real.contains(n), m.numbers.contains(n)) << n;
    }
  }
}

TEST(SequencesTest, FullChunksAgreeWithTheModelToo) {
  sequence_set real;
  model m;
  for (const auto& [first, count] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, 65'536},
                                                            {65'535, 2},
                                                            {65'536, 65'536},
                                                            {200'000, 1},
                                                            {131'072, 65'536},
                                                            {10, 70'000}}) {
    real.insert(first, count);
    m.insert(first, count);
    expect_equal(real, m);
  }
}

TEST(SequencesTest, MergingEqualsInsertingIntoOne) {
  SCOPED_TRACE(::testing::Message() << "ZC_TEST_SEED=" << zc::testing::seed());
  std::mt19937_64 random(zc::testing::seed() + 1);
  for (int round = 0; round < 6; ++round) {
    sequence_set parts[3];
    model all;
    model each[3];
    for (int i = 0; i < 40; ++i) {
      const std::size_t part = random() % 3;
      const std::uint64_t first = random() % 3 * 65'536 + random() % 1'000;
      const std::uint64_t count = random() % 20 == 0 ? 65'536 : random() % 3'000;
      parts[part].insert(first, count);
      each[part].insert(first, count);
      all.insert(first, count);
    }
    std::uint64_t only_here = 0;
    for (const std::uint64_t n : each[1].numbers) only_here += each[0].numbers.contains(n) ? 0 : 1;
    ASSERT_EQ(parts[1].count_not_in(parts[0]), only_here);
    sequence_set merged;
    for (const sequence_set& p : parts) merged.merge(p);
    expect_equal(merged, all);
  }
}

TEST(SequencesTest, NumbersOutOfRangeAreCountedAndForgotten) {
  sequence_set s;
  s.insert(sequences_max, 1);
  s.insert(sequences_max - 1, 2);
  s.insert(5, UINT64_MAX);
  EXPECT_EQ(s.distinct(), 0u);
  EXPECT_GT(s.untracked(), 0u);
  EXPECT_EQ(s.missing(), 0u);
  s.insert(sequences_max - 1);
  EXPECT_EQ(s.highest(), sequences_max - 1);
  EXPECT_EQ(s.first_missing(), 0u);
}

TEST(SequencesTest, ScatteredNumbersStopAtTheBound) {
  sequence_set s;
  for (std::uint64_t i = 0; i < sequence_set::bitmaps_max + 100; ++i) s.insert(i << 16);
  EXPECT_EQ(s.distinct(), sequence_set::bitmaps_max);
  EXPECT_EQ(s.untracked(), 100u);
}

TEST(SequencesTest, RangesStopWhereToldTo) {
  sequence_set s;
  for (std::uint64_t i = 0; i < 100; ++i) s.insert(i * 2);
  EXPECT_EQ(s.ranges(10).size(), 10u);
  EXPECT_EQ(s.ranges(1'000).size(), 100u);
}

TEST(SequencesTest, ATrackerKeepsSourcesApart) {
  tracker a;
  a.insert(otlp::signal::traces, {1, 1, 0}, 100);
  a.insert(otlp::signal::logs, {1, 1, 0}, 50);
  a.insert(otlp::signal::traces, {1, 2, 10}, 10);
  a.insert(otlp::signal::traces, {2, 1, 0}, 5);
  a.insert(otlp::signal::traces, {1, 1, 90}, 20);
  EXPECT_EQ(a.sources().size(), 4u);
  EXPECT_EQ(a.distinct(), 110u + 50 + 10 + 5);
  EXPECT_EQ(a.repeated(), 10u);
  EXPECT_EQ(a.missing(), 10u);

  tracker b;
  b.insert(otlp::signal::traces, {1, 2, 0}, 12);
  a.merge(b);
  EXPECT_EQ(a.distinct(), 175u + 10);
  EXPECT_EQ(a.repeated(), 12u);
  EXPECT_EQ(a.missing(), 0u);

  tracker moved = std::move(a);
  moved.insert(otlp::signal::traces, {2, 1, 5}, 1);
  EXPECT_EQ(moved.distinct(), 186u);
}

}  // namespace
}  // namespace sluice::rig
