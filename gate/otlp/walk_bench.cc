// What it costs to look at a logs request of 390 KB (1000 records), beside copying it. Throughput
// is of the body. And A5: the same records read field by field as views, beside the same reading
// into owned strings and maps; "allocations" are per request.
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "gate/otlp/specimen.h"
#include "gate/otlp/walk.h"
#include "zc/base/check.h"
#include "zc/testing/allocations.h"
#include "zc/wire/protobuf/reader.h"

namespace {

using namespace sluice::otlp;
using specimen::shape;

constexpr std::size_t piece_bytes = 16 << 10;  // how a socket delivers it

const std::string& text_of(signal s) {
  static const std::string logs = specimen::request(
      signal::logs, shape{.resources = 1, .scopes = 4, .items = 250, .points = 1, .text = 190});
  // 1000 points as SDKs send them: a metric has few.
  static const std::string metrics = specimen::request(
      signal::metrics, shape{.resources = 1, .scopes = 4, .items = 125, .points = 2, .text = 190});
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

// As a gateway meets bodies: each anew, with others in between.
void counting_in_turn(benchmark::State& state, signal s) {
  std::vector<zc::bytes_chain> bodies;
  for (int i = 0; i < 16; ++i) bodies.push_back(body_of(s, SIZE_MAX / 2));
  std::size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(count_items(s, bodies[at++ % bodies.size()]));
  account(state, bodies[0]);
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

// A log record whose texts are of type Text: views into the request, or strings of its own.
template <class Text>
struct record {
  std::uint64_t at = 0;
  std::uint64_t severity = 0;
  Text severity_text, body, trace_id, span_id;
};

struct viewed_record : record<std::string_view> {
  std::vector<std::pair<std::string_view, std::string_view>> attributes;
};

struct owned_record : record<std::string> {
  std::map<std::string, std::string> attributes;
};

std::string_view text_in(std::span<const std::byte> message, std::uint32_t field) {
  zc::pb::reader r(message);
  std::string_view found;
  while (r.next()) {
    if (r.is(field, zc::pb::wire::bytes)) found = r.text();
  }
  return found;
}

// `keep(name, value)` for each attribute whose value is a string.
template <class Text, class Keep>
void read_record(std::span<const std::byte> message, record<Text>& into, Keep keep) {
  using zc::pb::wire;
  zc::pb::reader r(message);
  while (r.next()) {
    if (r.is(1, wire::fixed64)) into.at = r.value();
    if (r.is(2, wire::varint)) into.severity = r.value();
    if (r.is(3, wire::bytes)) into.severity_text = Text(r.text());
    if (r.is(5, wire::bytes)) into.body = Text(text_in(r.view(), 1));
    if (r.is(9, wire::bytes)) into.trace_id = Text(r.text());
    if (r.is(10, wire::bytes)) into.span_id = Text(r.text());
    if (!r.is(6, wire::bytes)) continue;
    std::string_view name, value;
    zc::pb::reader attribute(r.view());
    while (attribute.next()) {
      if (attribute.is(1, wire::bytes)) name = attribute.text();
      if (attribute.is(2, wire::bytes)) value = text_in(attribute.view(), 1);
    }
    keep(name, value);
  }
  ZC_CHECK(r.ok());
}

// ResourceLogs, ScopeLogs, LogRecord.
template <class Each>
void each_record(std::string_view request, Each each) {
  using zc::pb::wire;
  zc::pb::reader top(std::as_bytes(std::span(request)));
  while (top.next()) {
    if (!top.is(1, wire::bytes)) continue;
    zc::pb::reader resource(top.view());
    while (resource.next()) {
      if (!resource.is(2, wire::bytes)) continue;
      zc::pb::reader scope(resource.view());
      while (scope.next()) {
        if (scope.is(2, wire::bytes)) each(scope.view());
      }
    }
  }
  ZC_CHECK(top.ok());
}

void account_allocations(benchmark::State& state, const zc::testing::allocated& before) {
  const auto times = zc::testing::allocations().times - before.times;
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(times), benchmark::Counter::kAvgIterations);
  state.SetBytesProcessed(
      static_cast<std::int64_t>(state.iterations() * text_of(signal::logs).size()));
}

void reading_views(benchmark::State& state) {
  const std::string& request = text_of(signal::logs);
  viewed_record one;
  one.attributes.reserve(16);
  const auto before = zc::testing::allocations();
  for (auto _ : state) {
    each_record(request, [&](std::span<const std::byte> message) {
      one.attributes.clear();
      read_record(message, one, [&](std::string_view name, std::string_view value) {
        one.attributes.emplace_back(name, value);
      });
      benchmark::DoNotOptimize(one);
    });
  }
  account_allocations(state, before);
}

void reading_owned(benchmark::State& state) {
  const std::string& request = text_of(signal::logs);
  const auto before = zc::testing::allocations();
  for (auto _ : state) {
    std::vector<owned_record> all;
    each_record(request, [&](std::span<const std::byte> message) {
      owned_record& one = all.emplace_back();
      read_record(message, one, [&](std::string_view name, std::string_view value) {
        one.attributes.emplace(name, value);
      });
    });
    benchmark::DoNotOptimize(all.data());
    benchmark::ClobberMemory();
  }
  account_allocations(state, before);
}

constexpr std::size_t in_one = SIZE_MAX / 2;
BENCHMARK(copying);
BENCHMARK(reading_views);
BENCHMARK(reading_owned);
BENCHMARK_CAPTURE(counting, logs, signal::logs, in_one);
BENCHMARK_CAPTURE(counting, logs_16K, signal::logs, piece_bytes);
BENCHMARK_CAPTURE(counting, traces, signal::traces, in_one);
BENCHMARK_CAPTURE(counting, metrics, signal::metrics, in_one);
BENCHMARK_CAPTURE(counting_in_turn, logs, signal::logs);
BENCHMARK_CAPTURE(counting_in_turn, metrics, signal::metrics);
BENCHMARK_CAPTURE(validating, logs, signal::logs, in_one);
BENCHMARK_CAPTURE(validating, logs_16K, signal::logs, piece_bytes);
BENCHMARK_CAPTURE(validating, traces, signal::traces, in_one);
BENCHMARK_CAPTURE(validating, metrics, signal::metrics, in_one);
BENCHMARK_CAPTURE(splitting, logs, signal::logs, in_one);
BENCHMARK_CAPTURE(splitting, logs_16K, signal::logs, piece_bytes);
BENCHMARK_CAPTURE(splitting, metrics, signal::metrics, in_one);

}  // namespace

BENCHMARK_MAIN();
