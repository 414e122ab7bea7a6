// zc/testing/sim/random.h - where a simulation gets its chances from: one seed, many independent
// streams.
//
// Whoever decides something takes a stream of its own by fork(), so that one more decision in one
// part does not change what every other part does.
//
// Threads  One.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/shard/clock.h"

namespace zc::testing {

class sim_random {
 public:
  explicit sim_random(std::uint64_t seed) noexcept : state_(seed) { (void)next(); }

  std::uint64_t next() noexcept {  // splitmix64
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // A stream that does not depend on how much was taken from this one since; `salt` tells streams
  // of one parent apart.
  sim_random fork(std::uint64_t salt) const noexcept {
    return sim_random((state_ ^ 0xd6e8feb86659fd93U) * 0xff51afd7ed558ccdU + salt);
  }

  // In [0, n); 0 when n is 0.
  std::size_t below(std::size_t n) noexcept { return n == 0 ? 0 : next() % n; }
  // In [low, high]. Requires: low <= high
  std::size_t between(std::size_t low, std::size_t high) noexcept {
    return low + below(high - low + 1);
  }
  // The same, small figures as likely as large ones: the length in bits is even.
  std::size_t scaled(std::size_t low, std::size_t high) noexcept;
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  bool chance(double probability) noexcept { return probability > 0 && unit() < probability; }
  nanoseconds between(nanoseconds low, nanoseconds high) noexcept;

 private:
  std::uint64_t state_;
};

}  // namespace zc::testing
