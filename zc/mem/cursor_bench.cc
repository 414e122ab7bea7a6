// A7, fields of a message in pieces: length-prefixed records are read across the pieces, beside
// joining the pieces first and reading the copy. Argument: bytes per piece; a record is 100 bytes.
#include <cstdint>
#include <cstring>
#include <string>

#include <benchmark/benchmark.h>

#include "zc/mem/builder.h"
#include "zc/mem/chain.h"
#include "zc/mem/cursor.h"

namespace {

using namespace zc;

constexpr std::size_t record_bytes = 100;
constexpr std::size_t records = 2000;

bytes_chain message(std::size_t piece) {
  bytes_builder b;
  for (std::size_t i = 0; i < records; ++i) {
    b.append_be<std::uint32_t>(record_bytes);
    b.append_fill(record_bytes, std::byte{'r'});
  }
  const bytes whole = std::move(b).freeze();
  bytes_chain c;
  for (std::size_t at = 0; at < whole.size(); at += piece)
    c.append(bytes::copy_of(whole.view().subspan(at, std::min(piece, whole.size() - at))));
  return c;
}

std::size_t walk(const bytes_chain& c) {
  std::size_t seen = 0;
  chain_cursor at(c);
  while (const auto length = at.try_read_be<std::uint32_t>()) {
    if (!at.try_skip(*length)) break;
    seen += *length;
  }
  return seen;
}

void records_in_pieces(benchmark::State& state) {
  const bytes_chain c = message(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(walk(c));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records));
}

void records_joined_first(benchmark::State& state) {
  const bytes_chain c = message(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    std::string joined;
    joined.reserve(c.size());
    for (const bytes& piece : c) joined += piece.text();
    std::size_t seen = 0;
    for (std::size_t at = 0; at < joined.size();) {
      std::uint32_t length;
      std::memcpy(&length, joined.data() + at, sizeof length);
      length = __builtin_bswap32(length);
      at += sizeof length + length;
      seen += length;
    }
    benchmark::DoNotOptimize(seen);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records));
}

// Each record is kept by somebody: shared beside copied.
void take_records(benchmark::State& state) {
  const bytes_chain c = message(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    chain_cursor at(c);
    while (const auto length = at.try_read_be<std::uint32_t>()) {
      bytes_chain record = at.take(*length);
      benchmark::DoNotOptimize(record);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records));
}

void copy_records(benchmark::State& state) {
  const bytes_chain c = message(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    chain_cursor at(c);
    while (const auto length = at.try_read_be<std::uint32_t>()) {
      std::string record(*length, '\0');
      at.read_copy(std::as_writable_bytes(std::span(record)));
      benchmark::DoNotOptimize(record.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records));
}

BENCHMARK(records_in_pieces)->Arg(64)->Arg(1 << 10)->Arg(16 << 10);
BENCHMARK(records_joined_first)->Arg(64)->Arg(1 << 10)->Arg(16 << 10);
BENCHMARK(take_records)->Arg(1 << 10)->Arg(16 << 10);
BENCHMARK(copy_records)->Arg(1 << 10)->Arg(16 << 10);

}  // namespace

BENCHMARK_MAIN();
