// A13, object pools. Take one object, use it, give it back; ours, new and delete, and make_unique
// of an object that brings a buffer of its own, which the pool keeps.
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/mem/object_pool.h"

namespace {

struct request {
  std::vector<std::uint64_t> parts;
  std::string name;
  std::uint64_t fields[16] = {};
};

void use(request& r) {
  for (std::uint64_t i = 0; i < 4; ++i) r.parts.push_back(i);
  benchmark::DoNotOptimize(r);
}

void pool_acquire(benchmark::State& state) {
  zc::object_pool<request> pool(
      {.objects_max = 64}, [] { return request(); }, [](request& r) { r.parts.clear(); });
  for (auto _ : state) {
    const auto one = pool.try_acquire();
    use(*one);
  }
}
void new_delete(benchmark::State& state) {
  for (auto _ : state) {
    const auto one = std::make_unique<request>();
    use(*one);
  }
}

// 32 objects out at once, given back in the order they were taken.
void pool_acquire_32(benchmark::State& state) {
  zc::object_pool<request> pool(
      {.objects_max = 64}, [] { return request(); }, [](request& r) { r.parts.clear(); });
  std::vector<zc::pooled<request>> out(32);
  std::size_t at = 0;
  for (auto _ : state) {
    out[at].reset();
    out[at] = pool.try_acquire();
    use(*out[at]);
    at = (at + 1) % out.size();
  }
}
void new_delete_32(benchmark::State& state) {
  std::vector<std::unique_ptr<request>> out(32);
  std::size_t at = 0;
  for (auto _ : state) {
    out[at].reset();
    out[at] = std::make_unique<request>();
    use(*out[at]);
    at = (at + 1) % out.size();
  }
}

void find_by_handle(benchmark::State& state) {
  zc::object_pool<request> pool({.objects_max = 64}, [] { return request(); });
  const auto one = pool.try_acquire();
  auto handle = one.handle();
  for (auto _ : state) {
    benchmark::DoNotOptimize(handle);
    benchmark::DoNotOptimize(pool.find(handle));
  }
}

BENCHMARK(pool_acquire);
BENCHMARK(new_delete);
BENCHMARK(pool_acquire_32);
BENCHMARK(new_delete_32);
BENCHMARK(find_by_handle);

}  // namespace

BENCHMARK_MAIN();
