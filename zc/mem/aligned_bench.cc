// A15, aligned and padded data. Two threads add to counters of their own: packed into one line, and
// padded. Then a walk over scattered elements, with and without asking for the next ones early.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/mem/aligned.h"

namespace {

using counter = std::atomic<std::uint64_t>;

void add(counter& c) {
  c.store(c.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

counter packed[8];
zc::padded<counter> alone[8];

void counters_packed(benchmark::State& state) {
  counter& mine = packed[state.thread_index()];
  for (auto _ : state) add(mine);
}
void counters_padded(benchmark::State& state) {
  counter& mine = alone[state.thread_index()];
  for (auto _ : state) add(mine);
}

struct element {
  std::uint64_t numbers[8];
};
constexpr std::size_t elements = 1 << 20;  // 64 MiB: no cache has them

void walk(benchmark::State& state, std::size_t ahead) {
  const zc::cache_aligned_vector<element> all(elements);
  std::vector<std::uint32_t> order(elements);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::shuffle(order, std::mt19937(1));
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < elements; ++i) {
      if (ahead > 0) zc::prefetch_read(&all[order[(i + ahead) % elements]]);
      const element& e = all[order[i]];
      for (const std::uint64_t n : e.numbers) sum = sum * 31 + n;
    }
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(elements));
}
void walk_plain(benchmark::State& state) {
  walk(state, 0);
}
void walk_prefetched(benchmark::State& state) {
  walk(state, 8);
}

BENCHMARK(counters_packed)->Threads(2)->UseRealTime();
BENCHMARK(counters_padded)->Threads(2)->UseRealTime();
BENCHMARK(walk_plain)->Unit(benchmark::kMillisecond);
BENCHMARK(walk_prefetched)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
