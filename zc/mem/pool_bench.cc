// A12, buffer pools: with 64 blocks live, blocks are given back, and new ones taken and touched,
// one byte per page. Beside the pool malloc and mmap. Argument: size of the block; the rows of 64 KiB
// are the goal (at least twice as fast as malloc and free). "faults" are
// page faults per block: what the kernel does for memory that it has just been given back.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <sys/mman.h>
#include <sys/resource.h>
#include <thread>
#include <utility>

#include <benchmark/benchmark.h>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/mem/pool.h"

namespace {

using namespace zc;
using namespace zc::literals;

constexpr std::size_t live = 64;
constexpr std::size_t page = 4_KiB;

// One byte per page, not always the same one: bytes that lie whole pages apart fall into one set of
// the cache, and then it is the cache that is measured.
void touch(void* memory, std::size_t size) {
  auto* at = static_cast<volatile char*>(memory);
  std::size_t line = 0;
  for (std::size_t i = 0; i < size; i += page) {
    at[i + line] = 1;
    line = (line + 64 * 5) % page;
  }
}

long faults() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return used.ru_minflt;
}

struct by_pool {
  explicit by_pool(std::size_t n) : size(n) {}
  void give(std::size_t i) { slots[i] = {}; }
  void take(std::size_t i) {
    slots[i] = blocks.take(size);
    ZC_CHECK(slots[i]);
    touch(slots[i].spare().data(), size);
  }
  void forget() { blocks.trim(); }
  std::size_t size;
  quota limits{8_GiB};
  pool blocks{limits, 128_MiB};
  std::array<bytes_builder, live> slots;
};

struct by_malloc {
  explicit by_malloc(std::size_t n) : size(n) {}
  ~by_malloc() {
    for (void* slot : slots) std::free(slot);
  }
  void give(std::size_t i) { std::free(std::exchange(slots[i], nullptr)); }
  void take(std::size_t i) {
    slots[i] = std::malloc(size);
    ZC_CHECK(slots[i] != nullptr);
    touch(slots[i], size);
  }
  std::size_t size;
  std::array<void*, live> slots{};
};

struct by_mmap {
  explicit by_mmap(std::size_t n) : size(n) {}
  ~by_mmap() {
    for (std::size_t i = 0; i < live; ++i) give(i);
  }
  void give(std::size_t i) {
    if (slots[i] != nullptr) ::munmap(std::exchange(slots[i], nullptr), size);
  }
  void forget() {}
  void take(std::size_t i) {
    slots[i] = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ZC_CHECK(slots[i] != MAP_FAILED);
    touch(slots[i], size);
  }
  std::size_t size;
  std::array<void*, live> slots{};
};

template <class How>
void measure(benchmark::State& state, std::size_t burst) {
  How how(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < live; ++i) how.take(i);
  const long before = faults();
  std::size_t at = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < burst; ++i) how.give((at + i) % live);
    for (std::size_t i = 0; i < burst; ++i) how.take((at + i) % live);
    at = (at + burst) % live;
  }
  const auto blocks = state.iterations() * static_cast<std::int64_t>(burst);
  state.SetItemsProcessed(blocks);
  state.counters["faults"] = static_cast<double>(faults() - before) /
                             static_cast<double>(std::max(blocks, std::int64_t{1}));
}

// One goes and one comes.
template <class How>
void steady(benchmark::State& state) {
  measure<How>(state, 1);
}

// All 64 go and all 64 come, as when a queue drains and fills. Time is for 64 blocks.
template <class How>
void burst(benchmark::State& state) {
  measure<How>(state, live);
}

void sizes(benchmark::internal::Benchmark* of) {
  of->Arg(16 << 10)->Arg(64 << 10)->Arg(256 << 10)->Arg(1 << 20)->MinTime(0.15);
}
// Taken here, given back by another thread: alone, or many with one hand-over.
void given_back_elsewhere(benchmark::State& state, bool together) {
  quota limits{8_GiB};
  pool blocks{limits, 128_MiB};
  std::array<bytes_builder, live> slots;
  std::atomic<int> turn{0};  // 1: the other thread's, 2: over
  std::jthread other([&] {
    for (;;) {
      int now = turn.load(std::memory_order_acquire);
      while (now == 0) {
        std::this_thread::yield();
        now = turn.load(std::memory_order_acquire);
      }
      if (now == 2) return;
      std::optional<pool::give_back_batch> batch;
      if (together) batch.emplace();
      for (bytes_builder& b : slots) b = {};
      batch.reset();
      turn.store(0, std::memory_order_release);
    }
  });
  for (auto _ : state) {
    for (bytes_builder& b : slots) b = blocks.take(1'000);
    turn.store(1, std::memory_order_release);
    while (turn.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  }
  turn.store(2, std::memory_order_release);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(live));
}
void remote_one_by_one(benchmark::State& state) {
  given_back_elsewhere(state, false);
}
void remote_in_batches(benchmark::State& state) {
  given_back_elsewhere(state, true);
}
BENCHMARK(remote_one_by_one)->UseRealTime()->MinTime(0.15);
BENCHMARK(remote_in_batches)->UseRealTime()->MinTime(0.15);

// What a block costs that has no pages: charged, touched, and given back to the system.
template <class How>
void cold(benchmark::State& state) {
  How how(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    how.take(0);
    how.give(0);
    how.forget();
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_TEMPLATE(steady, by_pool)->Apply(sizes);
BENCHMARK_TEMPLATE(steady, by_malloc)->Apply(sizes);
BENCHMARK_TEMPLATE(steady, by_mmap)->Apply(sizes);
BENCHMARK_TEMPLATE(burst, by_pool)->Apply(sizes);
BENCHMARK_TEMPLATE(burst, by_malloc)->Apply(sizes);
BENCHMARK_TEMPLATE(burst, by_mmap)->Apply(sizes);
BENCHMARK_TEMPLATE(cold, by_pool)->Apply(sizes);
BENCHMARK_TEMPLATE(cold, by_mmap)->Apply(sizes);

}  // namespace

BENCHMARK_MAIN();
