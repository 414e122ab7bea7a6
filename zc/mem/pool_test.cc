// What must hold of pool and builder: blocks come back exactly once from any thread; what the quota
// counts is what is resident, and nothing more is kept than the quota, the time and those who wait
// allow; what was taken from a builder is never written again; the pool object may die before its
// blocks.
//
// Method: pages come through a source that asks the kernel what is resident; time is told to
// tend(); a model under random operations; several threads that give back (ThreadSanitizer too).

#include "zc/mem/pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <sys/mman.h>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/mem/poison.h"
#include "zc/testing/expect_copies.h"
#include "zc/testing/seed.h"

namespace zc {
namespace {

using namespace std::chrono_literals;

// The kernel's pages, and what of them it has.
class watched_pages final : public page_source {
 public:
  std::byte* map(std::size_t size) noexcept override {
    if (refuse) return nullptr;
    std::byte* at = system_pages().map(size);
    const std::scoped_lock lock(guard);
    if (at != nullptr) mapped[at] = size;
    return at;
  }
  void unmap(std::byte* memory, std::size_t size) noexcept override {
    const std::scoped_lock lock(guard);
    EXPECT_EQ(mapped[memory], size);
    mapped.erase(memory);
    system_pages().unmap(memory, size);
  }
  void discard(std::byte* memory, std::size_t size) noexcept override {
    calls += 1;
    system_pages().discard(memory, size);
  }
  std::size_t resident() const {
    std::size_t pages = 0;
    for (const auto& [at, size] : mapped) {
      std::vector<unsigned char> in(size / page_bytes);
      EXPECT_EQ(::mincore(at, size, in.data()), 0);
      for (const unsigned char page : in) pages += page & 1u;
    }
    return pages * page_bytes;
  }
  bool refuse = false;
  std::atomic<int> calls{0};  // of discard
  std::mutex guard;
  std::map<std::byte*, std::size_t> mapped;
};

// Every page of it.
void touch(bytes_builder& b) {
  std::memset(b.spare().data(), 1, b.spare().size());
}

TEST(PoolTest, ReusesABlockOfTheSameClass) {
  quota q(64_MiB);
  pool p(q);
  const std::byte* first = p.take(100'000).spare().data();
  EXPECT_EQ(p.take(100'000).spare().data(), first);
  EXPECT_EQ(p.read().misses, 1u);
  EXPECT_EQ(p.read().hits, 1u);
}

TEST(PoolTest, EveryRoomIsAlignedAndLargeEnoughWithLittleWaste) {
  quota q(1_GiB);
  pool p(q, 0);
  for (std::size_t room : {std::size_t{1}, std::size_t{3968}, 4_KiB, 4_KiB + 1, 100'000ul, 256_KiB,
                           360'000ul, 1_MiB, 5_MiB, 64_MiB}) {
    bytes_builder b = p.take(room);
    ASSERT_TRUE(b) << room;
    EXPECT_GE(b.capacity(), room);
    EXPECT_LE(b.retained_size(), room + std::max<std::size_t>(4_KiB, room / 4) + 256) << room;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.spare().data()) % 4096, 0u);
    EXPECT_LE(b.capacity() + pool::slack, b.retained_size());
    EXPECT_EQ(q.used(), b.retained_size());
  }
  EXPECT_EQ(q.used(), 0u);  // nothing cached: all went back
}

TEST(PoolTest, RefusesAtTheQuotaAndRecovers) {
  quota q(1_MiB);
  pool p(q);
  std::vector<bytes_builder> held;
  for (;;) {
    bytes_builder b = p.take(100'000);
    if (!b) break;
    held.push_back(std::move(b));
  }
  EXPECT_EQ(held.size(), 9u);  // 112 KiB class
  EXPECT_LE(q.used(), q.limit());
  EXPECT_EQ(p.read().refused, 1u);
  EXPECT_TRUE(p.take(100'000, urgency::draining));
  held.clear();
  EXPECT_TRUE(p.take(900'000)) << "cached blocks of another class must make way";
  p.trim();
  EXPECT_EQ(q.used(), 0u);
}

TEST(PoolTest, CacheIsBounded) {
  quota q(64_MiB);
  pool p(q, 1_MiB);
  {
    std::vector<bytes_builder> held;
    for (int i = 0; i < 64; ++i) held.push_back(p.take(100'000));
  }
  EXPECT_LE(p.read().cached_bytes, 1_MiB);
  EXPECT_EQ(q.used(), p.read().cached_bytes);
  EXPECT_EQ(p.read().blocks_out, 0u);
}

TEST(PoolTest, BlocksGivenBackByOtherThreadsAreReused) {
  quota q(64_MiB);
  pool p(q);
  for (int round = 0; round < 20; ++round) {
    std::vector<bytes> out;
    for (int i = 0; i < 50; ++i) {
      bytes_builder b = p.take(5000);
      ASSERT_TRUE(b);
      std::memset(b.spare().data(), i, 10);
      b.commit(10);
      out.push_back(std::move(b).freeze());
    }
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([mine = std::vector<bytes>(out)]() mutable { mine.clear(); });
    }
    out.clear();
  }
  EXPECT_TRUE(p.take(1));  // drains what came from elsewhere
  EXPECT_EQ(p.read().blocks_out, 0u);
  EXPECT_LE(p.read().misses, 1001u);
  EXPECT_GT(p.read().foreign + p.read().hits, 0u);
  p.trim();
  EXPECT_EQ(q.used(), 0u);
}

TEST(PoolTest, BlocksMayOutliveThePoolAndDieOnAnyThread) {
  quota q(64_MiB);
  for (int round = 0; round < 50; ++round) {
    std::vector<bytes> out;
    std::optional<pool> p(std::in_place, q);
    for (int i = 0; i < 16; ++i) {
      bytes_builder b = p->take(5000);
      b.commit(1);
      out.push_back(std::move(b).freeze());
    }
    std::jthread one([a = bytes(out[0]), b = bytes(out[1])] {});
    std::jthread two([mine = std::vector<bytes>(out.begin() + 8, out.end())] {});
    out.resize(8);
    p.reset();
  }
  EXPECT_EQ(q.used(), 0u);
}

// --------------------------------------------------------------------------- memory, really given back

TEST(PoolTest, WhatTheQuotaCountsIsWhatIsResident) {
  watched_pages from;
  quota q(64_MiB);
  {
    pool p(q, 2_MiB, from);
    std::vector<bytes_builder> held;
    for (const std::size_t room : {1'000ul, 60'000ul, 260'000ul, 1'000'000ul}) {
      for (int i = 0; i < 8; ++i) {
        held.push_back(p.take(room));
        touch(held.back());
      }
    }
    EXPECT_EQ(from.resident(), q.used());
    std::mt19937 random(testing::seed());
    std::shuffle(held.begin(), held.end(), random);
    while (!held.empty()) {
      held.pop_back();
      EXPECT_LE(from.resident(), q.used());
    }
    EXPECT_GT(p.read().cached_bytes, 0u);
    EXPECT_EQ(q.used(), p.read().cached_bytes);
    p.trim();
    EXPECT_EQ(q.used(), 0u);
    EXPECT_EQ(from.resident(), 0u);
    EXPECT_GT(p.read().returned, 0u);
  }
  EXPECT_TRUE(from.mapped.empty()) << "the addresses go with the pool";
}

TEST(PoolTest, ABlockThatWentColdComesBackEmptyAndUsable) {
  watched_pages from;
  quota q(64_MiB);
  pool p(q, 1_MiB, from);
  const std::byte* where = nullptr;
  {
    bytes_builder b = p.take(100'000);
    touch(b);
    where = b.spare().data();
  }
  p.trim();
  bytes_builder again = p.take(100'000);
  EXPECT_EQ(again.spare().data(), where) << "the same addresses";
  for (const std::byte x : again.spare()) ASSERT_EQ(x, std::byte{0});
  touch(again);
  EXPECT_EQ(p.read().misses, 2u);
}

TEST(PoolTest, NeighboursThatGoColdTogetherCostOneSystemCall) {
  watched_pages from;
  quota q(64_MiB);
  pool p(q, 16_MiB, from);
  bytes_builder stays = p.take(1'000);
  {
    std::vector<bytes_builder> held;
    for (int i = 0; i < 100; ++i) held.push_back(p.take(1'000));
  }
  p.trim();
  EXPECT_EQ(p.read().returned, 100u);
  EXPECT_EQ(from.calls.load(), 1);
}

TEST(PoolTest, AllPoolsTogetherKeepASixteenthOfTheQuota) {
  quota q(64_MiB);
  pool one(q), two(q);
  for (pool* p : {&one, &two}) {
    std::vector<bytes_builder> held;
    for (int i = 0; i < 80; ++i) held.push_back(p->take(100'000));
  }
  EXPECT_LE(q.used(), 4_MiB);
  EXPECT_LE(one.read().cached_bytes, 2_MiB);
  EXPECT_LE(two.read().cached_bytes, 2_MiB);
  EXPECT_GT(two.read().cached_bytes, 1_MiB);
}

TEST(PoolTest, WhatTwoLooksFoundIdleGoesAndWhatIsNeededStays) {
  watched_pages from;
  quota q(1_GiB);
  pool p(q, 16_MiB, from);
  auto now = 10s;
  EXPECT_EQ(p.tend(now), std::chrono::nanoseconds::max()) << "nothing is kept: no look is due";
  {
    std::vector<bytes_builder> held;
    for (int i = 0; i < 10; ++i) held.push_back(p.take(60'000));
  }
  const std::size_t block = q.used() / 10;
  EXPECT_EQ(p.tend(now), now + pool::look_every);
  for (int second = 0; second < 4; ++second) {
    now += 1s;
    {
      // Three of the ten are needed in every second.
      std::vector<bytes_builder> held;
      for (int i = 0; i < 3; ++i) held.push_back(p.take(60'000));
    }
    p.tend(now);
  }
  EXPECT_EQ(q.used(), 3 * block);
  EXPECT_EQ(p.read().hits, 12u);
  for (int second = 0; second < 3; ++second) p.tend(now += 1s);
  EXPECT_EQ(q.used(), 0u) << "an idle pool keeps nothing";
  EXPECT_TRUE(from.mapped.empty());
  EXPECT_EQ(p.tend(now), std::chrono::nanoseconds::max());
}

TEST(PoolTest, WhoIsRefusedMakesOtherPoolsGiveBackWhatTheyKeep) {
  quota q(4_MiB);
  pool hoards(q), wants(q);
  int woken = 0;
  hoards.on_called([&] { woken += 1; });
  {
    auto b = hoards.take(100'000);
  }
  ASSERT_GT(hoards.read().cached_bytes, 0u);
  std::vector<bytes_builder> held;
  while (bytes_builder b = wants.take(60'000)) held.push_back(std::move(b));
  EXPECT_EQ(woken, 1);
  EXPECT_TRUE(hoards.called());
  hoards.tend(1s);
  EXPECT_FALSE(hoards.called());
  EXPECT_EQ(hoards.read().cached_bytes, 0u);
  EXPECT_EQ(hoards.read().called, 1u);
  EXPECT_TRUE(wants.take(60'000));
}

TEST(PoolTest, NothingIsKeptWhileSomebodyWaits) {
  class waiting final : public quota::waiter {
   public:
    ~waiting() { leave(); }
    int told = 0;

   private:
    void on_room() noexcept override { told += 1; }
  };
  quota q(4_MiB);
  pool p(q);
  std::vector<bytes_builder> held;
  while (bytes_builder b = p.take(60'000)) held.push_back(std::move(b));
  waiting w;
  ASSERT_TRUE(q.wait(w, 100'000));
  held.pop_back();
  EXPECT_EQ(p.read().cached_bytes, 0u);
  EXPECT_EQ(w.told, 0);
  held.pop_back();
  EXPECT_EQ(w.told, 1);
  held.pop_back();
  EXPECT_GT(p.read().cached_bytes, 0u) << "nobody waits any more";
}

TEST(PoolTest, WhenTheSystemHasNoAddressesATakeIsRefusedAndNothingIsLost) {
  watched_pages from;
  quota q(64_MiB);
  pool p(q, 1_MiB, from);
  from.refuse = true;
  EXPECT_FALSE(p.take(1'000));
  EXPECT_FALSE(p.take(10'000'000));
  EXPECT_EQ(p.read().refused, 2u);
  EXPECT_EQ(q.used(), 0u);
  from.refuse = false;
  EXPECT_TRUE(p.take(1'000));
}

TEST(PoolTest, TheLargestAndTheSmallestRoom) {
  quota q(1_GiB);
  pool p(q);
  EXPECT_TRUE(p.take(0));
  const bytes_builder largest = p.take(pool::block_bytes_max - 2 * pool::slack);
  ASSERT_TRUE(largest);
  EXPECT_GE(largest.capacity(), pool::block_bytes_max - 2 * pool::slack);
  EXPECT_GE(q.used(), pool::block_bytes_max);
}

TEST(PoolTest, StatisticsSayWhatHappenedInWhichClass) {
  quota q(64_MiB);
  pool p(q);
  bytes_builder a = p.take(1'000);
  bytes_builder b = p.take(60'000);
  {
    auto again = p.take(60'000);
  }
  {
    auto again = p.take(60'000);
  }
  const pool::statistics s = p.read();
  const auto& small = s.of[size_class::of(1'000 + pool::slack).index];
  const auto& large = s.of[size_class::of(60'000 + pool::slack).index];
  EXPECT_EQ(small.misses, 1u);
  EXPECT_EQ(small.out, 1u);
  EXPECT_EQ(large.misses, 2u);
  EXPECT_EQ(large.hits, 1u);
  EXPECT_EQ(large.out, 1u);
  EXPECT_EQ(large.kept, 1u);
  EXPECT_EQ(s.blocks_out, 2u);
}

// ------------------------------------------------------------------------------ who holds it for long

TEST(PoolTest, SamplesNameWhoHoldsBlocksForLong) {
  quota q(64_MiB);
  pool p(q);
  p.tend(100s);
  p.sample_every(2);
  std::vector<bytes_builder> held;
  {
    const pool::label outer(p, "outer");
    held.push_back(p.take(1'000));
    const pool::label inner(p, "inner");
    held.push_back(p.take(60'000));  // sampled
  }
  held.push_back(p.take(1'000));
  p.tend(160s);
  held.push_back(p.take(1'000));  // sampled, nobody's
  p.tend(161s);
  ASSERT_EQ(p.held_longer_than(0s).size(), 2u);
  const auto old = p.held_longer_than(30s);
  ASSERT_EQ(old.size(), 1u);
  EXPECT_STREQ(old[0].label, "inner");
  EXPECT_EQ(old[0].age, 61s);
  EXPECT_EQ(old[0].bytes, 64_KiB);
  EXPECT_NE(old[0].frames[0], nullptr);
  EXPECT_EQ(p.held_longer_than(0s)[1].label, nullptr);
  EXPECT_EQ(p.oldest().held, 2u);
  EXPECT_EQ(p.oldest().age, 61s);
  held.erase(held.begin() + 1);
  EXPECT_EQ(p.held_longer_than(0s).size(), 1u);
  std::jthread([last = std::move(held.back())] {}).join();
  p.tend(162s);
  EXPECT_TRUE(p.held_longer_than(0s).empty()) << "given back by another thread";
}

TEST(PoolTest, SamplesAreBounded) {
  quota q(1_GiB);
  pool p(q);
  p.sample_every(1);
  std::vector<bytes_builder> held;
  for (std::size_t i = 0; i < pool::samples_max + 10; ++i) held.push_back(p.take(1));
  p.tend(1s);
  EXPECT_EQ(p.oldest().held, pool::samples_max);
  held.clear();
  EXPECT_EQ(p.oldest().held, 0u);
  p.sample_every(0);
  auto b = p.take(1);
  EXPECT_EQ(p.oldest().held, 0u);
}

// ---------------------------------------------------------------------------------- broken contracts

TEST(PoolDeathTest, GivingBackTwiceNamesTheContract) {
  quota q(64_MiB);
  pool p(q);
  bytes_builder b = p.take(100);
  b.append_copy("x");
  const bytes whole = std::move(b).freeze();
  EXPECT_DEATH(
      {
        bytes stolen = whole;
        std::byte room[sizeof(bytes)];
        std::memcpy(room, static_cast<const void*>(&stolen),
                    sizeof room);  // a handle nobody counted
        stolen = {};
        auto* first = reinterpret_cast<bytes*>(room);
        *const_cast<bytes*>(&whole) = {};
        *first = {};
      },
      "given back already");
}

TEST(PoolDeathTest, TakingWhatNoBlockHoldsNamesTheContract) {
  quota q(64_MiB);
  pool p(q);
  EXPECT_DEATH((void)p.take(SIZE_MAX), "pool::take requires room <= pool::block_bytes_max");
  EXPECT_DEATH((void)p.take(pool::block_bytes_max - 2 * pool::slack + 1), "pool::take requires");
}

TEST(PoolDeathTest, TakingOnAForeignThreadNamesTheContract) {
  quota q(64_MiB);
  pool p(q);
  EXPECT_DEATH(std::jthread([&] { (void)p.take(1); }).join(),
               "pool::take requires the thread that made the pool");
}

TEST(PoolDeathTest, WritingToABlockThatWasGivenBackIsCaught) {
  quota q(64_MiB);
  pool p(q);
  std::byte* where = nullptr;
  {
    bytes_builder b = p.take(1'000);
    where = b.spare().data();
  }
  const auto write_late = [&] {
    *static_cast<volatile std::byte*>(where + 7) = std::byte{1};
    (void)p.take(1'000);
  };
  if (poison_is_seen) {
    EXPECT_DEATH(write_late(), "use-after-poison");
    return;
  }
#ifdef NDEBUG
  GTEST_SKIP() << "this build does not look";
#else
  EXPECT_DEATH(write_late(), "must not be written after its last handle has gone");
#endif
}

// ------------------------------------------------------------------------------- random and many threads

TEST(PoolTest, RandomUseAgreesWithAModel) {
  EXPECT_TRUE(rc::check([] {
    watched_pages from;
    const auto limit = *rc::gen::inRange<std::size_t>(0, 8_MiB);
    const auto cached_max = *rc::gen::inRange<std::size_t>(0, 1_MiB);
    quota q(limit);
    {
      pool p(q, cached_max, from);
      struct held {
        bytes_builder b;
        std::byte mark;
      };
      std::vector<held> out;
      std::size_t out_bytes = 0;
      std::chrono::nanoseconds now{0};
      const auto give = [&](std::size_t i, bool elsewhere) {
        std::swap(out[i], out.back());
        held last = std::move(out.back());
        out.pop_back();
        // Nobody else has written to it.
        RC_ASSERT(last.b.spare().front() == last.mark);
        RC_ASSERT(last.b.spare().back() == last.mark);
        out_bytes -= last.b.retained_size();
        if (elsewhere) std::jthread([mine = std::move(last.b)] {}).join();
      };
      const auto steps = *rc::gen::inRange(1, 120);
      for (int step = 0; step < steps; ++step) {
        switch (*rc::gen::inRange(0, 10)) {
          case 0:
          case 1:
          case 2:
          case 3:
          case 4: {
            const auto room = *rc::gen::weightedOneOf<std::size_t>(
                {{4, rc::gen::inRange<std::size_t>(0, 20'000)},
                 {2, rc::gen::inRange<std::size_t>(0, 500'000)},
                 {1, rc::gen::inRange<std::size_t>(0, 4_MiB)}});
            bytes_builder b = p.take(room);
            const std::size_t whole = size_class::of(room + pool::slack).whole;
            // Nothing kept can be in the way of a take.
            RC_ASSERT(static_cast<bool>(b) == (whole <= limit && out_bytes <= limit - whole));
            if (!b) break;
            RC_ASSERT(b.capacity() >= room);
            RC_ASSERT(b.retained_size() == whole);
            const auto mark = static_cast<std::byte>(step);
            b.spare().front() = mark;
            b.spare().back() = mark;
            out_bytes += whole;
            out.push_back({std::move(b), mark});
            break;
          }
          case 5:
          case 6:
          case 7:
            if (!out.empty()) give(*rc::gen::inRange<std::size_t>(0, out.size()), step % 8 == 0);
            break;
          case 8: {
            const auto keep = *rc::gen::inRange<std::size_t>(0, 1_MiB);
            p.trim(keep);
            RC_ASSERT(p.read().cached_bytes <= keep);
            break;
          }
          default:
            now += std::chrono::milliseconds(*rc::gen::inRange(0, 1500));
            p.tend(now);
        }
        p.trim(SIZE_MAX);  // takes over what other threads gave back
        RC_ASSERT(q.used() == out_bytes + p.read().cached_bytes);
        RC_ASSERT(p.read().cached_bytes <= std::min(cached_max, limit / 16));
        RC_ASSERT(p.read().blocks_out == out.size());
        RC_ASSERT(from.resident() <= q.used());
      }
      // Half of them outlive the pool.
      while (out.size() > 8) give(0, false);
      std::vector<bytes_builder> late;
      for (held& h : out) late.push_back(std::move(h.b));
      std::jthread other([mine = std::move(late)]() mutable { mine.clear(); });
    }
    RC_ASSERT(q.used() == 0u);
    RC_ASSERT(from.mapped.empty());
  }));
}

// One pool whose blocks three threads give back, one by one and in batches, while its owner takes,
// trims and tends, and dies before they have done.
TEST(PoolTest, ManyThreadsGiveBackWhileTheOwnerTakesTrimsAndDies) {
  watched_pages from;
  quota q(64_MiB);
  for (int round = 0; round < 10; ++round) {
    struct mailbox {
      std::mutex guard;
      std::vector<bytes> in;
      bool over = false;
    };
    std::array<mailbox, 3> boxes;
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < boxes.size(); ++t) {
      threads.emplace_back([&box = boxes[t], batched = t > 0] {
        for (bool over = false; !over;) {
          std::vector<bytes> mine;
          {
            const std::scoped_lock lock(box.guard);
            mine.swap(box.in);
            over = box.over && mine.empty();
          }
          std::optional<pool::give_back_batch> together;
          if (batched) together.emplace();
          for (const bytes& b : mine) ASSERT_EQ(b.text(), "payload");
          mine.clear();
        }
      });
    }
    {
      pool p(q, 1_MiB, from);
      std::mt19937 random(testing::seed() + round);
      for (int i = 0; i < 3'000; ++i) {
        bytes_builder b = p.take(random() % 70'000 + 7);
        if (b) {
          b.append_copy("payload");
          mailbox& box = boxes[random() % boxes.size()];
          const std::scoped_lock lock(box.guard);
          box.in.push_back(std::move(b).freeze());
        }
        if (i % 100 == 0) p.trim(random() % 1_MiB);
        if (i % 64 == 0) p.tend(std::chrono::milliseconds(i));
      }
    }
    for (mailbox& box : boxes) {
      const std::scoped_lock lock(box.guard);
      box.over = true;
    }
    threads.clear();
    ASSERT_EQ(q.used(), 0u);
    ASSERT_TRUE(from.mapped.empty());
  }
}

TEST(PoolTest, ABatchHandsOverOnceAndAtTheLatestWhenItEnds) {
  quota q(64_MiB);
  pool one(q), two(q);
  std::vector<bytes_builder> a, b;
  for (int i = 0; i < 10; ++i) {
    a.push_back(one.take(1'000));
    b.push_back(two.take(1'000));
  }
  std::jthread([&] {
    pool::give_back_batch together;
    a.resize(5);
    b.clear();  // another pool's: what was collected goes first
    together.flush();
    a.clear();
  }).join();
  one.tend(1s);
  two.tend(1s);
  EXPECT_EQ(one.read().blocks_out, 0u);
  EXPECT_EQ(one.read().foreign, 10u);
  EXPECT_EQ(two.read().foreign, 10u);
  {
    // Blocks of the thread's own pools need no batch.
    pool::give_back_batch together;
    {
      auto mine = one.take(1'000);
    }
    EXPECT_EQ(one.read().blocks_out, 0u);
  }
}

TEST(BuilderTest, WhatWasTakenIsNeverWrittenAgain) {
  bytes_builder b = bytes_builder::with_capacity(64);
  b.append_copy("head");
  const bytes head = b.take();
  b.append_copy("body");
  const bytes body = b.take();
  EXPECT_EQ(head.text(), "head");
  EXPECT_EQ(body.text(), "body");
  EXPECT_EQ(body.data(), head.data() + 4);
  EXPECT_TRUE(b.take().empty());
}

TEST(BuilderTest, RewindsOnlyWhenNobodyHoldsAPart) {
  bytes_builder b = bytes_builder::with_capacity(16);
  b.append_copy("0123456789");
  {
    const bytes held = b.take();
    EXPECT_FALSE(b.try_rewind());
    EXPECT_EQ(b.spare().size(), 6u);
  }
  EXPECT_TRUE(b.try_rewind());
  EXPECT_EQ(b.spare().size(), 16u);
}

TEST(BuilderTest, FreezeCopiesNothing) {
  bytes_builder b = bytes_builder::with_capacity(1000);
  std::memset(b.spare().data(), 'x', 1000);
  b.commit(1000);
  EXPECT_USER_COPIES(0) {
    const bytes whole = std::move(b).freeze();
    EXPECT_EQ(whole.size(), 1000u);
  }
}

TEST(BuilderTest, FrozenAndTakenBytesLieWhereTheyWereWritten) {
  quota q(1_MiB);
  pool p(q);
  bytes_builder b = p.take(1000);
  const std::byte* where = b.spare().data();
  std::memset(b.spare().data(), 'x', 1000);
  b.commit(400);
  const bytes front = b.take();
  b.commit(600);
  const bytes rest = std::move(b).freeze();
  EXPECT_EQ(front.data(), where);
  EXPECT_EQ(rest.data(), where + 400);
  EXPECT_TRUE(rest.shares_owner_with(front));
  EXPECT_EQ(p.read().misses, 1u) << "one block for all of it";
}

}  // namespace
}  // namespace zc
