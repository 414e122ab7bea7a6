// zc/shard/patience.h - how long a thread looks for something before it sleeps for it.
//
//     if (patience_.wait(deadline, items_max, [&] { return how_many_there_are(); })) try_again();
//     else sleep();
//
// Sleeping and being woken costs some microseconds on bare metal and tens of them in a virtual
// machine; looking costs a core, and the other side the cache lines that are looked at. Three things
// are learned from what happens:
//
//     step     pauses before the first look. Where items come one after the other, the other side is
//              streaming: looking later lets it get far ahead, and both work on cache lines of their
//              own (measured: 15 ns an item on each side in turns of 64, 110 ns in turns of one).
//              But not so late that it finds the ring full. Where there is always just one,
//              somebody waits for the answer: look at once.
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
  static constexpr std::uint32_t step_max = 512;
  static constexpr std::uint32_t later_step_max = 64;
  static constexpr std::uint32_t budget_min = 64;
  static constexpr std::uint32_t budget_max = 2048;
  static constexpr nanoseconds probe_longest = std::chrono::microseconds(50);
  static constexpr std::uint32_t probe_gap_max = 256;

  // True as soon as `look()` says that there is something: it says how much, of `most` at most. Not
  // much later than `deadline` in any case.
  template <class Look>
  bool wait(time_point deadline, std::size_t most, Look&& look) noexcept {
    if constexpr (Atomics::spins) {
      const std::uint32_t first = step_.load(std::memory_order_relaxed);
      const std::uint32_t budget = budget_.load(std::memory_order_relaxed);
      std::uint32_t spent = 0;
      for (std::uint32_t step = first; spent < budget;
           step = std::min(step * 2, std::max(first, later_step_max))) {
        pause(step);
        spent += step;
        if (const std::size_t there = look(); there > 0) {
          learn(step_, next_step(first, spent, there, most));
          const std::uint32_t wanted = std::clamp(spent * 4, budget_min, budget_max);
          learn(budget_, wanted >= budget ? wanted : budget - (budget - wanted + 7) / 8);
          return true;
        }
      }
      learn(step_, std::max(first / 2, 1u));
      learn(budget_, std::max(budget / 2, budget_min));
      return probe(deadline, look);
    } else {
      return false;
    }
  }

 private:
  static std::uint32_t next_step(std::uint32_t first, std::uint32_t spent, std::size_t there,
                                 std::size_t most) noexcept {
    const bool slowly = there == 1 || there * 16 < spent;  // less than one item in 16 pauses
    if (slowly || there > most / 2) return std::max(first / 2, 1u);
    return there * 4 >= spent ? std::min(first * 4, step_max) : first;
  }
  template <class Look>
  bool probe(time_point deadline, Look&& look) noexcept {
    const std::uint32_t gap = gap_.load(std::memory_order_relaxed);
    const std::uint32_t since = since_probe_.load(std::memory_order_relaxed) + 1;
    learn(since_probe_, since < gap ? since : 0);
    if (since < gap) return false;
    const time_point end = std::min(deadline, Atomics::now() + probe_longest);
    do {
      pause(later_step_max);
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
