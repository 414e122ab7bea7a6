// What must hold of object_pool: never more objects than its bound, each of them used by one user
// at a time, made by the factory and put back by the hook; a handle finds its object as long as
// that use lasts and never longer; waiters are served in order, and losing interest loses nothing.
#include "zc/mem/object_pool.h"

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/base/sendable.h"

namespace zc {

struct object_pool_probe {
  template <class T>
  static void force_generation(object_pool<T>& pool, std::uint32_t even) {
    pool.core_->force_generation(even);
  }
  template <class T>
  static std::size_t slots(const object_pool<T>& pool) {
    return pool.core_->slots();
  }
};

namespace {

struct census {
  int alive = 0;
  int made = 0;
  int resets = 0;
};

// Immovable, as a timer is.
struct thing {
  explicit thing(census& to) : counts(to) {
    counts.alive += 1;
    counts.made += 1;
  }
  thing(const thing&) = delete;
  thing& operator=(const thing&) = delete;
  ~thing() { counts.alive -= 1; }
  census& counts;
  std::string text;
};

struct ObjectPoolTest : ::testing::Test {
  object_pool<thing> pool_of(const object_pool<thing>::options& how) {
    return {how, [this] { return thing(counts); },
            [this](thing& t) {
              counts.resets += 1;
              t.text.clear();
            }};
  }
  census counts;
};

struct noting_waiter final : object_waiter<thing> {
  explicit noting_waiter(std::vector<int>* to = nullptr, int n = 0) : order(to), number(n) {}
  void on_granted() noexcept override {
    times += 1;
    if (order != nullptr) order->push_back(number);
  }
  int times = 0;
  std::vector<int>* order;
  int number;
};

static_assert(!sendable<pooled<thing>> && !sendable<pool_handle<thing>>);
static_assert(!std::is_copy_constructible_v<pooled<thing>>);
static_assert(sizeof(pool_handle<thing>) == 8);

TEST_F(ObjectPoolTest, UsesObjectsAgainAndPutsThemBack) {
  auto pool = pool_of({.objects_max = 4});
  const thing* first = nullptr;
  {
    const auto one = pool.try_acquire();
    first = one.get();
    one->text = "left by the first user";
  }
  EXPECT_EQ(counts.resets, 1);
  const auto again = pool.try_acquire();
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(again->text, "");
  EXPECT_EQ(counts.made, 1);
  EXPECT_EQ(pool.read().reused, 1U);
}

TEST_F(ObjectPoolTest, TheBoundHolds) {
  auto pool = pool_of({.objects_max = 2});
  auto a = pool.try_acquire();
  const auto b = pool.try_acquire();
  EXPECT_FALSE(pool.try_acquire());
  EXPECT_EQ(pool.read().refused, 1U);
  EXPECT_EQ(pool.read().out_peak, 2U);
  a.reset();
  EXPECT_FALSE(a);
  EXPECT_TRUE(pool.try_acquire());
}

TEST_F(ObjectPoolTest, InitialObjectsAreThereAtOnceAndNoMoreThanIdleMaxStay) {
  auto pool = pool_of({.objects_max = 8, .initial = 2, .idle_max = 2});
  EXPECT_EQ(counts.alive, 2);
  {
    std::vector<pooled<thing>> all;
    for (int i = 0; i < 5; ++i) all.push_back(pool.try_acquire());
    EXPECT_EQ(counts.alive, 5);
  }
  EXPECT_EQ(counts.alive, 2);
  pool.trim(1);
  EXPECT_EQ(counts.alive, 1);
  EXPECT_EQ(pool.read().idle, 1U);
}

TEST_F(ObjectPoolTest, AHandleFindsItsUseOfAnObjectAndNoLater) {
  auto pool = pool_of({.objects_max = 1});
  auto one = pool.try_acquire();
  const auto handle = one.handle();
  EXPECT_EQ(pool.find(handle), one.get());
  one.reset();
  EXPECT_EQ(pool.find(handle), nullptr);
  const auto next = pool.try_acquire();  // the same object, another use
  EXPECT_EQ(pool.find(handle), nullptr);
  EXPECT_NE(next.handle(), handle);
  EXPECT_EQ(pool.find({}), nullptr);
  EXPECT_EQ(pool.find({.index = UINT32_MAX, .generation = 1}), nullptr);
  EXPECT_EQ(pool.find({.index = 0, .generation = 0}), nullptr);
}

TEST_F(ObjectPoolTest, WhatIsLetGoByNameIsTakenOverOnce) {
  auto pool = pool_of({.objects_max = 2});
  auto one = pool.try_acquire();
  EXPECT_FALSE(pool.adopt(one.handle())) << "it has an owner";
  const auto handle = std::move(one).release();
  EXPECT_FALSE(one);
  EXPECT_NE(pool.find(handle), nullptr);
  auto mine = pool.adopt(handle);
  EXPECT_TRUE(mine);
  EXPECT_FALSE(pool.adopt(handle)) << "it has an owner again";
  mine.reset();
  EXPECT_FALSE(pool.adopt(handle)) << "it is stale";
  const auto other = pool.try_acquire().release();
  pool.give_back(other);
  EXPECT_EQ(pool.read().out, 0U);
}

TEST_F(ObjectPoolTest, WaitersAreServedInOrder) {
  auto pool = pool_of({.objects_max = 1});
  auto only = pool.try_acquire();
  std::vector<int> order;
  noting_waiter first(&order, 1), second(&order, 2);
  EXPECT_EQ(pool.wait(first), object_pool<thing>::line::waiting);
  EXPECT_EQ(pool.wait(second), object_pool<thing>::line::waiting);
  only.reset();
  EXPECT_EQ(order, (std::vector{1}));
  EXPECT_FALSE(pool.try_acquire()) << "it is promised to the first";
  {
    const auto used = first.take();
  }
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_TRUE(second.take());
  EXPECT_EQ(pool.read().waited, 2U);
}

TEST_F(ObjectPoolTest, AWaiterThatFindsAnObjectDoesNotWait) {
  auto pool = pool_of({.objects_max = 1});
  noting_waiter who;
  EXPECT_EQ(pool.wait(who), object_pool<thing>::line::granted);
  EXPECT_EQ(who.times, 0);
  EXPECT_TRUE(who.take());
}

TEST_F(ObjectPoolTest, AWaiterThatGoesLosesNothing) {
  auto pool = pool_of({.objects_max = 1});
  auto only = pool.try_acquire();
  noting_waiter last;
  {
    noting_waiter middle, granted;
    ASSERT_EQ(pool.wait(granted), object_pool<thing>::line::waiting);
    ASSERT_EQ(pool.wait(middle), object_pool<thing>::line::waiting);
    ASSERT_EQ(pool.wait(last), object_pool<thing>::line::waiting);
    only.reset();
    EXPECT_EQ(granted.times, 1);
  }  // one gave up its place, the other what it had been granted
  EXPECT_EQ(last.times, 1);
  EXPECT_TRUE(last.take());
  EXPECT_EQ(pool.read().waiters, 0U);
  EXPECT_EQ(pool.read().out, 0U);
}

TEST_F(ObjectPoolTest, TheLineIsBounded) {
  auto pool = pool_of({.objects_max = 1, .waiters_max = 1});
  const auto only = pool.try_acquire();
  noting_waiter a, b;
  EXPECT_EQ(pool.wait(a), object_pool<thing>::line::waiting);
  EXPECT_EQ(pool.wait(b), object_pool<thing>::line::refused);
}

TEST_F(ObjectPoolTest, ObjectsMayOutliveTheirPoolAndWaitersAreTold) {
  noting_waiter who;
  pooled<thing> late;
  {
    auto pool = pool_of({.objects_max = 1});
    late = pool.try_acquire();
    ASSERT_EQ(pool.wait(who), object_pool<thing>::line::waiting);
  }
  EXPECT_EQ(who.times, 1);
  EXPECT_FALSE(who.take());
  late->text = "still mine";
  late.reset();
  EXPECT_EQ(counts.alive, 0);
}

struct holder {
  std::optional<pooled<holder>> inner;
};

TEST(ObjectPoolNestedTest, ObjectsMayHoldObjectsOfTheirPool) {
  pooled<holder> outer;
  {
    object_pool<holder> pool({.objects_max = 3}, [] { return holder(); });
    outer = pool.try_acquire();
    outer->inner.emplace(pool.try_acquire());
    (*outer->inner)->inner.emplace(pool.try_acquire());
  }
  outer.reset();  // ASan looks on
}

TEST_F(ObjectPoolTest, AFactoryThatThrowsChangesNothing) {
  int calls = 0;
  const auto make = [&] {
    calls += 1;
    if (calls == 3) throw std::runtime_error("no");
    return thing(counts);
  };
  object_pool<thing> pool({.objects_max = 3, .initial = 2}, make);
  const auto a = pool.try_acquire();
  const auto b = pool.try_acquire();
  EXPECT_THROW((void)pool.try_acquire(), std::runtime_error);
  EXPECT_EQ(pool.read().out, 2U);
  EXPECT_TRUE(pool.try_acquire());
  calls = 0;
  EXPECT_THROW(object_pool<thing>({.objects_max = 3, .initial = 3}, make), std::runtime_error);
}

TEST_F(ObjectPoolTest, ASlotWhoseGenerationsAreUsedUpIsRetired) {
  auto pool = pool_of({.objects_max = 1, .initial = 1});
  object_pool_probe::force_generation(pool, UINT32_MAX - 1);
  auto one = pool.try_acquire();
  const thing* const object = one.get();
  const auto handle = one.handle();
  EXPECT_EQ(handle.generation, UINT32_MAX);
  one.reset();
  EXPECT_EQ(pool.find(handle), nullptr);
  EXPECT_EQ(object_pool_probe::slots(pool), 2U);
  const auto again = pool.try_acquire();
  EXPECT_EQ(again.get(), object) << "the object itself is kept";
  EXPECT_EQ(again.handle().index, 1U);
  EXPECT_EQ(pool.find(handle), nullptr);
}

TEST(ObjectPoolModelTest, BehavesAsASetOfNumberedObjects) {
  const auto property = [](const std::vector<std::uint8_t>& steps) {
    constexpr std::size_t most = 4;
    int serial = 0;
    object_pool<int> pool(
        {.objects_max = most, .idle_max = 2}, [&] { return serial++; }, [](int& n) { n = -n; });
    std::deque<pooled<int>> out;
    std::vector<pool_handle<int>> live, stale;
    std::deque<int> values;
    for (const std::uint8_t step : steps) {
      if (step % 2 == 0) {
        auto one = pool.try_acquire();
        RC_ASSERT(static_cast<bool>(one) == (out.size() < most));
        if (!one) continue;
        *one = step;
        live.push_back(one.handle());
        values.push_back(step);
        out.push_back(std::move(one));
      } else if (!out.empty()) {
        const std::size_t at = step / 2 % out.size();
        const auto offset = static_cast<std::ptrdiff_t>(at);
        stale.push_back(live[at]);
        out.erase(out.begin() + offset);
        live.erase(live.begin() + offset);
        values.erase(values.begin() + offset);
      }
      RC_ASSERT(pool.read().out == out.size());
      RC_ASSERT(pool.read().idle <= 2U);
      std::set<const int*> distinct;
      for (std::size_t i = 0; i < out.size(); ++i) {
        RC_ASSERT(pool.find(live[i]) == out[i].get());
        RC_ASSERT(*out[i] == values[i]);
        distinct.insert(out[i].get());
      }
      RC_ASSERT(distinct.size() == out.size());
      for (const auto& old : stale) RC_ASSERT(pool.find(old) == nullptr);
    }
  };
  EXPECT_TRUE(rc::check("random acquire, give back, find", property));
}

TEST(ObjectPoolDeathTest, BrokenContractsAreNamed) {
  object_pool<int> pool({.objects_max = 1}, [] { return 1; });
  const auto handle = pool.try_acquire().release();
  EXPECT_DEATH(
      {
        pool.give_back(handle);
        pool.give_back(handle);
      },
      "object_pool::give_back requires a handle that release\\(\\) let go, once");
  EXPECT_DEATH(pool.give_back({}), "object_pool::give_back requires");
  EXPECT_DEATH(object_pool<int>({.objects_max = 0}, [] { return 1; }), "objects_max >= 1");
  EXPECT_DEATH((void)pooled<int>().handle(), "pooled::handle requires an object");
  pool.give_back(handle);
}

#if ZC_DCHECKS
TEST(ObjectPoolDeathTest, UseOnAnotherThreadIsCaughtInDebugBuilds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        object_pool<int> pool({.objects_max = 1}, [] { return 1; });
        auto one = pool.try_acquire();
        std::thread([&] { one.reset(); }).join();
      },
      "object_pool: a pool and its objects belong to the thread that made it");
}
#endif

#ifdef ZC_ADDRESS_SANITIZER
TEST(ObjectPoolDeathTest, UseAfterGiveBackIsSeenByTheSanitizer) {
  object_pool<int> pool({.objects_max = 1}, [] { return 1; });
  auto one = pool.try_acquire();
  volatile int* const kept = one.get();
  one.reset();
  EXPECT_DEATH((void)*kept, "use-after-poison");
}
#endif

}  // namespace
}  // namespace zc
