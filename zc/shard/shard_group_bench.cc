// A11, core-local sharding with two workers.
//
// Work of one's own: each worker queues and handles its own requests. Sharded: each has its queue
// and its counter. Ordinary: one queue behind one mutex, which both fill and empty.
// Hand-over: one thread makes requests, another handles them. Sharded: shard::post(). Ordinary: a
// queue with a mutex and a condition variable. At most 1024 requests are under way in both.
// Time is for one round: `rounds` requests per worker; items_per_second counts requests, "CPU" is
// that of all threads. Wants two cores: pinned to one it says nothing.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <benchmark/benchmark.h>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/mem/bytes.h"
#include "zc/shard/shard_group.h"
#include "zc/testing/socketless_poller.h"

namespace {

using namespace zc;
using namespace zc::literals;

constexpr unsigned workers = 2;
constexpr std::int64_t rounds = 50'000;
constexpr std::int64_t under_way_max = 1024;

struct request {
  bytes what;
  std::uint64_t items = 0;
};

struct shards {
  explicit shards(unsigned n)
      : group(
            [n] {
              shard_group::options how;
              how.shards = n;
              return how;
            }(),
            [] { return std::make_unique<testing::sleeping_poller>(); }, limits, time) {
    ZC_CHECK(group.start([](shard&) -> result<void> { return {}; }));
  }
  steady_clock time;
  quota limits{64_MiB};
  shard_group group;
};

// Counts down from two threads; the benchmark's thread waits.
struct latch {
  explicit latch(int n) : open(n) {}
  void arrive() {
    if (open.fetch_sub(1) == 1) open.notify_all();
  }
  void wait() {
    for (int seen = open; seen != 0; seen = open) open.wait(seen);
  }
  std::atomic<int> open;
};

// Puts eight in and takes eight out, until `rounds` have been handled.
template <class Put, class Take>
std::uint64_t work(const bytes& payload, Put put, Take take) {
  std::uint64_t items = 0;
  for (std::int64_t i = 0; i < rounds; i += 8) {
    for (int k = 0; k < 8; ++k) put(request{payload, 1});
    for (int k = 0; k < 8; ++k) items += take().items;
  }
  return items;
}

void own_work_sharded(benchmark::State& state) {
  shards on(workers);
  for (auto _ : state) {
    latch done(workers);
    for (unsigned i = 0; i < workers; ++i) {
      on.group.post(i, [&done] {
        const bytes payload = bytes::copy_of("payload");
        std::deque<request> queue;
        const std::uint64_t items = work(
            payload, [&](request&& r) { queue.push_back(std::move(r)); },
            [&] {
              request r = std::move(queue.front());
              queue.pop_front();
              return r;
            });
        ZC_CHECK(items == rounds);
        done.arrive();
      });
    }
    done.wait();
  }
  state.SetItemsProcessed(state.iterations() * rounds * workers);
}

void own_work_locked_queue(benchmark::State& state) {
  shards on(workers);
  std::mutex guard;
  std::deque<request> queue;
  for (auto _ : state) {
    latch done(workers);
    for (unsigned i = 0; i < workers; ++i) {
      on.group.post(i, [&] {
        const bytes payload = bytes::copy_of("payload");
        const std::uint64_t items = work(
            payload,
            [&](request&& r) {
              const std::lock_guard lock(guard);
              queue.push_back(std::move(r));
            },
            [&] {
              const std::lock_guard lock(guard);
              request r = std::move(queue.front());
              queue.pop_front();
              return r;
            });
        ZC_CHECK(items == rounds);
        done.arrive();
      });
    }
    done.wait();
  }
  state.SetItemsProcessed(state.iterations() * rounds * workers);
}

// Waits until fewer than under_way_max are on their way.
struct window {
  void enter() {
    for (std::int64_t seen = handled; sent - seen >= under_way_max; seen = handled) {
      handled.wait(seen);
    }
    sent += 1;
  }
  void leave() {
    const std::int64_t now = handled.load(std::memory_order_relaxed) + 1;
    handled.store(now, std::memory_order_release);
    if (now % (under_way_max / 2) == 0) handled.notify_one();
  }
  std::int64_t sent = 0;  // the maker's
  std::atomic<std::int64_t> handled{0};
};

void hand_over_post(benchmark::State& state) {
  shards on(1);
  const bytes payload = bytes::copy_of("payload");
  std::uint64_t items = 0;
  for (auto _ : state) {
    window w;
    latch done(1);
    for (std::int64_t i = 0; i < rounds; ++i) {
      w.enter();
      on.group.post(0, [&items, &w, r = request{payload, 1}] {
        items += r.items;
        w.leave();
      });
    }
    on.group.post(0, [&done] { done.arrive(); });
    done.wait();
  }
  ZC_CHECK(items == static_cast<std::uint64_t>(state.iterations() * rounds));
  state.SetItemsProcessed(state.iterations() * rounds);
}

void hand_over_locked_queue(benchmark::State& state) {
  std::mutex guard;
  std::condition_variable changed;
  std::deque<request> queue;
  const bytes payload = bytes::copy_of("payload");
  std::uint64_t items = 0;
  for (auto _ : state) {
    window w;
    std::jthread worker([&] {
      for (std::int64_t i = 0; i < rounds; ++i) {
        request r;
        {
          std::unique_lock lock(guard);
          changed.wait(lock, [&] { return !queue.empty(); });
          r = std::move(queue.front());
          queue.pop_front();
        }
        items += r.items;
        w.leave();
      }
    });
    for (std::int64_t i = 0; i < rounds; ++i) {
      w.enter();
      {
        const std::lock_guard lock(guard);
        queue.push_back({payload, 1});
      }
      changed.notify_one();
    }
  }
  ZC_CHECK(items == static_cast<std::uint64_t>(state.iterations() * rounds));
  state.SetItemsProcessed(state.iterations() * rounds);
}

BENCHMARK(own_work_sharded)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(own_work_locked_queue)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(hand_over_post)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(hand_over_locked_queue)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
