// zc/testing/sim/schedule.h - what will happen, by simulated time; at one time, in the seed's
// order.
//
// Threads  One.
// Cost     O(log n) per event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "zc/testing/sim/clock.h"
#include "zc/testing/sim/random.h"

namespace zc::testing {

class sim_schedule {
 public:
  using event = std::move_only_function<void()>;

  sim_schedule(sim_clock& time, sim_random random) noexcept : time_(time), random_(random) {}
  sim_schedule(const sim_schedule&) = delete;
  sim_schedule& operator=(const sim_schedule&) = delete;

  // Times that have passed are now.
  void at(time_point when, event what);
  void after(nanoseconds delay, event what) { at(time_.now() + delay, std::move(what)); }

  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }
  time_point next() const noexcept;  // time_point::max() when empty
  void run_next();                   // moves the clock there. Requires: not empty

 private:
  struct entry {
    time_point when;
    std::uint64_t order;  // among those of one time
    event what;
  };
  static bool later(const entry& a, const entry& b) noexcept {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
  }

  sim_clock& time_;
  sim_random random_;
  std::vector<entry> heap_;
};

}  // namespace zc::testing
