// A1, shared immutable bytes: another handle on a payload beside a std::vector copy of it, and what
// one payload with three holders keeps from other use. Argument: size of the payload.
#include <array>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/base/units.h"
#include "zc/mem/builder.h"
#include "zc/mem/bytes.h"

namespace {

using namespace zc;
using namespace zc::literals;

using vector = std::vector<std::byte>;

bytes shared_payload(std::size_t size) {
  bytes_builder b = bytes_builder::with_capacity(size);
  std::memset(b.spare().data(), 'x', size);
  b.commit(size);
  return std::move(b).freeze();
}

std::size_t size_of(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

void share(benchmark::State& state) {
  const bytes payload = shared_payload(size_of(state));
  for (auto _ : state) {
    bytes another = payload;
    benchmark::DoNotOptimize(another);
  }
}

void copy_vector(benchmark::State& state) {
  const vector payload(size_of(state), std::byte{'x'});
  for (auto _ : state) {
    vector another = payload;
    benchmark::DoNotOptimize(another.data());
    benchmark::ClobberMemory();
  }
}

// The second half.
void slice(benchmark::State& state) {
  const bytes payload = shared_payload(size_of(state));
  for (auto _ : state) {
    bytes half = payload.slice(payload.size() / 2, payload.size() / 2);
    benchmark::DoNotOptimize(half);
  }
}

void copy_half(benchmark::State& state) {
  const vector payload(size_of(state), std::byte{'x'});
  for (auto _ : state) {
    vector half(payload.begin() + static_cast<std::ptrdiff_t>(payload.size() / 2), payload.end());
    benchmark::DoNotOptimize(half.data());
    benchmark::ClobberMemory();
  }
}

// Handles of two threads on one payload: the count's cache line travels between their cores.
void share_from_two_threads(benchmark::State& state) {
  static const bytes payload = shared_payload(1_MiB);
  for (auto _ : state) {
    bytes another = payload;
    benchmark::DoNotOptimize(another);
  }
}

// A payload is made and handed to three holders; "held" is the memory of all of them together.
void hold_shared(benchmark::State& state) {
  std::size_t held = 0;
  for (auto _ : state) {
    const bytes payload = shared_payload(size_of(state));
    const std::array<bytes, 3> holders{payload, payload, payload};
    benchmark::DoNotOptimize(holders);
    held = payload.retained_size();
    for (const bytes& b : holders) held += b.shares_owner_with(payload) ? 0 : b.retained_size();
  }
  state.counters["held"] = static_cast<double>(held);
}

void hold_copies(benchmark::State& state) {
  std::size_t held = 0;
  for (auto _ : state) {
    const vector payload(size_of(state), std::byte{'x'});
    const std::array<vector, 3> holders{payload, payload, payload};
    benchmark::DoNotOptimize(holders);
    held = payload.capacity();
    for (const vector& v : holders) held += v.capacity();
  }
  state.counters["held"] = static_cast<double>(held);
}

// One block cut into frames, all of them dropped again: one by one, or with one update of the count
// at either side. Argument: frames.
constexpr std::size_t frames_max = 64;

template <class Cut, class Drop>
void split(benchmark::State& state, Cut cut, Drop drop) {
  const bytes payload = shared_payload(64_KiB);
  const std::size_t frames = size_of(state);
  const std::size_t frame = payload.size() / frames;
  std::array<bytes, frames_max> out;
  for (auto _ : state) {
    cut(payload, frame, std::span(out).first(frames));
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
    drop(std::span(out).first(frames));
  }
}

void cut_by_slices(const bytes& payload, std::size_t frame, std::span<bytes> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = payload.slice(i * frame, frame);
}

void cut_at_once(const bytes& payload, std::size_t frame, std::span<bytes> out) {
  payload.split_each(frame, out.begin());
}

void drop_each(std::span<bytes> out) {
  for (bytes& each : out) each.clear();
}

void split_by_slices(benchmark::State& state) {
  split(state, cut_by_slices, drop_each);
}

void split_at_once(benchmark::State& state) {
  split(state, cut_at_once, bytes::release_all);
}

void split_at_once_drop_each(benchmark::State& state) {
  split(state, cut_at_once, drop_each);
}

// A field of a large block, kept: shared, or copied because it is small. Argument: its size.
void keep_by_slice(benchmark::State& state) {
  const bytes payload = shared_payload(64_KiB);
  for (auto _ : state) {
    bytes kept = payload.slice(1000, size_of(state));
    benchmark::DoNotOptimize(kept);
  }
}

void keep_by_copy(benchmark::State& state) {
  const bytes payload = shared_payload(64_KiB);
  for (auto _ : state) {
    bytes kept = payload.slice_or_copy(1000, size_of(state));
    benchmark::DoNotOptimize(kept);
  }
}

void hash_content(benchmark::State& state) {
  const bytes payload = shared_payload(size_of(state));
  for (auto _ : state) benchmark::DoNotOptimize(std::hash<bytes>()(payload));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void hash_by_std(benchmark::State& state) {
  const bytes payload = shared_payload(size_of(state));
  for (auto _ : state) benchmark::DoNotOptimize(std::hash<std::string_view>()(payload.text()));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void sizes(benchmark::internal::Benchmark* of) {
  of->Arg(1'000)->Arg(64'000)->Arg(1'000'000)->Arg(10'000'000);
}
BENCHMARK(share)->Apply(sizes);
BENCHMARK(copy_vector)->Apply(sizes);
BENCHMARK(slice)->Apply(sizes);
BENCHMARK(copy_half)->Apply(sizes);
BENCHMARK(share_from_two_threads)->Threads(2)->UseRealTime();
BENCHMARK(hold_shared)->Arg(1'000'000);
BENCHMARK(hold_copies)->Arg(1'000'000);
BENCHMARK(split_by_slices)->Arg(4)->Arg(16)->Arg(64);
BENCHMARK(split_at_once)->Arg(4)->Arg(16)->Arg(64);
BENCHMARK(split_at_once_drop_each)->Arg(4)->Arg(16)->Arg(64);
BENCHMARK(keep_by_slice)->Arg(64)->Arg(512);
BENCHMARK(keep_by_copy)->Arg(64)->Arg(512);
BENCHMARK(hash_content)->Arg(16)->Arg(1000)->Arg(64'000);
BENCHMARK(hash_by_std)->Arg(16)->Arg(1000)->Arg(64'000);

}  // namespace

BENCHMARK_MAIN();
