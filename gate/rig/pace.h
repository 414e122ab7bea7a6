// gate/rig/pace.h - when the n-th request is due, for a rate that is kept without drift.
//
// Due times are computed from the number of the request, never from the time of the one before it:
// a late request does not move the ones behind it, so the mean rate is exact and what the target
// delayed is caught up.
//
// Threads  One. Cost  One division.
#pragma once

#include <cstdint>

namespace sluice::rig {

class pace {
 public:
  // No limit: everything is due at once.
  pace() noexcept = default;
  // `rate` items a second, in requests of `items` (in the mean), shared by `workers` of which this
  // is number `worker`: request n of this worker is request n * workers + worker of all. Requires:
  // items, workers > 0, worker < workers; rate 0 is no limit.
  pace(double rate, double items, std::uint64_t workers, std::uint64_t worker) noexcept;

  bool limited() const noexcept { return nanoseconds_ > 0; }
  // Nanoseconds after the start at which request `n` of this worker is due.
  std::uint64_t due(std::uint64_t n) const noexcept;
  // How many requests of this worker are due at or before `elapsed` nanoseconds after the start.
  std::uint64_t count_due(std::uint64_t elapsed) const noexcept;

 private:
  long double nanoseconds_ = 0;  // between two requests of all workers
  std::uint64_t workers_ = 1;
  std::uint64_t worker_ = 0;
};

}  // namespace sluice::rig
