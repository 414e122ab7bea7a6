// A5, views for parsing. A block of ten fields: all of them visited and one found, as views where
// they lie and as strings in a map, the ordinary way.
#include <map>
#include <string>

#include <benchmark/benchmark.h>

#include "zc/wire/view/field_view.h"
#include "zc/wire/view/record_view.h"

namespace {

const std::string block =
    "Host: collector.example.org:4318\r\nUser-Agent: OTel-OTLP-Exporter-Go/1.38.0\r\n"
    "Content-Length: 18273\r\nContent-Encoding: gzip\r\nContent-Type: application/x-protobuf\r\n"
    "Accept-Encoding: gzip, deflate;q=0.5\r\nX-Tenant: 0123456789abcdef0123456789abcdef\r\n"
    "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\nConnection: keep-alive\r\n"
    "Traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n\r\n";

void fields_as_views(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(zc::find_field(block, "x-tenant"));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(block.size()));
}

void fields_as_strings(benchmark::State& state) {
  for (auto _ : state) {
    std::map<std::string, std::string> all;
    zc::field_reader r(block);
    while (r.next()) {
      std::string name(r.field().name);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      all.emplace(std::move(name), r.field().value);
    }
    benchmark::DoNotOptimize(all.find("x-tenant"));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(block.size()));
}

std::string records() {
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const auto prefix = zc::record_prefix::of(200, zc::length_prefix::u32be);
    all.append(reinterpret_cast<const char*>(prefix->view().data()), 4);
    all.append(200, 'x');
  }
  return all;
}

void records_as_views(benchmark::State& state) {
  const std::string all = records();
  for (auto _ : state) {
    zc::record_reader r(std::as_bytes(std::span(all)), zc::length_prefix::u32be, 1 << 20);
    std::size_t sum = 0;
    while (r.next()) sum += r.record().size();
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
void records_as_strings(benchmark::State& state) {
  const std::string all = records();
  for (auto _ : state) {
    zc::record_reader r(std::as_bytes(std::span(all)), zc::length_prefix::u32be, 1 << 20);
    std::vector<std::string> copies;
    while (r.next()) copies.emplace_back(r.text());
    benchmark::DoNotOptimize(copies.data());
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}

BENCHMARK(fields_as_views);
BENCHMARK(fields_as_strings);
BENCHMARK(records_as_views);
BENCHMARK(records_as_strings);

}  // namespace

BENCHMARK_MAIN();
