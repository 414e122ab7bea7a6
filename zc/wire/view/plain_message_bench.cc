// A16, plain-layout messages. 1000 points to the other side and back: checked and used where they
// lie, and serialised field by field into bytes and parsed back, the ordinary way.
#include <cstdint>
#include <cstring>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/wire/view/plain_message.h"

namespace bench {
struct point {
  std::uint64_t at = 1;
  double value = 2;
  std::uint32_t series = 3;
  std::uint32_t flags = 4;
};
ZC_PLAIN_LAYOUT(point, 1, at, value, series, flags);
}  // namespace bench

namespace {

using bench::point;
constexpr std::size_t points = 1000;

double sum_of(std::span<const point> all) {
  double sum = 0;
  for (const point& p : all) sum += p.value;
  return sum;
}

void plain_view(benchmark::State& state) {
  std::vector<std::uint64_t> memory((sizeof(zc::plain_header) + points * sizeof(point)) / 8);
  auto* const at = reinterpret_cast<std::byte*>(memory.data());
  for (auto _ : state) {
    const zc::plain_header h = zc::plain_header::of<point>(points);
    std::memcpy(at, &h, sizeof(h));
    benchmark::DoNotOptimize(memory.data());
    const auto all = zc::view_plain<point>({at, memory.size() * 8});
    benchmark::DoNotOptimize(sum_of(*all));
  }
}

// Field by field, in a byte order that happens to be ours.
template <class T>
void put(std::byte*& out, T v) {
  std::memcpy(out, &v, sizeof(v));
  out += sizeof(v);
}
template <class T>
void get(const std::byte*& in, T& v) {
  std::memcpy(&v, in, sizeof(v));
  in += sizeof(v);
}

void serialised(benchmark::State& state) {
  const std::vector<point> from(points);
  for (auto _ : state) {
    std::vector<std::byte> wire(points * sizeof(point));
    std::byte* out = wire.data();
    for (const point& p : from) {
      put(out, p.at);
      put(out, p.value);
      put(out, p.series);
      put(out, p.flags);
    }
    benchmark::DoNotOptimize(wire.data());
    std::vector<point> to(points);
    const std::byte* in = wire.data();
    for (point& p : to) {
      get(in, p.at);
      get(in, p.value);
      get(in, p.series);
      get(in, p.flags);
    }
    benchmark::DoNotOptimize(sum_of(to));
  }
}

BENCHMARK(plain_view);
BENCHMARK(serialised);

}  // namespace

BENCHMARK_MAIN();
