// What a gateway pays to show its state, once a second: the status page that it writes into shared
// memory, beside the text of /metrics that a scraper asks for. Two receivers' transports, two
// exporters, and as many shards as the argument says. read_page is a reader's side of it.

#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "gate/app/process_metrics.h"
#include "gate/app/status_page.h"
#include "gate/pipeline/engine/metrics_text.h"
#include "zc/base/check.h"
#include "zc/io/mapping.h"
#include "zc/io/published_memory.h"
#include "zc/shard/page_latch.h"

namespace {

using namespace sluice;
using message = zc::plain_message<status_page>;

class shards {
 public:
  explicit shards(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      nodes_.push_back(std::make_unique<metrics>());
      servers_.push_back(std::make_unique<server_counters>());
      for (const char* transport : {"grpc", "http"}) {
        nodes_.back()->receiver("otlp", transport).of[otlp::signal::logs].accepted.add(i);
      }
      for (const char* id : {"otlp_grpc/backend", "file"}) {
        nodes_.back()->exporter(id).of[otlp::signal::logs].sent.add(i);
      }
      nodes.push_back(nodes_.back().get());
      servers.push_back(servers_.back().get());
    }
  }
  std::vector<const metrics*> nodes;
  std::vector<const server_counters*> servers;

 private:
  std::vector<std::unique_ptr<metrics>> nodes_;
  std::vector<std::unique_ptr<server_counters>> servers_;
};

zc::io::published_memory memory() {
  auto made = zc::io::shared_memory::create(zc::page_latch::room_for(sizeof(message)), "bench");
  ZC_CHECK(made);
  return *(*std::move(made)).publish();
}

void write_page(benchmark::State& state) {
  const shards all(static_cast<std::size_t>(state.range(0)));
  auto shared = memory();
  zc::page_latch::writer latch(shared.room(), sizeof(message));
  const auto page = std::make_unique<message>(status_page{});
  for (auto _ : state) {
    page->value() = {};
    put_nodes(page->value(), all.nodes);
    put_servers(page->value().head, all.servers);
    put_process(page->value().head);
    latch.publish(page->view());
  }
}

void write_metrics_text(benchmark::State& state) {
  const shards all(static_cast<std::size_t>(state.range(0)));
  const zc::quota quota(1 << 30);
  for (auto _ : state) {
    std::string text = prometheus_text(all.nodes);
    text += server_metrics_text(all.servers);
    text += process_metrics_text(quota, 1, {});
    benchmark::DoNotOptimize(text);
  }
}

void read_page(benchmark::State& state) {
  auto shared = memory();
  zc::page_latch::writer latch(shared.room(), sizeof(message));
  latch.publish(std::make_unique<message>(status_page{})->view());
  const auto view = zc::io::map_published(shared.file(), shared.room().size());
  ZC_CHECK(view);
  const auto reader = zc::page_latch::reader::over(view->changing());
  std::vector<std::uint64_t> copy(reader->page_size() / sizeof(std::uint64_t));
  const auto bytes = std::as_writable_bytes(std::span(copy));
  for (auto _ : state) {
    ZC_CHECK(reader->read(bytes));
    benchmark::DoNotOptimize(zc::copy_plain<status_page>(bytes));
  }
}

BENCHMARK(write_page)->Arg(2)->Arg(32);
BENCHMARK(write_metrics_text)->Arg(2)->Arg(32);
BENCHMARK(read_page);

}  // namespace

BENCHMARK_MAIN();
