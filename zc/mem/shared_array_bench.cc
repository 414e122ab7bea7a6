// A4, shared array. Reading an element through a handle that lies in memory (one load less than
// through a shared_ptr to a vector; the arrays are many, so every load misses the cache), copying a
// handle, and making an array of 16.
#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/mem/shared_array.h"

namespace {

constexpr std::size_t arrays = 1 << 17;
constexpr std::size_t elements = 16;

std::vector<std::uint32_t> shuffled() {
  std::vector<std::uint32_t> order(arrays);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::shuffle(order, std::mt19937(1));
  return order;
}

template <class Handle, class Make, class Read>
void reads(benchmark::State& state, Make make, Read read) {
  std::vector<Handle> all;
  all.reserve(arrays);
  for (std::size_t i = 0; i < arrays; ++i) all.push_back(make());
  const auto order = shuffled();
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(read(all[order[at]]));
    at = (at + 1) % arrays;
  }
}

void read_shared_array(benchmark::State& state) {
  using handle = zc::shared_array<std::uint64_t>;
  reads<handle>(
      state, [] { return handle::make(elements).share(); }, [](const handle& h) { return h[3]; });
}
void read_shared_ptr_vector(benchmark::State& state) {
  using handle = std::shared_ptr<std::vector<std::uint64_t>>;
  reads<handle>(
      state, [] { return std::make_shared<std::vector<std::uint64_t>>(elements); },
      [](const handle& h) { return (*h)[3]; });
}

void make_shared_array(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(zc::shared_array<std::uint64_t>::make(elements).share());
  }
}
void make_shared_ptr_vector(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(std::make_shared<std::vector<std::uint64_t>>(elements));
  }
}

void copy_shared_array(benchmark::State& state) {
  const auto a = zc::shared_array<std::uint64_t>::make(elements).share();
  for (auto _ : state) benchmark::DoNotOptimize(zc::shared_array<std::uint64_t>(a));
}
void copy_vector(benchmark::State& state) {
  const std::vector<std::uint64_t> a(elements);
  for (auto _ : state) benchmark::DoNotOptimize(std::vector<std::uint64_t>(a));
}

BENCHMARK(read_shared_array);
BENCHMARK(read_shared_ptr_vector);
BENCHMARK(make_shared_array);
BENCHMARK(make_shared_ptr_vector);
BENCHMARK(copy_shared_array);
BENCHMARK(copy_vector);

}  // namespace

BENCHMARK_MAIN();
