// gate/pipeline/engine/batch.h - what moves through a pipeline: a payload, and who waits for it.
#pragma once

#include <cstdint>

#include "gate/pipeline/engine/ack.h"
#include "gate/pipeline/engine/payload.h"
#include "zc/shard/clock.h"

namespace sluice {

struct arrival {
  zc::time_point at{};  // when the whole request was there; of a joined batch: the oldest
};

struct batch {
  payload_ptr what;
  ack done;
  arrival from;
  std::uint64_t skip = 0;  // consumers of the next fan-out that have it already (see verdict::took)
};

}  // namespace sluice
