#include "gate/rig/pace.h"

#include <algorithm>

namespace sluice::rig {

pace::pace(double rate, double items, std::uint64_t workers, std::uint64_t worker) noexcept
    : nanoseconds_(rate > 0 ? 1e9L * static_cast<long double>(items) / rate : 0),
      workers_(workers),
      worker_(worker) {}

std::uint64_t pace::due(std::uint64_t n) const noexcept {
  const auto all = static_cast<long double>(n) * static_cast<long double>(workers_) +
                   static_cast<long double>(worker_);
  const long double at = all * nanoseconds_;
  constexpr long double never = 9.2e18L;  // 292 years; also keeps the conversion defined
  return at < never ? static_cast<std::uint64_t>(at) : static_cast<std::uint64_t>(never);
}

std::uint64_t pace::count_due(std::uint64_t elapsed) const noexcept {
  if (!limited()) return UINT64_MAX;
  const long double requests = static_cast<long double>(elapsed) / nanoseconds_;
  const auto workers = static_cast<long double>(workers_);
  const long double mine = (requests - static_cast<long double>(worker_)) / workers;
  auto guess = mine < 0 ? 0 : static_cast<std::uint64_t>(std::min(mine, 9.2e18L));
  // The division rounds; due() is what counts.
  while (guess > 0 && due(guess - 1) > elapsed) --guess;
  while (due(guess) <= elapsed) ++guess;
  return guess;
}

}  // namespace sluice::rig
