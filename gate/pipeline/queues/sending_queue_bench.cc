// A10, bounded queues with backpressure. Cost per request of the gateway's sending queue, whose
// sender answers at once, and of one that is full and refuses; beside it an unbounded std::deque
// behind a mutex. Then an overload: 20000 requests of 4 KB come while the backend takes none;
// "held" is the memory that waits at the end, "refused" how many clients were told to come back.
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "gate/pipeline/queues/sending_queue.h"
#include "zc/base/check.h"

namespace {

using namespace sluice;

constexpr std::size_t request_bytes = 4'000;
constexpr std::size_t overload = 20'000;

struct quick_sender final : sender {
  void send(delivery&, done then) override { then(verdict::success()); }
  std::size_t slots() const noexcept override { return 10; }
};

// Its backend does not answer until it goes.
struct stalled_sender final : sender {
  ~stalled_sender() override {
    for (done& then : open) std::exchange(then, nullptr)(verdict::retry("gone"));
  }
  void send(delivery&, done then) override { open.push_back(std::move(then)); }
  std::size_t slots() const noexcept override { return 10; }
  std::vector<done> open;
};

const std::string& text() {
  static const std::string all(request_bytes, 'x');
  return all;
}

payload_ptr request(const zc::bytes& body) {
  return zc::make_local<payload>(otlp::signal::logs, zc::bytes_chain(body),
                                 std::optional<std::uint64_t>(10));
}

struct place {
  explicit place(std::unique_ptr<sender> to)
      : queue(at.context, "bench", settings, {}, {.consumers = 10}, account, std::move(to)) {}
  kit::workplace at;
  queue_settings settings;  // 1000 requests, the default
  queue_account account{settings.sizer, settings.queue_size, 64 << 20};
  sending_queue queue;
};

void queue_taken_and_sent(benchmark::State& state) {
  place p(std::make_unique<quick_sender>());
  const zc::bytes body = zc::bytes::copy_of(text());
  std::uint64_t answered = 0;
  for (auto _ : state) {
    p.queue.consume({request(body), ack::of([&](verdict&& v) { answered += v.ok(); }), {}});
  }
  ZC_CHECK(answered == static_cast<std::uint64_t>(state.iterations()));
}

void queue_full_and_refused(benchmark::State& state) {
  place p(std::make_unique<stalled_sender>());
  const zc::bytes body = zc::bytes::copy_of(text());
  while (p.account.used() < p.account.capacity()) p.queue.consume({request(body), {}, {}});
  std::uint64_t refused = 0;
  for (auto _ : state) {
    p.queue.consume({request(body), ack::of([&](verdict&& v) { refused += v.retryable(); }), {}});
  }
  ZC_CHECK(refused == static_cast<std::uint64_t>(state.iterations()));
}

// The same request with the same answer goes in and out again.
struct unbounded {
  void put(batch&& b) {
    const std::lock_guard lock(guard);
    waiting.push_back(std::move(b));
  }
  batch take() {
    const std::lock_guard lock(guard);
    batch b = std::move(waiting.front());
    waiting.pop_front();
    return b;
  }
  std::mutex guard;
  std::deque<batch> waiting;
};

void deque_and_mutex(benchmark::State& state) {
  unbounded queue;
  const zc::bytes body = zc::bytes::copy_of(text());
  std::uint64_t answered = 0;
  for (auto _ : state) {
    queue.put({request(body), ack::of([&](verdict&& v) { answered += v.ok(); }), {}});
    queue.take().done.succeed();
  }
  ZC_CHECK(answered == static_cast<std::uint64_t>(state.iterations()));
}

void account(benchmark::State& state, std::uint64_t refused, std::size_t held) {
  state.counters["refused"] = static_cast<double>(refused);
  state.counters["held"] = static_cast<double>(held);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(overload));
}

void overload_bounded(benchmark::State& state) {
  std::uint64_t refused = 0;
  std::size_t held = 0;
  for (auto _ : state) {
    place p(std::make_unique<stalled_sender>());
    refused = 0;
    for (std::size_t i = 0; i < overload; ++i) {
      p.queue.consume({request(zc::bytes::copy_of(text())),
                       ack::of([&](verdict&& v) { refused += v.retryable(); }),
                       {}});
    }
    held = p.account.used_bytes();
  }
  account(state, refused, held);
}

void overload_unbounded(benchmark::State& state) {
  std::size_t held = 0;
  for (auto _ : state) {
    unbounded queue;
    for (std::size_t i = 0; i < overload; ++i) {
      queue.put({request(zc::bytes::copy_of(text())), ack::of([](verdict&&) {}), {}});
    }
    held = 0;
    for (const batch& b : queue.waiting) held += b.what->size();
    while (!queue.waiting.empty()) queue.take().done.succeed();
  }
  account(state, 0, held);
}

BENCHMARK(queue_taken_and_sent);
BENCHMARK(queue_full_and_refused);
BENCHMARK(deque_and_mutex);
BENCHMARK(overload_bounded)->Unit(benchmark::kMillisecond);
BENCHMARK(overload_unbounded)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
