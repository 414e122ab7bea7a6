// zc/shard/patience.h - how long a thread looks for something before it sleeps for it.
//
//     if (patience_.wait(deadline, [&] { return how_many_there_are(); })) try_again();
//     else sleep();
//
// Sleeping and being woken costs some microseconds on bare metal and tens of them in a virtual
// machine; looking costs a core, and the other side the cache lines that are looked at. Three things
// are learned from what happens:
//
//     step     pauses before the first look. Where more than one item is there by then, the other
//              side is streaming: looking later lets it fill the ring undisturbed, and both work on
//              cache lines of their own. Where it is always one, somebody waits for the answer:
//              look at once.
//     budget   pauses before giving up: some times what has been enough lately, half of it when it
//              was not. Never so few that an other side that is awake is missed.
//     probe    where the budget was not enough, looks on for `probe_longest`, about as long as a
//              sleep costs: two that answer each other and have begun to sleep would otherwise
//              sleep for ever, each waiting for the other to wake up. A probe that finds nothing
//              makes the next one twice as rare, down to one per `probe_gap_max` sleeps: where the
//              other side has no core to run on, or nothing to say, looking is over soon.
//
// No yields: on busy cores one who yields goes to the end of the line, and one who sleeps is let in
// as soon as it is woken.
//
// Threads  Any number at a time; what one learns is for all. Nothing here orders memory.
// Cost     Nothing where it is not asked to wait.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "zc/shard/clock.h"

namespace zc {

template <class Atomics>
class patience {
 public:
  static constexpr std::uint32_t step_max = 64;
  static constexpr std::uint32_t budget_min = 64;
  static constexpr std::uint32_t budget_max = 1024;
  static constexpr nanoseconds probe_longest = std::chrono::microseconds(50);
  static constexpr std::uint32_t probe_gap_max = 256;

  // True as soon as `look()` says that there is something: it says how much. Not much later than
  // `deadline` in any case.
  template <class Look>
  bool wait(time_point deadline, Look&& look) noexcept {
    if constexpr (Atomics::spins) {
      const std::uint32_t first = step_.load(std::memory_order_relaxed);
      const std::uint32_t budget = budget_.load(std::memory_order_relaxed);
      std::uint32_t spent = 0;
      for (std::uint32_t step = first; spent < budget; step = std::min(step * 2, step_max)) {
        pause(step);
        spent += step;
        if (const std::size_t there = look(); there > 0) {
          learn(step_, there > 1 ? std::min(first * 4, step_max) : std::max(first / 2, 1u));
          const std::uint32_t wanted = std::clamp(spent * 4, budget_min, budget_max);
          learn(budget_, wanted >= budget ? wanted : budget - (budget - wanted + 7) / 8);
          return true;
        }
      }
      learn(budget_, std::max(budget / 2, budget_min));
      return probe(deadline, look);
    } else {
      return false;
    }
  }

 private:
  template <class Look>
  bool probe(time_point deadline, Look&& look) noexcept {
    const std::uint32_t gap = gap_.load(std::memory_order_relaxed);
    const std::uint32_t since = since_probe_.load(std::memory_order_relaxed) + 1;
    learn(since_probe_, since < gap ? since : 0);
    if (since < gap) return false;
    const time_point end = std::min(deadline, Atomics::now() + probe_longest);
    do {
      pause(step_max);
      if (look() == 0) continue;
      learn(gap_, 1);
      return true;
    } while (Atomics::now() < end);
    learn(gap_, std::min(gap * 2, probe_gap_max));
    return false;
  }

  static void pause(std::uint32_t times) noexcept {
    for (std::uint32_t i = 0; i < times; ++i) Atomics::pause();
  }
  // Others read it: written only where it changes.
  static void learn(std::atomic<std::uint32_t>& what, std::uint32_t now) noexcept {
    if (what.load(std::memory_order_relaxed) != now) what.store(now, std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> step_{1};
  std::atomic<std::uint32_t> budget_{budget_min};
  std::atomic<std::uint32_t> gap_{1};
  std::atomic<std::uint32_t> since_probe_{0};  // sleeps
};

}  // namespace zc
