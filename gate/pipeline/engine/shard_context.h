// gate/pipeline/engine/shard_context.h - what every node of a shard works with.
//
// Borrowed: everything outlives the nodes. One per shard.
#pragma once

#include <cstdint>

#include "gate/pipeline/engine/jitter.h"
#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/payload.h"
#include "zc/base/units.h"
#include "zc/shard/shard.h"
#include "zc/wire/coding/coder.h"

namespace sluice {

struct shard_context {
  zc::shard& on;
  zc::coder& with;
  metrics& counts;
  log& out;
  std::uint64_t seed = 0;  // nodes derive their own from it
  std::size_t inflated_bytes_max = 64_MiB;

  // `need`: ordinary on the way in, draining for what has to be sent.
  conversion converting(zc::urgency need) const noexcept {
    return {with, on.memory(), inflated_bytes_max, counts.conversions, need};
  }
};

}  // namespace sluice
