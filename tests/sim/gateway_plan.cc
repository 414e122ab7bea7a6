#include "tests/sim/gateway_plan.h"

#include <algorithm>
#include <array>
#include <string>

namespace sluice::sim {

gateway_plan::gateway_plan(std::uint64_t seed) : random(sim_random(seed).fork(11)) {
  sim_random& r = random;
  how = static_cast<weather>(r.below(3));
  shards = r.between(std::size_t{1}, std::size_t{2});
  requests = r.between(std::size_t{5}, std::size_t{40});
  memory = 6_MiB + r.scaled(0, 58_MiB);
  accidents = r.chance(0.5);
  heals = r.chance(0.5);
  grace = r.between(milliseconds(0), seconds(30));
  batches = r.chance(0.4);
  world.stall = r.chance(0.3) ? r.unit() * 0.01 : 0;
  for (std::size_t i = r.between(std::size_t{1}, std::size_t{2}); i > 0; --i) {
    exporters.push_back(exporter(i));
  }
}

exporter_settings gateway_plan::exporter(std::size_t number) {
  sim_random& r = random;
  exporter_settings e;
  const bool grpc = r.chance(0.5);
  e.kind = grpc ? exporter_kind::otlp_grpc : exporter_kind::otlp_http;
  e.id = (grpc ? "otlp_grpc/" : "otlp_http/") + std::to_string(number);
  e.otlp.to = *zc::endpoint::parse("127.0.0.1:" + std::to_string(5000 + number));
  constexpr std::array codings{zc::coding::identity, zc::coding::gzip, zc::coding::zstd};
  e.otlp.compression = codings[r.below(codings.size())];
  e.otlp.timeout = milliseconds(r.scaled(200, 10'000));
  e.queue.enabled = r.chance(0.85);
  e.queue.num_consumers = r.between(std::size_t{1}, std::size_t{8});
  e.queue.wait_for_result = r.chance(0.2);
  e.queue.block_on_overflow = r.chance(0.3);
  e.queue.sizer = static_cast<queue_sizer>(r.below(3));
  const std::size_t most = e.queue.sizer == queue_sizer::requests ? 50
                           : e.queue.sizer == queue_sizer::items  ? 2'000
                                                                  : 2'000'000;
  e.queue.queue_size = r.scaled(e.queue.sizer == queue_sizer::requests ? 1 : most / 20, most);
  e.retry.enabled = r.chance(0.9);
  e.retry.initial_interval = milliseconds(r.scaled(50, 5'000));
  e.retry.max_interval = std::max(e.retry.initial_interval, milliseconds(r.scaled(100, 30'000)));
  e.retry.max_elapsed_time = milliseconds(r.chance(0.5) ? 0 : r.scaled(1'000, 300'000));
  return e;
}

}  // namespace sluice::sim
