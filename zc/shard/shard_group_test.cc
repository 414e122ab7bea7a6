// What must hold of a group: shards live on their own threads, start() returns when all are ready
// or says why not, exits run on the shards' threads, and a shard may be posted to until join().

#include "zc/shard/shard_group.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/shard/topology.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

std::unique_ptr<poller> make_sleeping() {
  return std::make_unique<testing::scripted_poller>();
}

shard_group::options of(unsigned shards) {
  shard_group::options how;
  how.shards = shards;
  return how;
}

TEST(ShardGroupTest, EveryShardHasItsThreadAndItsNumber) {
  steady_clock time;
  quota limits(64_MiB);
  shard_group group(of(3), make_sleeping, limits, time);
  std::mutex guard;
  std::set<std::thread::id> threads;
  std::set<unsigned> numbers;
  ASSERT_TRUE(group.start([&](shard& s) -> result<void> {
    (void)s.memory().take(4000);  // aborts unless the pool belongs to this thread
    const std::lock_guard lock(guard);
    threads.insert(std::this_thread::get_id());
    numbers.insert(s.id());
    return {};
  }));
  EXPECT_EQ(threads.size(), 3u);
  EXPECT_EQ(numbers, (std::set<unsigned>{0, 1, 2}));
}

TEST(ShardGroupTest, TasksTravelBetweenShardsAndExitsRunOnTheShardsThread) {
  steady_clock time;
  quota limits(64_MiB);
  shard_group group(of(2), make_sleeping, limits, time);
  std::atomic<int> hops{0};
  std::atomic<int> exits{0};
  std::thread::id threads[2];
  std::function<void(unsigned)> hop = [&](unsigned i) {
    EXPECT_EQ(std::this_thread::get_id(), threads[i]);
    if (hops.fetch_add(1) + 1 == 100) {
      hops.notify_all();
      return;
    }
    group.post(1 - i, [&hop, i] { hop(1 - i); });
  };
  ASSERT_TRUE(group.start(
      [&](shard& s) -> result<void> {
        threads[s.id()] = std::this_thread::get_id();
        return {};
      },
      [&](shard& s) {
        EXPECT_EQ(std::this_thread::get_id(), threads[s.id()]);
        exits += 1;
      }));
  group.post(0, [&] { hop(0); });
  for (int seen = hops; seen < 100; seen = hops) hops.wait(seen);
  group.stop();
  group.post(0, [] {});  // harmless until join()
  group.join();
  EXPECT_EQ(exits, 2);
}

TEST(ShardGroupTest, BytesHandedToAnotherShardStayWhereTheyLieAndTheirBlockComesHome) {
  steady_clock time;
  quota limits(64_MiB);
  shard_group group(of(2), make_sleeping, limits, time);
  ASSERT_TRUE(group.start([](shard&) -> result<void> { return {}; }));
  const auto before = ledger::read();
  std::atomic<int> step{0};
  const std::byte* made_at = nullptr;
  const std::byte* seen_at = nullptr;
  pool::statistics after;
  group.post(0, [&] {
    bytes_builder b = group.at(0).memory().take(100'000);
    b.commit(100'000);
    bytes payload = std::move(b).freeze();
    made_at = payload.data();
    group.post(1, [&, handed = std::move(payload)]() mutable {
      seen_at = handed.data();
      handed = {};  // the last holder is on another thread than the block's pool
      // Blocks of others go home together, before the next turn begins.
      group.post(1, [&] {
        group.post(0, [&] {
          EXPECT_EQ(group.at(0).memory().take(100'000).spare().data(), made_at);
          after = group.at(0).memory().read();
          step = 1;
          step.notify_all();
        });
      });
    });
  });
  step.wait(0);
  EXPECT_EQ(seen_at, made_at);
  EXPECT_EQ(after.foreign, 1u);
  EXPECT_EQ(after.misses, 1u);
  EXPECT_EQ(ledger::read().copied(), before.copied());
}

TEST(ShardGroupTest, AFailedInitIsReturnedAndEverythingHasEnded) {
  steady_clock time;
  quota limits(64_MiB);
  shard_group group(of(3), make_sleeping, limits, time);
  std::atomic<int> exits{0};
  const auto started = group.start(
      [](shard& s) -> result<void> {
        if (s.id() == 1) return fail(errc::refused, "port taken");
        return {};
      },
      [&](shard&) { exits += 1; });
  ASSERT_FALSE(started);
  EXPECT_STREQ(started.error().reason, "port taken");
  EXPECT_EQ(exits, 3);
}

TEST(ShardGroupTest, WithoutAPollerTheGroupDoesNotStart) {
  steady_clock time;
  quota limits(64_MiB);
  shard_group group(of(2), [] { return std::unique_ptr<poller>(); }, limits, time);
  EXPECT_FALSE(group.start([](shard&) -> result<void> { return {}; }));
}

TEST(TopologyTest, AThreadCanBePinnedToEachAllowedCore) {
  const std::vector<unsigned> cores = allowed_cores();
  ASSERT_FALSE(cores.empty());
  for (const unsigned core : cores) {
    std::jthread([core] {
      if (!pin_this_thread(core)) GTEST_SKIP() << "the kernel does not allow pinning";
      EXPECT_EQ(allowed_cores(), std::vector<unsigned>{core});
    });
  }
  EXPECT_FALSE(pin_this_thread(1U << 20));
  EXPECT_EQ(allowed_cores(), cores);
}

}  // namespace
}  // namespace zc
