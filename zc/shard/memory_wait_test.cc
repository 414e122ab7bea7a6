// What must hold of memory_free: the coroutine goes on once its bytes are free, on its shard, and
// not before; it never waits for what is free; and it may die while it waits.

#include "zc/shard/memory_wait.h"

#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/shard.h"
#include "zc/testing/job.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using testing::job;
using testing::running_shard;
using testing::shard_rig;

job take(shard& on, std::size_t room, bytes_builder& into, int& tries) {
  for (;;) {
    tries += 1;
    into = on.memory().take(room);
    if (into) co_return;
    co_await memory_free(on.memory().limits(), room + 2 * pool::slack);
  }
}

TEST(MemoryWaitTest, WhatIsFreeIsNotWaitedFor) {
  shard_rig r(4_MiB);
  bytes_builder got;
  int tries = 0;
  const job j = take(r.worker, 100'000, got, tries);
  EXPECT_TRUE(got);
  EXPECT_EQ(tries, 1);
}

TEST(MemoryWaitTest, GoesOnFromTheLoopOnceItsBytesAreFree) {
  shard_rig r(1_MiB);
  std::vector<bytes_builder> held;
  while (bytes_builder b = r.worker.memory().take(100'000)) held.push_back(std::move(b));
  bytes_builder got;
  int tries = 0;
  const job j = take(r.worker, 300'000, got, tries);
  r.turns();
  EXPECT_FALSE(got);
  const int before = tries;
  held.pop_back();
  r.turns();
  EXPECT_FALSE(got) << "one block is not enough";
  EXPECT_LE(tries, before + 1) << "it does not poll";
  held.pop_back();
  held.pop_back();
  EXPECT_FALSE(got) << "never inline";
  r.turns();
  EXPECT_TRUE(got);
}

TEST(MemoryWaitTest, MayDieWhileItWaitsAndAfterItWasTold) {
  shard_rig r(1_MiB);
  std::vector<bytes_builder> held;
  while (bytes_builder b = r.worker.memory().take(100'000)) held.push_back(std::move(b));
  bytes_builder got;
  int tries = 0;
  {
    const job j = take(r.worker, 100'000, got, tries);
  }
  {
    const job j = take(r.worker, 100'000, got, tries);
    held.clear();  // fired, and not run yet
  }
  r.turns();
  EXPECT_FALSE(got);
  EXPECT_FALSE(r.limits.wanted());
}

TEST(MemoryWaitTest, AnotherThreadFreesTheMemory) {
  running_shard s;
  quota& limits = s.worker().memory().limits();
  bytes_builder got;
  int tries = 0;
  std::optional<job> j;
  ASSERT_TRUE(limits.try_charge(limits.limit()));
  s.run([&](shard& here) { j.emplace(take(here, 100'000, got, tries)); });
  limits.release(limits.limit());
  bool done = false;
  while (!done) s.run([&](shard&) { done = static_cast<bool>(got); });
  s.run([&](shard&) {
    j.reset();
    got = {};
  });
}

}  // namespace
}  // namespace zc
