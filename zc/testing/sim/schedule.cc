#include "zc/testing/sim/schedule.h"

#include <algorithm>
#include <utility>

namespace zc::testing {

void sim_schedule::at(time_point when, event what) {
  heap_.push_back({std::max(when, time_.now()), random_.next(), std::move(what)});
  std::ranges::push_heap(heap_, later);
}

time_point sim_schedule::next() const noexcept {
  return heap_.empty() ? time_point::max() : heap_.front().when;
}

void sim_schedule::run_next() {
  ZC_REQUIRES(!heap_.empty(), "sim_schedule::run_next requires that something is to come");
  std::ranges::pop_heap(heap_, later);
  entry first = std::move(heap_.back());
  heap_.pop_back();
  time_.set(std::max(first.when, time_.now()));
  first.what();
}

}  // namespace zc::testing
