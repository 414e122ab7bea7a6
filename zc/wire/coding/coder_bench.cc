// Cost of inflating and compressing a body like telemetry, per coding, beside zlib as the ordinary
// way. Bytes per second are uncompressed bytes. Arguments: size of the body, then for deflate the
// level.
#include <map>
#include <memory>
#include <string>
#include <zlib.h>

#include <benchmark/benchmark.h>

#include "zc/base/check.h"
#include "zc/base/units.h"
#include "zc/wire/coding/chains_for_tests.h"
#include "zc/wire/coding/coder.h"
#include "zc/wire/coding/sample.h"

namespace {

using namespace zc;
using namespace zc::literals;

struct table {
  quota limits{1_GiB};
  pool blocks{limits, 64_MiB};
  coder wire;
};

table& desk() {
  static table t;
  return t;
}

const std::string& body_of(std::size_t size) {
  static std::map<std::size_t, std::string> all;
  auto& body = all[size];
  if (body.empty()) body = coders::sample_body(300, size);
  return body;
}

// As zlib at level 6 makes gzip, for all decoders of it; by ourselves for the rest.
bytes_chain packed(std::size_t size, coding c) {
  const int level = c == coding::gzip || c == coding::deflate ? 6 : 3;
  const auto body = desk().wire.deflate(coders::whole(body_of(size)), c, level, desk().blocks);
  ZC_CHECK(body.has_value());
  return coders::in_pieces(coders::text_of(*body), 16_KiB);
}

void count(benchmark::State& state, std::size_t size, std::size_t compressed) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
  state.counters["ratio"] = static_cast<double>(size) / static_cast<double>(compressed);
}

void inflate_pool(benchmark::State& state, coding c) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const bytes_chain body = packed(size, c);
  for (auto _ : state) {
    auto done = desk().wire.inflate(body, c, 64_MiB, desk().blocks);
    ZC_CHECK(done.has_value());
    benchmark::DoNotOptimize(done);
  }
  count(state, body_of(size).size(), body.size());
}

struct scratch final : coding_sink {
  std::span<std::byte> room() override { return memory; }
  result<void> produced(std::span<const std::byte> written) override {
    benchmark::DoNotOptimize(written.data());
    return {};
  }
  std::vector<std::byte> memory = std::vector<std::byte>(64_KiB);
};

void inflate_scratch(benchmark::State& state, coding c) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const bytes_chain body = packed(size, c);
  scratch sink;
  for (auto _ : state) {
    auto done = desk().wire.inflate(body, c, 64_MiB, sink);
    ZC_CHECK(done.has_value());
  }
  count(state, body_of(size).size(), body.size());
}

void deflate_pool(benchmark::State& state, coding c) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const bytes_chain body = coders::in_pieces(body_of(size), 64_KiB);
  std::size_t made = 0;
  for (auto _ : state) {
    auto done = desk().wire.deflate(body, c, static_cast<int>(state.range(1)), desk().blocks);
    ZC_CHECK(done.has_value());
    made = done->size();
  }
  count(state, body_of(size).size(), made);
}

void zlib_inflate(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::string body = coders::text_of(packed(size, coding::gzip));
  std::string out(body_of(size).size() + 1, '\0');
  for (auto _ : state) {
    z_stream z{};
    ZC_CHECK(inflateInit2(&z, 15 + 16) == Z_OK);
    z.next_in = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(body.data()));
    z.avail_in = static_cast<unsigned>(body.size());
    z.next_out = reinterpret_cast<unsigned char*>(out.data());
    z.avail_out = static_cast<unsigned>(out.size());
    ZC_CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END);
    inflateEnd(&z);
  }
  count(state, body_of(size).size(), body.size());
}

void zlib_deflate(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::string& body = body_of(size);
  std::string out(body.size() + 1000, '\0');
  std::size_t made = 0;
  for (auto _ : state) {
    z_stream z{};
    ZC_CHECK(deflateInit2(&z, static_cast<int>(state.range(1)), Z_DEFLATED, 15 + 16, 8,
                          Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(body.data()));
    z.avail_in = static_cast<unsigned>(body.size());
    z.next_out = reinterpret_cast<unsigned char*>(out.data());
    z.avail_out = static_cast<unsigned>(out.size());
    ZC_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    made = z.total_out;
    deflateEnd(&z);
  }
  count(state, body.size(), made);
}

constexpr std::int64_t small_body = 5'000;
constexpr std::int64_t large_body = 390'000;

#define ZC_INFLATE(c)                                                              \
  BENCHMARK_CAPTURE(inflate_pool, c, coding::c)->Arg(small_body)->Arg(large_body); \
  BENCHMARK_CAPTURE(inflate_scratch, c, coding::c)->Arg(small_body)->Arg(large_body)
ZC_INFLATE(gzip);
ZC_INFLATE(deflate);
ZC_INFLATE(zstd);
ZC_INFLATE(snappy);
ZC_INFLATE(snappy_framed);
BENCHMARK_CAPTURE(inflate_pool, snappy_scattered, coding::snappy)->Arg(3'000'000);
BENCHMARK(zlib_inflate)->Arg(small_body)->Arg(large_body);

BENCHMARK_CAPTURE(deflate_pool, gzip, coding::gzip)
    ->ArgsProduct({{small_body, large_body}, {0, 1, 2, 6}});
BENCHMARK_CAPTURE(deflate_pool, zstd, coding::zstd)
    ->ArgsProduct({{small_body, large_body}, {1, 3}});
BENCHMARK_CAPTURE(deflate_pool, snappy, coding::snappy)
    ->ArgsProduct({{small_body, large_body}, {0}});
BENCHMARK_CAPTURE(deflate_pool, snappy_framed, coding::snappy_framed)
    ->ArgsProduct({{small_body, large_body}, {0}});
BENCHMARK(zlib_deflate)->ArgsProduct({{small_body, large_body}, {1, 6}});

}  // namespace

BENCHMARK_MAIN();
