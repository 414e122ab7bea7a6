// gate/pipeline/engine/jitter.h - a small generator for spreading delays; the seed is injected.
//
// Not for secrets. Threads: one. Cost: a few instructions (splitmix64).
#pragma once

#include <cstdint>

#include "zc/shard/clock.h"

namespace sluice {

class jitter {
 public:
  explicit jitter(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // Even in [0, 1).
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // Even in [delay * (1 - spread), delay * (1 + spread)).
  zc::nanoseconds around(zc::nanoseconds delay, double spread) noexcept {
    const double factor = 1.0 + spread * (2.0 * unit() - 1.0);
    return zc::nanoseconds(static_cast<std::int64_t>(static_cast<double>(delay.count()) * factor));
  }
  // Even in [delay, delay * (1 + spread)): for hints that are a minimum.
  zc::nanoseconds above(zc::nanoseconds delay, double spread) noexcept {
    const double factor = 1.0 + spread * unit();
    return zc::nanoseconds(static_cast<std::int64_t>(static_cast<double>(delay.count()) * factor));
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice
