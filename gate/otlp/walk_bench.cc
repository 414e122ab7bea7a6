// What it costs to look at a logs request of 390 KB (1000 records), beside copying it. Throughput
// is of the body.
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "gate/otlp/specimen.h"
#include "gate/otlp/walk.h"

namespace {

using namespace sluice::otlp;
using specimen::shape;

constexpr std::size_t piece_bytes = 16 << 10;  // how a socket delivers it

const std::string& text_of(signal s) {
  static const std::string logs = specimen::request(
      signal::logs, shape{.resources = 1, .scopes = 4, .items = 250, .points = 1, .text = 190});
  static const std::string metrics = specimen::request(
      signal::metrics, shape{.resources = 1, .scopes = 4, .items = 50, .points = 20, .text = 24});
  static const std::string traces = specimen::request(
      signal::traces, shape{.resources = 1, .scopes = 4, .items = 250, .points = 1, .text = 120});
  return s == signal::logs ? logs : s == signal::metrics ? metrics : traces;
}

zc::bytes_chain body_of(signal s, std::size_t piece) {
  const std::string_view text = text_of(s);
  zc::bytes_chain chain;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    chain.append(zc::bytes::copy_of(text.substr(at, piece)));
  }
  return chain;
}

void account(benchmark::State& state, const zc::bytes_chain& body) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
  state.counters["body"] = static_cast<double>(body.size());
}

void copying(benchmark::State& state) {
  const zc::bytes_chain body = body_of(signal::logs, SIZE_MAX / 2);
  std::vector<std::byte> to(body.size());
  for (auto _ : state) {
    std::memcpy(to.data(), body.begin()->data(), to.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  account(state, body);
}

void counting(benchmark::State& state, signal s, std::size_t piece) {
  const zc::bytes_chain body = body_of(s, piece);
  for (auto _ : state) benchmark::DoNotOptimize(count_items(s, body));
  account(state, body);
}

void validating(benchmark::State& state, signal s, std::size_t piece) {
  const zc::bytes_chain body = body_of(s, piece);
  for (auto _ : state) benchmark::DoNotOptimize(validate_full(s, body));
  account(state, body);
}

void splitting(benchmark::State& state, signal s, std::size_t piece) {
  const zc::bytes_chain body = body_of(s, piece);
  zc::quota limit(64 << 20);
  zc::pool pool(limit);
  std::size_t pieces = 0;
  for (auto _ : state) {
    const auto parts = split(s, body, 128, pool);
    benchmark::DoNotOptimize(parts);
    pieces = 0;
    for (const auto& part : *parts) pieces += part.pieces();
  }
  account(state, body);
  state.counters["pieces"] = static_cast<double>(pieces);
}

constexpr std::size_t in_one = SIZE_MAX / 2;
BENCHMARK(copying);
BENCHMARK_CAPTURE(counting, logs, signal::logs, in_one);
BENCHMARK_CAPTURE(counting, logs_16K, signal::logs, piece_bytes);
BENCHMARK_CAPTURE(counting, traces, signal::traces, in_one);
BENCHMARK_CAPTURE(counting, metrics, signal::metrics, in_one);
BENCHMARK_CAPTURE(validating, logs, signal::logs, in_one);
BENCHMARK_CAPTURE(validating, logs_16K, signal::logs, piece_bytes);
BENCHMARK_CAPTURE(validating, traces, signal::traces, in_one);
BENCHMARK_CAPTURE(validating, metrics, signal::metrics, in_one);
BENCHMARK_CAPTURE(splitting, logs, signal::logs, in_one);
BENCHMARK_CAPTURE(splitting, logs_16K, signal::logs, piece_bytes);
BENCHMARK_CAPTURE(splitting, metrics, signal::metrics, in_one);

}  // namespace

BENCHMARK_MAIN();
