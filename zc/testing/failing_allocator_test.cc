// What must hold of the failing allocator: exactly the allocations that were named fail, on the
// thread that asked for it; nothing is left behind unseen; and it steps aside when it goes.

#include "zc/testing/failing_allocator.h"

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "zc/mem/pool.h"

namespace zc::testing {
namespace {

// Memory that the compiler may not do away with.
template <class T>
std::unique_ptr<T> fresh(int value = 0) {
  auto made = std::make_unique<T>();
  if constexpr (std::is_same_v<T, int>) *made = value;
  asm volatile("" : : "r"(made.get()) : "memory");
  return made;
}

#define NEEDS_OUR_OPERATORS()   \
  if (!allocations_are_counted) \
  GTEST_SKIP() << "this build's operator new is the sanitizer's: nothing can fail"

// Which of the first `asked` allocations failed, counted from 1.
std::vector<int> failures(failing_allocator::plan how, int asked) {
  std::vector<int> failed;
  failed.reserve(64);
  failing_allocator hostile(how);
  for (int i = 1; i <= asked; ++i) {
    void* memory = ::operator new(8, std::nothrow);
    if (memory == nullptr) failed.push_back(i);
    ::operator delete(memory);
  }
  return failed;
}

TEST(FailingAllocatorTest, FailsExactlyWhatThePlanNames) {
  NEEDS_OUR_OPERATORS();
  using plan = failing_allocator;
  EXPECT_EQ(failures(plan::none(), 10), std::vector<int>());
  EXPECT_EQ(failures(plan::nth(1), 10), std::vector<int>({1}));
  EXPECT_EQ(failures(plan::nth(4), 10), std::vector<int>({4}));
  EXPECT_EQ(failures(plan::every(3), 10), std::vector<int>({3, 6, 9}));
  EXPECT_EQ(failures(plan::all_from(8), 10), std::vector<int>({8, 9, 10}));
  EXPECT_EQ(failures({.first = 2, .step = 2, .most = 3}, 20), std::vector<int>({2, 4, 6}));
  EXPECT_EQ(failures({.first = 1, .step = 1, .bytes_min = 9}, 5), std::vector<int>());
}

TEST(FailingAllocatorTest, ThrowsWhatStdSaysAndCounts) {
  NEEDS_OUR_OPERATORS();
  failing_allocator hostile(failing_allocator::every(2));
  auto first = fresh<long>();
  EXPECT_THROW(fresh<long>(), std::bad_alloc);
  struct alignas(128) wide {
    char of[128];
  };
  auto third = fresh<wide>();
  EXPECT_THROW(fresh<wide>(), std::bad_alloc);
  EXPECT_EQ(hostile.asked(), 4u);
  EXPECT_EQ(hostile.refused(), 2u);
  EXPECT_EQ(hostile.blocks_out(), 2);
  first.reset();
  third.reset();
  EXPECT_EQ(hostile.blocks_out(), 0);
}

TEST(FailingAllocatorTest, OtherThreadsGoOnAndTheirBlocksAreCounted) {
  NEEDS_OUR_OPERATORS();
  std::unique_ptr<int> theirs;
  std::atomic<int> step{0};
  std::jthread other([&] {
    while (step.load() != 1) std::this_thread::yield();
    theirs = fresh<int>(3);
    step.store(2);
    while (step.load() != 3) std::this_thread::yield();
  });
  failing_allocator hostile(failing_allocator::all_from(1));
  step.store(1);
  while (step.load() != 2) std::this_thread::yield();
  EXPECT_EQ(hostile.blocks_out(), 1);
  EXPECT_EQ(hostile.refused(), 0u);
  EXPECT_EQ(*theirs, 3);
  step.store(3);
}

TEST(FailingAllocatorTest, TheInnerScopeDecidesAndAPauseLetsEverythingThrough) {
  NEEDS_OUR_OPERATORS();
  failing_allocator outer(failing_allocator::all_from(1));
  {
    failing_allocator inner(failing_allocator::none());
    EXPECT_NO_THROW(fresh<int>(1));
    EXPECT_EQ(inner.asked(), 1u);
  }
  {
    failing_allocator::pause rest;
    EXPECT_NO_THROW(fresh<int>(1));
  }
  EXPECT_EQ(outer.asked(), 0u);
  EXPECT_THROW(fresh<int>(1), std::bad_alloc);
}

TEST(FailingAllocatorTest, EveryAllocationOfABodyIsMadeToFailOnce) {
  NEEDS_OUR_OPERATORS();
  int reached_the_end = 0;
  const std::uint64_t failed = fail_each_allocation([&] {
    auto a = fresh<int>(1);
    auto b = fresh<int>(2);
    auto c = fresh<int>(3);
    reached_the_end += 1;
  });
  EXPECT_EQ(failed, 3u);
  EXPECT_EQ(reached_the_end, 1);
}

TEST(FailingAllocatorTest, ABlockLeftBehindFailsTheTest) {
  NEEDS_OUR_OPERATORS();
  // Forgets its first block when the second fails.
  static std::vector<int*> lost;
  lost.reserve(4);
  const auto forgetful = [] {
    lost.push_back(fresh<int>(1).release());
    auto second = fresh<int>(2);
    delete lost.back();
    lost.pop_back();
  };
  EXPECT_NONFATAL_FAILURE(fail_each_allocation(forgetful), "blocks left behind when allocation 2");
  for (int* block : lost) delete block;
  lost.clear();
}

TEST(FailingAllocatorTest, APoolRefusesAndLosesNothingWhicheverAllocationFails) {
  NEEDS_OUR_OPERATORS();
  quota limits(64_MiB);
  const auto use = [&] {
    pool p(limits);
    bytes_builder small = p.take(1'000);
    bytes_builder large = p.take(1'000'000);
    std::vector<bytes_builder> many;
    many.reserve(40);
    for (int i = 0; i < 40; ++i) many.push_back(p.take(200'000));
  };
  use();
  EXPECT_GT(fail_each_allocation(use), 3u);
  EXPECT_EQ(limits.used(), 0u);
}

}  // namespace
}  // namespace zc::testing
