// A9, configuration snapshots: what a read costs while nobody writes, and while somebody replaces
// the value a thousand times a second. Beside the cached read: load() (an owning pointer), the
// ordinary ways: a mutex and a copy, a mutex and a shared_ptr, std::atomic<std::shared_ptr>. The
// value is a map of 32 settings.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <benchmark/benchmark.h>

#include "zc/shard/snapshot.h"

namespace {

using namespace zc;
using settings = std::map<std::string, int>;

settings some_settings() {
  settings s;
  for (int i = 0; i < 32; ++i) s["exporters.otlp.setting_" + std::to_string(i)] = i;
  return s;
}

struct by_reader {
  snapshot<settings> live{some_settings()};
  struct view {
    explicit view(by_reader& of) : mine(of.live) {}
    std::size_t read() { return mine.read().size(); }
    snapshot<settings>::reader mine;
  };
  void write() { live.publish(some_settings()); }
};
struct by_load {
  snapshot<settings> live{some_settings()};
  struct view {
    explicit view(by_load& of) : from(of) {}
    std::size_t read() { return from.live.load()->size(); }
    by_load& from;
  };
  void write() { live.publish(some_settings()); }
};
struct by_mutex_and_copy {
  std::mutex guard;
  settings live = some_settings();
  struct view {
    explicit view(by_mutex_and_copy& of) : from(of) {}
    std::size_t read() {
      const settings copy = [&] {
        const std::lock_guard lock(from.guard);
        return from.live;
      }();
      return copy.size();
    }
    by_mutex_and_copy& from;
  };
  void write() {
    auto next = some_settings();
    const std::lock_guard lock(guard);
    live.swap(next);
  }
};
struct by_mutex_and_pointer {
  std::mutex guard;
  std::shared_ptr<const settings> live = std::make_shared<settings>(some_settings());
  struct view {
    explicit view(by_mutex_and_pointer& of) : from(of) {}
    std::size_t read() {
      const auto held = [&] {
        const std::lock_guard lock(from.guard);
        return from.live;
      }();
      return held->size();
    }
    by_mutex_and_pointer& from;
  };
  void write() {
    std::shared_ptr<const settings> next = std::make_shared<settings>(some_settings());
    const std::lock_guard lock(guard);
    live.swap(next);
  }
};
struct by_atomic_pointer {
  std::atomic<std::shared_ptr<const settings>> live{std::make_shared<settings>(some_settings())};
  struct view {
    explicit view(by_atomic_pointer& of) : from(of) {}
    std::size_t read() { return from.live.load()->size(); }
    by_atomic_pointer& from;
  };
  void write() { live.store(std::make_shared<settings>(some_settings())); }
};

template <class Way>
void read_only(benchmark::State& state) {
  static Way way;
  typename Way::view mine(way);
  for (auto _ : state) benchmark::DoNotOptimize(mine.read());
}
template <class Way>
void while_written(benchmark::State& state) {
  Way way;
  typename Way::view mine(way);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      way.write();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  for (auto _ : state) benchmark::DoNotOptimize(mine.read());
  stop = true;
  writer.join();
}
template <class Way>
void publish(benchmark::State& state) {
  Way way;
  for (auto _ : state) way.write();
}
void publish_number(benchmark::State& state) {
  snapshot<std::uint64_t> live(0);
  std::uint64_t n = 0;
  for (auto _ : state) live.publish(++n);
}

// A template's name cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses)
#define ZC_WAYS(body)                    \
  BENCHMARK(body<by_reader>);            \
  BENCHMARK(body<by_load>);              \
  BENCHMARK(body<by_mutex_and_copy>);    \
  BENCHMARK(body<by_mutex_and_pointer>); \
  BENCHMARK(body<by_atomic_pointer>)
// NOLINTEND(bugprone-macro-parentheses)
ZC_WAYS(read_only);
ZC_WAYS(while_written);
BENCHMARK(read_only<by_reader>)->Threads(2);
BENCHMARK(read_only<by_load>)->Threads(2);
BENCHMARK(read_only<by_atomic_pointer>)->Threads(2);
BENCHMARK(publish<by_reader>);
BENCHMARK(publish_number);

}  // namespace

BENCHMARK_MAIN();
