// What must hold of tasks, scopes, mailboxes, calls and channels when memory runs out at any
// allocation: whoever made the object is told, by std::bad_alloc where the header says so, else by a
// value; what was there before is as it was; nothing leaks, runs twice or half.
//
// Method: each operation runs with its first allocation failing, then its second, until none fails.
// Every run has a shard of its own, so that no frame comes from the cache of an earlier one.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/call.h"
#include "zc/shard/channel.h"
#include "zc/shard/frame_cache.h"
#include "zc/shard/mailbox.h"
#include "zc/shard/offload.h"
#include "zc/shard/sleep.h"
#include "zc/shard/task.h"
#include "zc/shard/task_scope.h"
#include "zc/shard/when.h"
#include "zc/testing/failing_allocator.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using std::chrono::milliseconds;
using testing::fail_each_allocation;
using testing::failing_allocator;
using testing::shard_rig;

class ScarcityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::allocations_are_counted) GTEST_SKIP() << "the sanitizer keeps its own operators";
    const shard_rig warm;
  }
};

// What tests need to look at, made while memory is plenty.
template <class T>
class of_plenty {
 public:
  template <class... A>
  explicit of_plenty(A&&... from) {
    const failing_allocator::pause ours;
    made_ = std::make_unique<T>(std::forward<A>(from)...);
  }
  T& operator*() const noexcept { return *made_; }
  T* operator->() const noexcept { return made_.get(); }

 private:
  std::unique_ptr<T> made_;
};
// A turn of it asks for no memory of its own.
struct rig : shard_rig {
  rig() { io->waits.reserve(200); }  // its diary
};

struct census {
  int* of;
  explicit census(int& o) noexcept : of(&o) { *of += 1; }
  census(census&& c) noexcept : of(std::exchange(c.of, nullptr)) {}
  census& operator=(census&&) = delete;
  ~census() {
    if (of != nullptr) *of -= 1;
  }
};

TEST_F(ScarcityTest, ACacheThatGetsNoFrameKeepsThoseItHas) {
  failing_allocator hostile(failing_allocator::none());
  {
    frame_cache cache;
    void* kept = cache.get(100);
    cache.put(kept, 100);
    {
      const failing_allocator all(failing_allocator::all_from(1));
      void* again = nullptr;
      if (frame_cache::keeps) again = cache.get(100);
      EXPECT_THROW((void)cache.get(100), std::bad_alloc);
      EXPECT_THROW((void)cache.get(frame_cache::size_max + 1), std::bad_alloc);
      if (frame_cache::keeps) {
        EXPECT_EQ(again, kept);
        cache.put(again, 100);
        EXPECT_EQ(cache.get(100), kept);
        cache.put(kept, 100);
      }
      EXPECT_EQ(all.refused(), 2u);
    }
  }
  EXPECT_EQ(hostile.blocks_out(), 0);
}

task<int> number(census, int n) {
  co_await yield();
  co_return n;
}

TEST_F(ScarcityTest, ATaskWithoutAFrameIsNotMadeAndItsParametersDieOnce) {
  int alive = 0;
  const std::uint64_t failed = fail_each_allocation([&] {
    const of_plenty<rig> r;
    try {
      const task<int> one = number(census(alive), 7);
      EXPECT_TRUE(bool(one));
      EXPECT_EQ(alive, 1);
    } catch (const std::bad_alloc&) {
      EXPECT_EQ(alive, 0);
      throw;
    }
    EXPECT_EQ(alive, 0);
  });
  EXPECT_EQ(failed, 1u) << "a frame, and nothing else";
}

// A tree of tasks whose parents are ready for the worst.
task<std::optional<int>> sum(int depth, int& alive) {
  const census counted(alive);
  int all = 1;
  for (int i = 0; depth > 0 && i < 2; ++i) {
    task<std::optional<int>> child;
    try {
      child = sum(depth - 1, alive);
    } catch (const std::bad_alloc&) {  // no memory: no child
    }
    if (!child) co_return std::nullopt;
    co_await yield();
    const std::optional<int> part = co_await std::move(child);
    if (!part) co_return std::nullopt;
    all += *part;
  }
  co_return all;
}
task<> keep(task<std::optional<int>> of, std::optional<std::optional<int>>& to) {
  to = co_await std::move(of);
}

