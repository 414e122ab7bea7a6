// tests/sim/seeds.h - one scenario over many seeds, and the command that repeats the one that
// failed.
//
//     TEST(SimShardTest, NothingIsLost) {
//       over_seeds(1000, [](std::uint64_t seed) { ... EXPECT ...; return world.trace().hash(); });
//     }
//
// Seeds 1 to `count` are always run, and a few fresh ones. The first seeds run twice, and once more
// in another process: the same seed has to be the same run.
//
//   SLUICE_SIM_SEED=N    only that seed, whose hash is printed
//   SLUICE_SIM_SEEDS=N   at most so many (sanitizers are slow), or with a plus, "+N", so many more
//   SLUICE_SIM_TRACE=1   everything that happens, on standard error
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "zc/base/units.h"
#include "zc/shard/clock.h"
#include "zc/testing/sim/world.h"

namespace sluice::sim {

// What every scenario is written with.
using namespace zc::literals;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using zc::nanoseconds;
using zc::time_point;
using zc::testing::network_profile;
using zc::testing::sim_random;
using zc::testing::sim_world;

// Returns the hash of the run's trace.
using scenario = std::function<std::uint64_t(std::uint64_t seed)>;

void over_seeds(std::size_t count, const scenario& run);

// How many of the seeds 1 to `most` it takes until `fails(seed)`; 0: none of them does.
std::size_t seeds_until(std::size_t most, const std::function<bool(std::uint64_t seed)>& fails);

}  // namespace sluice::sim
