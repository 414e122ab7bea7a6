// tests/sim/gateway_plan.h - all that is drawn from the seed before a run of the whole gateway
// begins: weather, settings, accidents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gate/app/shard_graph.h"
#include "tests/sim/seeds.h"

namespace sluice::sim {

enum class weather : unsigned char { calm, slow, rough };

// All that is drawn before anything happens.
struct gateway_plan {
  explicit gateway_plan(std::uint64_t seed);

  exporter_settings exporter(std::size_t number);

  sim_random random;
  weather how{};
  std::size_t shards = 1;
  std::size_t requests = 0;
  std::size_t memory = 0;
  bool accidents = false;  // backends go and come back, links are cut and broken
  bool heals = false;      // before the end everything is well again for a while
  bool batches = false;
  nanoseconds grace{};
  sim_world::options world;
  std::vector<exporter_settings> exporters;
};

}  // namespace sluice::sim
