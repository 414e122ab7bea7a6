// A7, buffer chains: a message of 24 pieces is assembled, gets a prefix, is cut and consumed, as a
// chain and as one std::string. Argument: bytes per piece; 16384 is what a body of 384 KiB looks
// like that came over a socket.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/base/units.h"
#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"

namespace {

using namespace zc;
using namespace zc::literals;
using namespace std::literals;

constexpr std::size_t pieces = 24;
constexpr std::size_t turn_bytes = 64_KiB;
constexpr std::string_view prefix = "\0\0\5\xdc\0"sv;

std::vector<bytes> received(const benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  std::vector<bytes> out;
  for (std::size_t i = 0; i < pieces; ++i) out.push_back(bytes::copy_of(text));
  return out;
}

bytes_chain chain_of(const std::vector<bytes>& in) {
  bytes_chain whole;
  for (const bytes& piece : in) whole.append(piece);
  return whole;
}

std::string joined(const std::vector<bytes>& in, std::string_view front = {}) {
  std::string whole;
  std::size_t size = front.size();
  for (const bytes& piece : in) size += piece.size();
  whole.reserve(size);
  whole.append(front);
  for (const bytes& piece : in) whole.append(piece.text());
  return whole;
}

void account(benchmark::State& state) {
  state.counters["message"] = static_cast<double>(pieces) * static_cast<double>(state.range(0));
}

void assemble_chain(benchmark::State& state) {
  const auto in = received(state);
  for (auto _ : state) {
    bytes_chain whole = chain_of(in);
    benchmark::DoNotOptimize(whole);
  }
  account(state);
}

void assemble_string(benchmark::State& state) {
  const auto in = received(state);
  for (auto _ : state) {
    std::string whole = joined(in);
    benchmark::DoNotOptimize(whole.data());
    benchmark::ClobberMemory();
  }
  account(state);
}

// All but the first and the last piece.
void slice_chain(benchmark::State& state) {
  const bytes_chain whole = chain_of(received(state));
  const auto piece = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    bytes_chain part = whole.slice(piece, whole.size() - 2 * piece);
    benchmark::DoNotOptimize(part);
  }
  account(state);
}

void slice_string(benchmark::State& state) {
  const std::string whole = joined(received(state));
  const auto piece = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::string part = whole.substr(piece, whole.size() - 2 * piece);
    benchmark::DoNotOptimize(part.data());
    benchmark::ClobberMemory();
  }
  account(state);
}

// The whole way: assemble, prefix, cut the prefix off again, take the rest away in turns of 64 KiB.
void life_as_chain(benchmark::State& state) {
  const auto in = received(state);
  const bytes front = bytes::from_static(prefix);
  std::array<io_slice, 64> list;
  for (auto _ : state) {
    bytes_chain whole = chain_of(in);
    whole.prepend(front);
    bytes_chain body = whole.slice(prefix.size(), whole.size() - prefix.size());
    while (!body.empty()) {
      benchmark::DoNotOptimize(body.gather(0, list));
      body.consume(std::min(turn_bytes, body.size()));
    }
  }
  account(state);
}

// A view consumes for nothing, so only the joining and the cut copy.
void life_as_string(benchmark::State& state) {
  const auto in = received(state);
  for (auto _ : state) {
    const std::string whole = joined(in, prefix);
    const std::string body = whole.substr(prefix.size());
    benchmark::DoNotOptimize(body.data());
    std::string_view left = body;
    while (!left.empty()) {
      benchmark::DoNotOptimize(left.data());
      left.remove_prefix(std::min(turn_bytes, left.size()));
    }
    benchmark::ClobberMemory();
  }
  account(state);
}

// Many small pieces (attributes, headers): shared each, or copied side by side.
std::vector<bytes> small_pieces() {
  std::vector<bytes> out;
  for (int i = 0; i < 1000; ++i)
    out.push_back(bytes::copy_of("a piece of forty bytes, all together...."));
  return out;
}

void small_pieces_shared(benchmark::State& state) {
  const auto in = small_pieces();
  for (auto _ : state) {
    bytes_chain whole;
    for (const bytes& piece : in) whole.append(piece);
    benchmark::DoNotOptimize(whole);
  }
}

void small_pieces_copied(benchmark::State& state) {
  const auto in = small_pieces();
  for (auto _ : state) {
    bytes_chain whole;
    for (const bytes& piece : in) whole.append_or_copy(piece);
    benchmark::DoNotOptimize(whole);
  }
}

// A delimiter at the very end, across pieces; beside joining first.
void find_in_chain(benchmark::State& state) {
  bytes_chain whole = chain_of(received(state));
  whole.append("\r"_bytes);
  whole.append("\n"_bytes);
  for (auto _ : state) benchmark::DoNotOptimize(whole.find("\r\n"));
}

void find_in_joined(benchmark::State& state) {
  auto in = received(state);
  in.push_back("\r\n"_bytes);
  for (auto _ : state) benchmark::DoNotOptimize(joined(in).find("\r\n"));
}

BENCHMARK(small_pieces_shared);
BENCHMARK(small_pieces_copied);
BENCHMARK(find_in_chain)->Arg(512)->Arg(16 << 10);
BENCHMARK(find_in_joined)->Arg(512)->Arg(16 << 10);
BENCHMARK(assemble_chain)->Arg(512)->Arg(16 << 10);
BENCHMARK(assemble_string)->Arg(512)->Arg(16 << 10);
BENCHMARK(slice_chain)->Arg(512)->Arg(16 << 10);
BENCHMARK(slice_string)->Arg(512)->Arg(16 << 10);
BENCHMARK(life_as_chain)->RangeMultiplier(8)->Range(64, 4 << 10)->Arg(16 << 10);
BENCHMARK(life_as_string)->RangeMultiplier(8)->Range(64, 4 << 10)->Arg(16 << 10);

}  // namespace

BENCHMARK_MAIN();
