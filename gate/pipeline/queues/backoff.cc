#include "gate/pipeline/queues/backoff.h"

#include <algorithm>

namespace sluice {

backoff::backoff(const retry_settings& how) noexcept
    : how_(&how), interval_(static_cast<double>(zc::nanoseconds(how.initial_interval).count())) {}

std::optional<zc::nanoseconds> backoff::next(zc::nanoseconds elapsed,
                                             std::optional<zc::nanoseconds> hint,
                                             jitter& random) noexcept {
  const double longest = static_cast<double>(zc::nanoseconds(how_->max_interval).count());
  const double interval = std::min(interval_, longest);
  interval_ = std::min(interval * std::max(how_->multiplier, 1.0), longest);
  zc::nanoseconds delay = random.around(zc::nanoseconds(static_cast<std::int64_t>(interval)),
                                        how_->randomization_factor);
  delay = std::max(delay, hint.value_or(zc::nanoseconds(0)));
  const zc::nanoseconds most = how_->max_elapsed_time;
  if (most.count() > 0 && (elapsed > most || delay > most - elapsed)) return std::nullopt;
  return delay;
}

}  // namespace sluice
