// B1, mapped files: a file that is in the page cache is looked at, every byte once, mapped and read
// into a buffer. Argument: size of the file. "private" is memory of ours that it takes.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <span>
#include <string>
#include <unistd.h>

#include <benchmark/benchmark.h>

#include "zc/base/check.h"
#include "zc/io/file.h"
#include "zc/io/mapping.h"

namespace {

using namespace zc;

struct file_of {
  explicit file_of(std::size_t size) {
    const fd_number made(::mkstemp(path));
    const std::string text(size, 'f');
    ZC_CHECK(::write(made.number, text.data(), size) == static_cast<ssize_t>(size));
  }
  ~file_of() { ::unlink(path); }
  struct fd_number {
    explicit fd_number(int n) : number(n) {}
    ~fd_number() { ::close(number); }
    int number;
  };
  char path[32] = "/tmp/zc_mapping_bench_XXXXXX";
};

std::uint64_t sum(std::span<const std::byte> content) {
  std::uint64_t all = 0;
  for (const std::byte b : content) all += std::to_integer<std::uint64_t>(b);
  return all;
}

void map_and_look(benchmark::State& state) {
  const file_of file(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    const auto content = io::map_file(file.path);
    benchmark::DoNotOptimize(sum(*content));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.counters["private"] = 0;
}

void read_and_look(benchmark::State& state) {
  const file_of file(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    const auto content = io::read_file(file.path, SIZE_MAX);
    benchmark::DoNotOptimize(sum(std::as_bytes(std::span(*content))));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.counters["private"] = static_cast<double>(state.range(0));
}

// Only where it is needed: one byte in every 64 KiB.
void map_and_look_here_and_there(benchmark::State& state) {
  const file_of file(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    const auto content = io::map_file(file.path, {.pattern = io::access_pattern::random});
    std::uint64_t all = 0;
    for (std::size_t at = 0; at < content->size(); at += 64 << 10)
      all += std::to_integer<std::uint64_t>((*content)[at]);
    benchmark::DoNotOptimize(all);
  }
}

BENCHMARK(map_and_look)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20)->Arg(16 << 20);
BENCHMARK(read_and_look)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20)->Arg(16 << 20);
BENCHMARK(map_and_look_here_and_there)->Arg(1 << 20)->Arg(16 << 20);

}  // namespace

BENCHMARK_MAIN();
