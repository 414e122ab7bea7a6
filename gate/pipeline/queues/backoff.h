// gate/pipeline/queues/backoff.h - when to try again, and when to give up.
//
// Exponential with jitter; a server's hint is the least delay. As the Collector: giving up is
// decided before waiting, when the wait would end after max_elapsed_time from the first attempt.
#pragma once

#include <optional>

#include "gate/pipeline/engine/jitter.h"
#include "gate/pipeline/engine/settings.h"
#include "zc/shard/clock.h"

namespace sluice {

class backoff {
 public:
  explicit backoff(const retry_settings& how) noexcept;

  // The delay before the next attempt; nothing: give up.
  std::optional<zc::nanoseconds> next(zc::nanoseconds elapsed, std::optional<zc::nanoseconds> hint,
                                      jitter& random) noexcept;

 private:
  const retry_settings* how_;
  double interval_;  // nanoseconds; a double, so that growing cannot overflow
};

}  // namespace sluice
