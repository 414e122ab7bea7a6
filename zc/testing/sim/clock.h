// zc/testing/sim/clock.h - time that stands still until the simulation moves it.
//
// Threads  One.
#pragma once

#include <chrono>

#include "zc/base/check.h"
#include "zc/shard/clock.h"

namespace zc::testing {

class sim_clock final : public clock {
 public:
  time_point now() noexcept override { return now_; }
  // Requires: time does not run backwards.
  void set(time_point to) noexcept {
    ZC_REQUIRES(to >= now_, "sim_clock::set requires that time does not run backwards");
    now_ = to;
  }

 private:
  time_point now_{std::chrono::hours(1)};
};

}  // namespace zc::testing
