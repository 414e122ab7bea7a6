// zc/testing/failing_allocator.h - a hostile operator new: the n-th allocation of a scope fails, or
// every n-th, or all from the n-th on; and what the scope left allocated is counted.
//
//     failing_allocator hostile(failing_allocator::nth(3));   // from here on, on this thread
//     EXPECT_FALSE(table.try_insert(key));                     // its third allocation fails
//     EXPECT_EQ(hostile.refused(), 1u);
//
//     fail_each_allocation([] { ... });   // once with the first failing, once with the second ...
//                                         // until none fails; after each run nothing may be left
//
// A failing operator new throws std::bad_alloc, its nothrow form returns null: what std says.
// Stands on allocations.h: include one of the two in one source file of the program, and define
// ZC_ALLOCATIONS_ELSEWHERE before including it in others.
//
// Threads    Fails allocations of the thread that made it; others go on undisturbed. Blocks that
//            are out are counted for all threads: let others be quiet, or joined, when you look.
// Nesting    The inner scope decides while it lives.
// Sanitizers ThreadSanitizer keeps its own operators: nothing fails there. Skip with a word when
//            allocations_are_counted is false.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

#include <gtest/gtest.h>

#include "zc/testing/allocations.h"

namespace zc::testing {

class [[nodiscard]] failing_allocator {
 public:
  // Which allocations fail, counted from 1: `first`, and then every `step`-th; no more than `most`.
  struct plan {
    std::uint64_t first = 0;  // 0: none
    std::uint64_t step = 0;   // 0: only the first
    std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    std::size_t bytes_min = 0;  // smaller ones are neither counted nor fail
  };
  static constexpr plan none() noexcept { return {}; }
  static constexpr plan nth(std::uint64_t n) noexcept { return {n, 0}; }
  static constexpr plan every(std::uint64_t n) noexcept { return {n, n}; }
  static constexpr plan all_from(std::uint64_t n) noexcept { return {n, 1}; }

  explicit failing_allocator(plan how) noexcept
      : how_(how),
        outer_(std::exchange(current, this)),
        outer_hook_(std::exchange(detail::may_allocate, &failing_allocator::ask)) {
    detail::watchers.fetch_add(1, std::memory_order_relaxed);
    out_before_ = detail::blocks_out.load(std::memory_order_relaxed);
  }
  failing_allocator(const failing_allocator&) = delete;
  failing_allocator& operator=(const failing_allocator&) = delete;
  ~failing_allocator() {
    detail::may_allocate = outer_hook_;
    current = outer_;
    detail::watchers.fetch_sub(1, std::memory_order_relaxed);
  }

  std::uint64_t asked() const noexcept { return asked_; }      // by this thread, in this scope
  std::uint64_t refused() const noexcept { return refused_; }  // of those
  // Blocks that were allocated since the scope began, by any thread, and are not freed yet;
  // negative when the scope freed what was there before it.
  std::int64_t blocks_out() const noexcept {
    return detail::blocks_out.load(std::memory_order_relaxed) - out_before_;
  }

  // While one lives, allocations of this thread succeed and are not counted as asked: for the
  // test's own.
  class [[nodiscard]] pause {
   public:
    pause() noexcept : hook_(std::exchange(detail::may_allocate, nullptr)) {}
    pause(const pause&) = delete;
    pause& operator=(const pause&) = delete;
    ~pause() { detail::may_allocate = hook_; }

   private:
    bool (*hook_)(std::size_t) noexcept;
  };

 private:
  static bool ask(std::size_t size) noexcept { return current->decide(size); }
  bool decide(std::size_t size) noexcept {
    if (size < how_.bytes_min) return true;
    asked_ += 1;
    if (how_.first == 0 || asked_ < how_.first || refused_ == how_.most) return true;
    const std::uint64_t past = asked_ - how_.first;
    if (how_.step == 0 ? past != 0 : past % how_.step != 0) return true;
    refused_ += 1;
    return false;
  }

  inline static thread_local failing_allocator* current = nullptr;

  const plan how_;
  failing_allocator* const outer_;
  bool (*const outer_hook_)(std::size_t) noexcept;
  std::int64_t out_before_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t refused_ = 0;
};

// Runs `body` with its first allocation failing, then with its second, and so on until it runs
// through with none failing; returns in how many runs one failed. `body` may let std::bad_alloc
// out; it must undo what it did. Each run that leaves a block behind is a failure of the test:
// warm up what `body` keeps for ever (tables, thread-locals) before.
template <class Body>
std::uint64_t fail_each_allocation(Body&& body, std::uint64_t runs_max = 10'000) {
  for (std::uint64_t n = 1; n <= runs_max; ++n) {
    std::uint64_t refused = 0;
    std::int64_t left = 0;
    {
      failing_allocator hostile(failing_allocator::nth(n));
      try {
        body();
      } catch (const std::bad_alloc&) {  // no memory: as it should be
      }
      refused = hostile.refused();
      left = hostile.blocks_out();
    }
    EXPECT_EQ(left, 0) << "blocks left behind when allocation " << n << " of the body "
                       << (refused == 0 ? "is the first that is not asked for" : "fails");
    if (refused == 0) return n - 1;
  }
  ADD_FAILURE() << "still asking for more memory after " << runs_max << " failed allocations";
  return runs_max;
}

}  // namespace zc::testing
