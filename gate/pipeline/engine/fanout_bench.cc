// A18, fan-out: one request of 360 KB in 23 pieces goes to N consumers, which hold it until all
// have it. By reference, as the gateway does it; beside it a clone of the body for each consumer.
// Argument: consumers. "allocated" are bytes asked of operator new per request; "held" is the
// memory that 100 such requests keep while they wait in all consumers.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "gate/pipeline/engine/fanout.h"
#include "zc/testing/allocations.h"

namespace {

using namespace sluice;

constexpr std::size_t pieces = 23;
constexpr std::size_t piece_bytes = 16 << 10;
constexpr std::size_t waiting = 100;

class holder final : public consumer {
 public:
  explicit holder(bool clones) : clones_(clones) {}
  void consume(batch&& b) override {
    if (clones_) {
      const payload& from = *b.what;
      b.what = zc::make_local<payload>(from.kind(), zc::bytes_chain(from.received().flatten_copy()),
                                       from.items());
    }
    kept.push_back(std::move(b));
  }
  std::vector<batch> kept;

 private:
  bool clones_;
};

zc::bytes_chain body() {
  zc::bytes_chain all;
  const std::string text(piece_bytes, 'b');
  for (std::size_t i = 0; i < pieces; ++i) all.append(zc::bytes::copy_of(text));
  return all;
}

struct bench {
  bench(std::size_t consumers, bool clones) {
    std::vector<consumer*> to;
    for (std::size_t i = 0; i < consumers; ++i) {
      nodes.push_back(std::make_unique<holder>(clones));
      nodes.back()->kept.reserve(waiting);
      to.push_back(nodes.back().get());
    }
    out = std::make_unique<fanout>(std::move(to));
  }
  void offer(zc::bytes_chain what) {
    const std::optional<std::uint64_t> items = 1000;
    out->consume({zc::make_local<payload>(otlp::signal::logs, std::move(what), items), {}, {}});
  }
  void let_go() {
    for (const auto& n : nodes) n->kept.clear();
  }
  // Each payload once, however many hold it.
  std::size_t held() const {
    std::size_t all = 0;
    std::vector<const std::byte*> seen;
    for (const auto& n : nodes) {
      for (const batch& b : n->kept) {
        const std::byte* first = b.what->received().begin()->data();
        if (std::find(seen.begin(), seen.end(), first) != seen.end()) continue;
        seen.push_back(first);
        all += b.what->received().retained_size();
      }
    }
    return all;
  }
  std::vector<std::unique_ptr<holder>> nodes;
  std::unique_ptr<fanout> out;
};

void measure(benchmark::State& state, bool clones) {
  bench b(static_cast<std::size_t>(state.range(0)), clones);
  // Each with blocks of its own, as received. The clones keep nothing of the original.
  for (std::size_t i = 0; i < waiting; ++i) b.offer(body());
  const std::size_t held = b.held();
  b.let_go();
  const zc::bytes_chain request = body();
  const auto before = zc::testing::allocations();
  for (auto _ : state) {
    b.offer(request);
    b.let_go();
  }
  const auto bytes = zc::testing::allocations().bytes - before.bytes;
  state.counters["allocated"] =
      benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kAvgIterations);
  state.counters["held"] = static_cast<double>(held);
}

void by_reference(benchmark::State& state) {
  measure(state, false);
}
void clone_for_each(benchmark::State& state) {
  measure(state, true);
}

BENCHMARK(by_reference)->Arg(1)->Arg(3)->Arg(8);
BENCHMARK(clone_for_each)->Arg(1)->Arg(3)->Arg(8);

}  // namespace

BENCHMARK_MAIN();
