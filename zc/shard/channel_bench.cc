// A10, bounded channels: hand-over of one number. Same thread: try_send and try_receive in turn.
// Streaming: one thread sends, another receives, 1024 slots, both block. Many: two threads send to
// one. Ping-pong: one number goes there and back through two channels with one slot, both sides
// block. Beside the channel the ordinary way: a deque behind a mutex with two condition variables.
// items_per_second counts hand-overs. Two threads want two cores: pinned to one this says nothing.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/shard/channel.h"

namespace {

using namespace zc;

struct eight_bytes {
  std::size_t operator()(std::uint64_t) const noexcept { return 8; }
};

template <class Topology, class Weigh = unweighed>
class by_channel {
 public:
  explicit by_channel(std::size_t n) : c_({.items_max = n, .weight_max = n * 8}) {}
  bool try_send(std::uint64_t v) { return c_.try_send(std::move(v)).has_value(); }
  bool try_receive(std::uint64_t& v) {
    auto got = c_.try_receive();
    if (got) v = *got;
    return got.has_value();
  }
  void send(std::uint64_t v) { (void)c_.send_blocking(std::move(v)); }
  bool receive(std::uint64_t& v) {
    auto got = c_.receive_blocking();
    if (got) v = *got;
    return got.has_value();
  }
  template <class Take>
  std::size_t receive_many(Take&& take) {
    return c_.receive_many_blocking(256, SIZE_MAX, take).value_or(0);
  }
  void close() { c_.close(); }

 private:
  channel<std::uint64_t, Topology, Weigh> c_;
};

class by_mutex {
 public:
  explicit by_mutex(std::size_t n) : most_(n) {}
  bool try_send(std::uint64_t v) {
    {
      const std::lock_guard lock(guard_);
      if (queue_.size() == most_) return false;
      queue_.push_back(v);
    }
    there_.notify_one();
    return true;
  }
  bool try_receive(std::uint64_t& v) {
    {
      const std::lock_guard lock(guard_);
      if (queue_.empty()) return false;
      v = queue_.front();
      queue_.pop_front();
    }
    room_.notify_one();
    return true;
  }
  void send(std::uint64_t v) {
    {
      std::unique_lock lock(guard_);
      room_.wait(lock, [&] { return queue_.size() < most_; });
      queue_.push_back(v);
    }
    there_.notify_one();
  }
  bool receive(std::uint64_t& v) {
    {
      std::unique_lock lock(guard_);
      there_.wait(lock, [&] { return !queue_.empty() || closed_; });
      if (queue_.empty()) return false;
      v = queue_.front();
      queue_.pop_front();
    }
    room_.notify_one();
    return true;
  }
  template <class Take>
  std::size_t receive_many(Take&& take) {
    std::deque<std::uint64_t> all;
    {
      std::unique_lock lock(guard_);
      there_.wait(lock, [&] { return !queue_.empty() || closed_; });
      all.swap(queue_);
    }
    room_.notify_all();
    for (const std::uint64_t v : all) take(std::uint64_t(v));
    return all.size();
  }
  void close() {
    const std::lock_guard lock(guard_);
    closed_ = true;
    there_.notify_all();
  }

 private:
  const std::size_t most_;
  std::mutex guard_;
  std::condition_variable there_, room_;
  std::deque<std::uint64_t> queue_;
  bool closed_ = false;
};

using spsc_channel = by_channel<spsc>;
using mpsc_channel = by_channel<mpsc>;
using mpmc_channel = by_channel<mpmc>;
using spsc_by_weight = by_channel<spsc, eight_bytes>;
using mpmc_by_weight = by_channel<mpmc, eight_bytes>;

constexpr std::uint64_t count = 200'000;

template <class Way>
void same_thread(benchmark::State& state) {
  Way way(1024);
  std::uint64_t v = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(way.try_send(v));
    benchmark::DoNotOptimize(way.try_receive(v));
  }
  state.SetItemsProcessed(state.iterations());
}

template <class Way, int Senders, bool Batch>
void stream(benchmark::State& state) {
  for (auto _ : state) {
    Way way(1024);
    std::vector<std::thread> senders;
    for (int s = 0; s < Senders; ++s) {
      senders.emplace_back([&] {
        for (std::uint64_t i = 0; i < count / Senders; ++i) way.send(i);
      });
    }
    std::uint64_t sum = 0;
    std::uint64_t got = 0;
    if constexpr (Batch) {
      while (got < count) got += way.receive_many([&](std::uint64_t&& v) { sum += v; });
    } else {
      for (std::uint64_t v = 0; got < count; ++got) {
        way.receive(v);
        sum += v;
      }
    }
    benchmark::DoNotOptimize(sum);
    for (auto& t : senders) t.join();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}
template <class Way>
void streaming(benchmark::State& state) {
  stream<Way, 1, false>(state);
}
template <class Way>
void streaming_batches(benchmark::State& state) {
  stream<Way, 1, true>(state);
}
template <class Way>
void many(benchmark::State& state) {
  stream<Way, 2, false>(state);
}

template <class Way>
void ping_pong(benchmark::State& state) {
  Way there(1), back(1);
  std::thread other([&] {
    std::uint64_t v = 0;
    while (there.receive(v)) back.send(v);
  });
  std::uint64_t v = 0;
  for (auto _ : state) {
    there.send(v);
    back.receive(v);
  }
  there.close();
  other.join();
  state.SetItemsProcessed(state.iterations() * 2);
}

BENCHMARK(same_thread<spsc_channel>);
BENCHMARK(same_thread<mpsc_channel>);
BENCHMARK(same_thread<mpmc_channel>);
BENCHMARK(same_thread<spsc_by_weight>);
BENCHMARK(same_thread<mpmc_by_weight>);
BENCHMARK(same_thread<by_mutex>);
BENCHMARK(streaming<spsc_channel>)->UseRealTime();
BENCHMARK(streaming<mpsc_channel>)->UseRealTime();
BENCHMARK(streaming<mpmc_channel>)->UseRealTime();
BENCHMARK(streaming<spsc_by_weight>)->UseRealTime();
BENCHMARK(streaming<by_mutex>)->UseRealTime();
BENCHMARK(streaming_batches<spsc_channel>)->UseRealTime();
BENCHMARK(streaming_batches<mpsc_channel>)->UseRealTime();
BENCHMARK(streaming_batches<by_mutex>)->UseRealTime();
BENCHMARK(many<mpsc_channel>)->UseRealTime();
BENCHMARK(many<mpmc_channel>)->UseRealTime();
BENCHMARK(many<by_mutex>)->UseRealTime();
BENCHMARK(ping_pong<spsc_channel>)->UseRealTime();
BENCHMARK(ping_pong<mpmc_channel>)->UseRealTime();
BENCHMARK(ping_pong<by_mutex>)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
