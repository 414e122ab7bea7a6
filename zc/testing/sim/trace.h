// zc/testing/sim/trace.h - what happened in a simulation, as one number.
//
// Two runs of one seed must end with the same hash; the first note that differs is where a program
// took something from outside the seed (an address, the real time, another thread). With
// SLUICE_SIM_TRACE=1 in the environment every note is a line on standard error.
//
// Threads  One.
// Cost     A few instructions per note.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "zc/testing/sim/clock.h"

namespace zc::testing {

class sim_trace {
 public:
  explicit sim_trace(sim_clock& time);

  // `what` in a word, and figures that say which and how much.
  void note(std::string_view what, std::initializer_list<std::uint64_t> figures = {});
  void content(std::span<const std::byte> bytes) noexcept;  // of something noted

  std::uint64_t hash() const noexcept { return hash_; }
  std::uint64_t notes() const noexcept { return notes_; }

 private:
  void mix(std::uint64_t word) noexcept {
    hash_ = (hash_ ^ word) * 0x9fb21c651e98df25U;
    hash_ ^= hash_ >> 29;
  }

  sim_clock& time_;
  std::uint64_t hash_ = 0x243f6a8885a308d3U;
  std::uint64_t notes_ = 0;
  bool loud_;
};

}  // namespace zc::testing