TEST_F(ScarcityTest, AParentThatCatchesGoesOnWithoutItsChild) {
  int alive = 0;
  std::uint64_t whole = 0;
  std::uint64_t cut = 0;
  const auto grow = [&] {
    const of_plenty<rig> r;
    task_scope scope(r->worker, 1);
    std::optional<std::optional<int>> got;
    try {
      ASSERT_TRUE(scope.spawn(keep(sum(3, alive), got)));
    } catch (const std::bad_alloc&) {
      EXPECT_EQ(alive, 0);
      EXPECT_TRUE(scope.empty());
      throw;
    }
    for (int i = 0; i < 100 && !scope.empty(); ++i) r->turns(1);
    ASSERT_TRUE(got);
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(got->value_or(15), 15);
    (*got ? whole : cut) += 1;
  };
  const std::uint64_t failed = fail_each_allocation(grow);
  EXPECT_EQ(whole, 1u);
  // Where ended frames are kept the children of a level share them.
  EXPECT_EQ(failed, frame_cache::keeps ? 5u : 16u);
  EXPECT_EQ(cut, failed - 2);
  for (std::uint64_t n = 1; n <= 20; ++n) {
    failing_allocator hostile(failing_allocator::every(n));
    try {
      grow();
    } catch (const std::bad_alloc&) {
      EXPECT_LE(n, 2u);
    }
    EXPECT_EQ(hostile.blocks_out(), 0);
  }
}

task<> careless(int& alive) {
  (void)co_await number(census(alive), 1);
}

TEST_F(ScarcityTest, AParentThatDoesNotCatchEndsTheProgramAndSaysSo) {
  EXPECT_DEATH(
      {
        int alive = 0;
        shard_rig r;
        task_scope scope(r.worker, 1);
        const failing_allocator hostile(failing_allocator::nth(2));
        (void)scope.spawn(careless(alive));
      },
      "an exception left a task: std::bad_alloc");
}

TEST_F(ScarcityTest, AScopeAsksForNoMemory) {
  rig r;
  int alive = 0;
  const auto stay = [](shard& here, census) -> task<> {
    co_await sleep_for(here, milliseconds(5));
  };
  const auto wait = [](task_scope& of, bool& done) -> task<> {
    co_await of.join();
    done = true;
  };
  bool joined = false;
  std::vector<task<>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(stay(r.worker, census(alive)));
  task_scope scope(r.worker, 3), outer(r.worker, 1);
  task<> joiner = wait(scope, joined);
  {
    const failing_allocator hostile(failing_allocator::all_from(1));
    for (task<>& t : tasks) EXPECT_TRUE(scope.spawn(std::move(t)));
    EXPECT_TRUE(outer.spawn(std::move(joiner)));
    scope.request_stop();
    r.turn();
    scope.cancel();
    r.turn();
    EXPECT_TRUE(joined);
    EXPECT_EQ(hostile.asked(), 0u);
  }
  EXPECT_EQ(alive, 0);
}

TEST_F(ScarcityTest, CombinationsAreMadeWhollyOrNotAtAll) {
  int alive = 0;
  const auto each = [&](auto make) {
    return fail_each_allocation([&] {
      const of_plenty<rig> r;
      try {
        auto made = make(*r);
        EXPECT_EQ(alive, 2);
      } catch (const std::bad_alloc&) {
        EXPECT_EQ(alive, 0) << "the children die with it";
        throw;
      }
      EXPECT_EQ(alive, 0);
    });
  };
  EXPECT_EQ(each([&](shard_rig&) {
              return when_all(number(census(alive), 1), number(census(alive), 2));
            }),
            3u);
  EXPECT_EQ(each([&](shard_rig&) {
              return when_any(number(census(alive), 1), number(census(alive), 2));
            }),
            4u);
  EXPECT_EQ(each([&](shard_rig& r) {
              task<int> other = number(census(alive), 1);
              task<result<int>> timed =
                  with_timeout(r.worker, number(census(alive), 2), milliseconds(1));
              return std::pair(std::move(other), std::move(timed));
            }),
            3u);
}

TEST_F(ScarcityTest, AMailboxIsMadeWhollyOrNotAtAllAndAsksForNothingAfterwards) {
  shard_rig r;
  EXPECT_EQ(fail_each_allocation([&] { const mailbox box(r.worker, 8); }), 1u);
  mailbox box(r.worker, 8);
  int ran = 0;
  const failing_allocator hostile(failing_allocator::all_from(1));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 8; ++i) {
      EXPECT_EQ(box.try_post([&ran] { ran += 1; }), mailbox::outcome::taken);
    }
    EXPECT_EQ(box.try_post([&ran] { ran += 1; }), mailbox::outcome::full);
    EXPECT_EQ(box.run_batch(), 8u);
  }
  EXPECT_EQ(hostile.asked(), 0u);
  // A letter that needs memory is not made, and so not posted.
  const std::array<char, 100> large{};
  EXPECT_THROW((void)box.try_post([large, &ran] { ran += large[0]; }), std::bad_alloc);
  EXPECT_TRUE(box.empty());
  EXPECT_EQ(ran, 24);
}

