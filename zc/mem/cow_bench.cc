// A3, copy-on-write value. Text is put into lower case: one text in 16 needs it, as with header
// names; ours copies that one, the ordinary way every one.
#include <array>
#include <string>

#include <benchmark/benchmark.h>

#include "zc/mem/cow.h"

namespace {

constexpr std::size_t texts = 16;

std::array<std::string, texts> inputs(std::size_t size) {
  std::array<std::string, texts> all;
  for (std::string& s : all) s.assign(size, 'x');
  all[7].back() = 'X';
  return all;
}

bool upper(char c) {
  return c >= 'A' && c <= 'Z';
}
char lower(char c) {
  return static_cast<char>(c + ('a' - 'A'));
}

void copy_on_write(benchmark::State& state) {
  const auto all = inputs(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (const std::string& s : all) {
      zc::cow_text out = zc::cow_text::borrow(s);
      for (std::size_t i = 0; i < s.size(); ++i) {
        if (upper(s[i])) out.to_mut()[i] = lower(s[i]);
      }
      benchmark::DoNotOptimize(out.view());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(texts));
}

void always_copy(benchmark::State& state) {
  const auto all = inputs(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (const std::string& s : all) {
      std::string out = s;
      for (std::size_t i = 0; i < s.size(); ++i) {
        if (upper(s[i])) out[i] = lower(s[i]);
      }
      benchmark::DoNotOptimize(out.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(texts));
}

void share_bytes(benchmark::State& state) {
  const zc::bytes source = zc::bytes::copy_of(std::string(1 << 20, 'x'));
  for (auto _ : state) {
    zc::cow_bytes c = zc::cow_bytes::share(source);
    benchmark::DoNotOptimize(c.view().data());
  }
}
void copy_bytes(benchmark::State& state) {
  const zc::bytes source = zc::bytes::copy_of(std::string(1 << 20, 'x'));
  for (auto _ : state) {
    zc::cow_bytes c = zc::cow_bytes::share(source);
    benchmark::DoNotOptimize(c.to_mut().data());
  }
}

BENCHMARK(copy_on_write)->Arg(16)->Arg(128)->Arg(4096);
BENCHMARK(always_copy)->Arg(16)->Arg(128)->Arg(4096);
BENCHMARK(share_bytes);
BENCHMARK(copy_bytes);

}  // namespace

BENCHMARK_MAIN();
