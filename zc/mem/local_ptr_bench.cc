// A19, single-thread shared value. One copy and drop of a handle, ours and std::shared_ptr (which
// counts with atomics as soon as the program has a second thread), and making one.
#include <memory>
#include <thread>

#include <benchmark/benchmark.h>

#include "zc/mem/local_ptr.h"

namespace {

struct value : zc::local_counted {
  int number = 1;
};

// Keeps the process from being single-threaded, where libstdc++ leaves the atomics out.
struct second_thread {
  std::jthread asleep{[](const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }};
};

template <class Handle>
void copies(benchmark::State& state, const Handle& handle) {
  const second_thread other;
  for (auto _ : state) {
    Handle copy = handle;
    benchmark::DoNotOptimize(copy);
  }
}
void copy_local_ptr(benchmark::State& state) {
  copies(state, zc::make_local<value>());
}
void copy_local_ptr_boxed(benchmark::State& state) {
  copies(state, zc::make_local<int>(1));
}
void copy_shared_ptr(benchmark::State& state) {
  copies(state, std::make_shared<int>(1));
}

void make_local_ptr(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(zc::make_local<int>(1));
}
void make_shared_ptr(benchmark::State& state) {
  const second_thread other;
  for (auto _ : state) benchmark::DoNotOptimize(std::make_shared<int>(1));
}

BENCHMARK(copy_local_ptr);
BENCHMARK(copy_local_ptr_boxed);
BENCHMARK(copy_shared_ptr);
BENCHMARK(make_local_ptr);
BENCHMARK(make_shared_ptr);

}  // namespace

BENCHMARK_MAIN();