TEST_F(ScarcityTest, ACallGivesAValueAndRunsOnceOrNotAtAll) {
  int runs = 0;
  int alive = 0;
  std::uint64_t exhausted = 0;
  const std::uint64_t failed = fail_each_allocation([&] {
    const of_plenty<rig> a, b;
    const shard::as_current here(a->worker);
    task_scope scope(a->worker, 1);
    std::optional<result<int>> got;
    const int before = runs;
    const auto ask_there = [](shard& to, int& count, census c,
                              std::optional<result<int>>& answer) -> task<> {
      task<result<int>> asked;
      try {
        asked = call(to, [&count, c = std::move(c)] { return ++count; });
      } catch (const std::bad_alloc&) {  // no memory: not asked
      }
      if (asked) answer.emplace(co_await std::move(asked));
    };
    (void)scope.spawn(ask_there(b->worker, runs, census(alive), got));
    {
      const shard::as_current there(b->worker);
      b->turns(2);
    }
    a->turns(2);
    EXPECT_TRUE(scope.empty());
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(runs - before, got && got->has_value() ? 1 : 0);
    if (got && !*got) {
      EXPECT_EQ(got->error().code, errc::exhausted);
      exhausted += 1;
    }
  });
  EXPECT_EQ(failed, 3u) << "two frames, and what both sides share";
  EXPECT_EQ(exhausted, 1u);
}

TEST_F(ScarcityTest, WorkForThePoolGivesAValueAndRunsOnceOrNotAtAll) {
  std::atomic<int> runs{0};
  std::uint64_t exhausted = 0;
  const std::uint64_t failed = fail_each_allocation([&] {
    const of_plenty<rig> r;
    const of_plenty<offload_pool> pool;
    task_scope scope(r->worker, 1);
    std::optional<result<int>> got;
    const int before = runs;
    const auto work = [](offload_pool& on, std::atomic<int>& count,
                         std::optional<result<int>>& answer) -> task<> {
      task<result<int>> asked;
      try {
        asked = offload(on, [&count] { return ++count; });
      } catch (const std::bad_alloc&) {  // no memory: not asked
      }
      if (asked) answer.emplace(co_await std::move(asked));
    };
    (void)scope.spawn(work(*pool, runs, got));
    while (!scope.empty()) {
      r->io->waits.clear();
      r->turn();
    }
    EXPECT_EQ(runs - before, got && got->has_value() ? 1 : 0);
    if (got && !*got) {
      EXPECT_EQ(got->error().code, errc::exhausted);
      exhausted += 1;
    }
  });
  EXPECT_GE(failed, 4u) << "two frames, what both sides share, and a thread";
  EXPECT_EQ(exhausted, failed - 2);
}

TEST_F(ScarcityTest, AChannelIsMadeWhollyOrNotAtAllAndAsksForNothingAfterwards) {
  using numbers = channel<std::unique_ptr<int>, mpmc>;
  EXPECT_EQ(fail_each_allocation([] { const numbers c({.items_max = 8}); }), 1u);
  shard_rig r;
  numbers c({.items_max = 8});
  auto one = std::make_unique<int>(1);
  const failing_allocator hostile(failing_allocator::all_from(1));
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(c.send_blocking(std::move(one)));
    one = std::move(*c.receive_blocking());
  }
  EXPECT_EQ(hostile.asked(), 0u);
}

task<> receive_all(channel<std::unique_ptr<int>, mpmc>& from, std::vector<std::unique_ptr<int>>& to,
                   int& refused) {
  for (bool over = false; !over;) {
    try {
      const auto got = co_await from.receive_many(to, 4);
      over = !got;
    } catch (const std::bad_alloc&) {
      refused += 1;
    }
  }
}

TEST_F(ScarcityTest, ReceivingManyIsRefusedBeforeAnythingIsTaken) {
  int refused = 0;
  const std::uint64_t failed = fail_each_allocation([&] {
    const of_plenty<rig> r;
    const of_plenty<channel<std::unique_ptr<int>, mpmc>> c(channel_limits{.items_max = 8});
    {
      const failing_allocator::pause ours;
      for (int i = 0; i < 8; ++i) ASSERT_TRUE(c->try_send(std::make_unique<int>(i)));
      c->close();
    }
    std::vector<std::unique_ptr<int>> got;
    task_scope scope(r->worker, 1);
    (void)scope.spawn(receive_all(*c, got, refused));
    r->turns(3);
    EXPECT_TRUE(scope.empty());
    ASSERT_EQ(got.size(), 8u);
    for (int i = 0; i < 8; ++i) EXPECT_EQ(*got[static_cast<std::size_t>(i)], i);
  });
  EXPECT_GT(failed, 1u);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace zc
