// bench/zc/harness.h - one loop for all contenders of `./dev bench zc`; those in Rust have its
// twin, bench/peers/src/harness.rs.
//
// A case is called ROW/CONTENDER and is a function that carries out n operations and says how many
// nanoseconds they took; what it prepares is not in that time. The program reads commands from
// standard input and answers each with one line of JSON, so that bench/zc.py can let the contenders
// of a row take turns without starting processes in between:
//
//     list                 {"cases": [{"name": ..., "threads": ...}, ...]}
//     run NAME SECONDS     {"name": ..., "ns": per operation, "times": operations, "memory": bytes}
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <time.h>
#include <utility>

namespace bench {

// The compiler must believe that somebody looks at the object (and may have changed it).
template <class T>
inline void keep(T& object) noexcept {
  asm volatile("" : : "r"(&object) : "memory");
}

// Nanoseconds of CPU time of this thread: what others run on the core in between is not in it.
inline double cpu_time() noexcept {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class Operation>
inline double loop(std::uint64_t n, Operation&& operation) {
  const double start = cpu_time();
  for (std::uint64_t i = 0; i < n; ++i) operation();
  return cpu_time() - start;
}

using body = std::function<double(std::uint64_t n)>;
using weight = std::function<double()>;  // bytes of memory that the case's data take

void add(std::string name, body run, unsigned threads = 1);
void add_weighed(std::string name, body run, weight memory);

// Cores for the first and the second thread of a case; from --cores A,B.
void pin(unsigned thread);

// Runs `other` on the second core, and `mine` on this one once `other` is there; returns the real
// time until both have ended. What they hold by value is each thread's own: capture so what they
// look at with every operation. By reference it would lie among the locals that this thread writes,
// and the other would wait for that cache line instead of for what is measured.
template <class Mine, class Other>
double two_threads(Mine mine, Other other) {
  std::atomic<bool> there{false};
  std::thread second([&there, other = std::move(other)]() mutable {
    pin(1);
    there.store(true, std::memory_order_release);
    other();
  });
  while (!there.load(std::memory_order_acquire)) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  mine();
  second.join();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count();
}

// Resident memory of this process, in bytes.
double resident();

void add_bytes();
void add_chains();
void add_memory();
void add_values();
void add_snapshots();
void add_channels();

}  // namespace bench
