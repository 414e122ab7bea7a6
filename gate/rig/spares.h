// gate/rig/spares.h - requests that are over, kept to be stamped again instead of copied from their
// template.
//
// A request that comes back may be held still: by the client until its answer has been dealt with,
// or by an attempt that was given up and lies in a socket's queue. Such a one waits here.
//
// Ownership  Holds what was put. A lane has one, for all its workers.
// Threads    One.
// Bounds     Of each template one more than its part of the requests that may be under way: all
//            together at most `in_flight` plus the number of templates. What is put beyond that
//            goes.
// Cost       O(1), but for spares that are held still, which are looked at in turn.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "zc/mem/bytes.h"

namespace sluice::rig {

class spare_requests {
 public:
  // Of `templates` templates, for `in_flight` requests at once.
  spare_requests(std::size_t templates, std::size_t in_flight)
      : each_max_(templates == 0 ? 0 : in_flight / templates + 1), of_(templates) {}

  // The oldest that nobody else holds; empty when there is none. Requires (both): which <
  // templates.
  zc::bytes take(std::size_t which) {
    std::deque<zc::bytes>& spares = of_[which];
    const auto found = std::ranges::find_if(spares, [](const auto& s) { return s.unique(); });
    if (found == spares.end()) return {};
    zc::bytes free = std::move(*found);
    spares.erase(found);
    return free;
  }
  void put(std::size_t which, zc::bytes&& request) {
    if (!request.empty() && of_[which].size() < each_max_) of_[which].push_back(std::move(request));
  }

  std::size_t size() const noexcept {
    std::size_t sum = 0;
    for (const auto& spares : of_) sum += spares.size();
    return sum;
  }

 private:
  std::size_t each_max_;
  std::vector<std::deque<zc::bytes>> of_;
};

}  // namespace sluice::rig
