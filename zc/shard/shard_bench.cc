// A14, scratch of a shard: 64 KiB of working memory for one call, touched once per page. Beside the
// shard's scratch: malloc, a vector (which clears it) and an anonymous mapping per call.
#include <cstdlib>
#include <memory>
#include <sys/mman.h>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/shard/shard.h"
#include "zc/testing/socketless_poller.h"

namespace {

using namespace zc;
using namespace zc::literals;

constexpr std::size_t size = shard::scratch_bytes;

void touch(void* memory) {
  auto* at = static_cast<volatile char*>(memory);
  for (std::size_t i = 0; i < size; i += 4_KiB) at[i] = 1;
}

void scratch(benchmark::State& state) {
  steady_clock time;
  quota limits(64_MiB);
  shard worker({}, std::make_unique<testing::idle_poller>(), limits, time);
  for (auto _ : state) touch(worker.scratch().data());
}

void vector_per_call(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<std::byte> memory(size);
    touch(memory.data());
  }
}

void malloc_per_call(benchmark::State& state) {
  for (auto _ : state) {
    void* memory = std::malloc(size);
    touch(memory);
    std::free(memory);
  }
}

void mmap_per_call(benchmark::State& state) {
  for (auto _ : state) {
    void* memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ZC_CHECK(memory != MAP_FAILED);
    touch(memory);
    ::munmap(memory, size);
  }
}

BENCHMARK(scratch);
BENCHMARK(malloc_per_call);
BENCHMARK(vector_per_call);
BENCHMARK(mmap_per_call);

}  // namespace

BENCHMARK_MAIN();
