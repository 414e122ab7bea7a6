// A5 and A6, views for parsing: the head of an OTLP request as views into the bytes that came,
// beside the same parser whose result is copied into owned strings and a map. The difference is
// ownership and nothing else. "allocations" are per head.
#include <cctype>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "zc/base/check.h"
#include "zc/testing/allocations.h"
#include "zc/wire/http1/head.h"

namespace {

using namespace zc;

constexpr std::string_view head_text =
    "POST /v1/traces HTTP/1.1\r\n"
    "Host: telemetry.example.com:4318\r\n"
    "User-Agent: OTel-OTLP-Exporter-Python/1.30.0\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Accept: */*\r\n"
    "Connection: keep-alive\r\n"
    "Content-Encoding: gzip\r\n"
    "Content-Type: application/x-protobuf\r\n"
    "X-Tenant: 0f8fad5b-d9cb-469f-a165-70867728950e\r\n"
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzaG9wIn0.c2lnbmF0dXJl\r\n"
    "Content-Length: 48213\r\n"
    "\r\n";

struct owned_head {
  std::string method;
  std::string path;
  std::map<std::string, std::string> fields;  // names in lower case
  std::uint64_t length = 0;
};

owned_head own(const http1::request_head& head) {
  owned_head out{std::string(head.method), std::string(head.path), {}, head.length};
  for (const http1::field& f : head.fields) {
    std::string name(f.name);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    out.fields.emplace(std::move(name), f.value);
  }
  return out;
}

void account(benchmark::State& state, const testing::allocated& before) {
  const auto times = testing::allocations().times - before.times;
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(times), benchmark::Counter::kAvgIterations);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(head_text.size()));
}

void head_as_views(benchmark::State& state) {
  std::vector<http1::field> fields;
  ZC_CHECK(http1::parse_request(head_text, fields).has_value());  // grows the list
  const auto before = testing::allocations();
  for (auto _ : state) {
    const auto head = http1::parse_request(head_text, fields);
    ZC_CHECK(head.has_value());
    benchmark::DoNotOptimize(http1::find(head->fields, "content-type"));
    benchmark::DoNotOptimize(http1::find(head->fields, "content-encoding"));
  }
  account(state, before);
}

void head_as_owned_map(benchmark::State& state) {
  std::vector<http1::field> fields;
  ZC_CHECK(http1::parse_request(head_text, fields).has_value());
  const auto before = testing::allocations();
  for (auto _ : state) {
    const auto head = http1::parse_request(head_text, fields);
    ZC_CHECK(head.has_value());
    const owned_head owned = own(*head);
    benchmark::DoNotOptimize(owned.fields.find("content-type"));
    benchmark::DoNotOptimize(owned.fields.find("content-encoding"));
  }
  account(state, before);
}

BENCHMARK(head_as_views);
BENCHMARK(head_as_owned_map);

}  // namespace

BENCHMARK_MAIN();
