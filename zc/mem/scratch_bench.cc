// A14, thread-local scratch. A call that builds a few strings and a vector, as a formatter does:
// from the thread's scratch, from malloc, and from a fresh std::pmr::monotonic_buffer_resource.
#include <cstdint>
#include <memory_resource>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/mem/scratch.h"

namespace {

template <class Strings, class Numbers>
std::size_t work(Strings& texts, Numbers& numbers) {
  for (std::uint64_t i = 0; i < 64; ++i) {
    texts.emplace_back("a text that does not fit into the string itself");
    numbers.push_back(i);
  }
  return texts.size() + numbers.size();
}

void scratch(benchmark::State& state) {
  for (auto _ : state) {
    const zc::scratch_scope mine;
    std::pmr::vector<std::pmr::string> texts(mine.memory());
    std::pmr::vector<std::uint64_t> numbers(mine.memory());
    benchmark::DoNotOptimize(work(texts, numbers));
  }
}
void malloc_and_free(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<std::string> texts;
    std::vector<std::uint64_t> numbers;
    benchmark::DoNotOptimize(work(texts, numbers));
  }
}
void monotonic_resource(benchmark::State& state) {
  for (auto _ : state) {
    std::pmr::monotonic_buffer_resource mine;
    std::pmr::vector<std::pmr::string> texts(&mine);
    std::pmr::vector<std::uint64_t> numbers(&mine);
    benchmark::DoNotOptimize(work(texts, numbers));
  }
}

void scratch_1k(benchmark::State& state) {
  for (auto _ : state) {
    zc::scratch_scope mine;
    benchmark::DoNotOptimize(mine.try_array<std::byte>(1024).data());
  }
}
void malloc_1k(benchmark::State& state) {
  for (auto _ : state) {
    const auto mine = std::make_unique_for_overwrite<std::byte[]>(1024);
    benchmark::DoNotOptimize(mine.get());
  }
}

BENCHMARK(scratch);
BENCHMARK(malloc_and_free);
BENCHMARK(monotonic_resource);
BENCHMARK(scratch_1k);
BENCHMARK(malloc_1k);

}  // namespace

BENCHMARK_MAIN();
