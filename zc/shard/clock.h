// zc/shard/clock.h - time, injected: the real one, or a simulation's.
#pragma once

#include <chrono>

namespace zc {

// Monotonic. A shard reads its clock once per turn; now() is the start of the turn, good to about a
// millisecond.
using nanoseconds = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<std::chrono::steady_clock, nanoseconds>;

class clock {
 public:
  virtual ~clock() = default;
  virtual time_point now() noexcept = 0;
};

class steady_clock final : public clock {
 public:
  time_point now() noexcept override { return std::chrono::steady_clock::now(); }
};

}  // namespace zc
