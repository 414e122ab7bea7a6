// A2, the growable builder: a message appended in pieces of 256 bytes and made shareable. Beside it
// a std::string that is appended to and then copied into a shared block, with and without reserve.
// Argument: size of the message.
#include <array>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "zc/base/units.h"
#include "zc/mem/builder.h"
#include "zc/mem/bytes.h"
#include "zc/mem/pool.h"

namespace {

using namespace zc;
using namespace zc::literals;

constexpr std::size_t piece_bytes = 256;
const std::string piece(piece_bytes, 'p');

std::size_t size_of(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

void account(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

bytes build(bytes_builder b, std::size_t size) {
  for (std::size_t at = 0; at < size; at += piece_bytes) b.append_copy(piece);
  return std::move(b).freeze();
}

void builder_on_heap(benchmark::State& state) {
  for (auto _ : state) {
    const bytes made = build(bytes_builder::with_capacity(size_of(state)), size_of(state));
    benchmark::DoNotOptimize(made.data());
    benchmark::ClobberMemory();
  }
  account(state);
}

void builder_on_pool(benchmark::State& state) {
  quota limits(64_MiB);
  pool blocks(limits);
  for (auto _ : state) {
    const bytes made = build(blocks.take(size_of(state)), size_of(state));
    benchmark::DoNotOptimize(made.data());
    benchmark::ClobberMemory();
  }
  account(state);
}

void string_and_copy(benchmark::State& state, bool reserve) {
  for (auto _ : state) {
    std::string text;
    if (reserve) text.reserve(size_of(state));
    for (std::size_t at = 0; at < size_of(state); at += piece_bytes) text.append(piece);
    const bytes made = bytes::copy_of(text);
    benchmark::DoNotOptimize(made.data());
    benchmark::ClobberMemory();
  }
  account(state);
}

// What append_copy and freeze do besides the memcpy: a byte at a time.
void builder_take_each(benchmark::State& state) {
  bytes_builder b = bytes_builder::with_capacity(64_KiB);
  for (auto _ : state) {
    if (b.spare().empty()) b.try_rewind();
    b.commit(1);
    bytes one = b.take();
    benchmark::DoNotOptimize(one);
  }
}

void string_copy_each(benchmark::State& state) {
  const std::string one(1, 'x');
  for (auto _ : state) {
    bytes copy = bytes::copy_of(one);
    benchmark::DoNotOptimize(copy);
  }
}

// Grown from nothing, as nobody knows how long it will be. Copies in moving are counted.
void builder_growing(benchmark::State& state) {
  for (auto _ : state) {
    const bytes made = build(bytes_builder(), size_of(state));
    benchmark::DoNotOptimize(made.data());
    benchmark::ClobberMemory();
  }
  account(state);
}

// The whole life of a small message: made, filled, frozen, dropped. Beside Rust's
// BytesMut::with_capacity(64), put_slice, freeze.
void builder_small(benchmark::State& state) {
  for (auto _ : state) {
    bytes_builder b = bytes_builder::with_capacity(64);
    b.append_copy(std::string_view("0123456789abcdef"));
    bytes made = std::move(b).freeze();
    benchmark::DoNotOptimize(made);
  }
}

void shared_string_small(benchmark::State& state) {
  for (auto _ : state) {
    std::string text;
    text.reserve(64);
    text.append("0123456789abcdef");
    auto made = std::make_shared<const std::string>(std::move(text));
    benchmark::DoNotOptimize(made);
  }
}

void sizes(benchmark::internal::Benchmark* of) {
  of->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20);
}
BENCHMARK(builder_on_heap)->Apply(sizes);
BENCHMARK(builder_on_pool)->Apply(sizes);
BENCHMARK_CAPTURE(string_and_copy, grown, false)->Apply(sizes);
BENCHMARK_CAPTURE(string_and_copy, reserved, true)->Apply(sizes);
BENCHMARK(builder_growing)->Apply(sizes);
BENCHMARK(builder_small);
BENCHMARK(shared_string_small);
BENCHMARK(builder_take_each);
BENCHMARK(string_copy_each);

}  // namespace

BENCHMARK_MAIN();
