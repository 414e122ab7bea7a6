// zc/shard/atomics.h - what the lock-free parts of this room are made of: the real thing, or a model.
//
// snapshot and channel take their atomics, mutex and parker from a policy, so that the model checker
// (zc/testing/interleave.h) runs the same code that the gateway runs, one interleaving after the
// other.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "zc/shard/clock.h"
#include "zc/shard/parker.h"

namespace zc {

struct std_atomics {
  template <class T>
  using atomic = std::atomic<T>;
  using mutex = std::mutex;
  using parker = zc::parker;

  // Whether looking again and again before sleeping may help (patience.h). Not in the model, where
  // all threads share a core.
  static constexpr bool spins = true;
  static time_point now() noexcept { return std::chrono::steady_clock::now(); }

  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb");
#endif
  }
  // Another thread has to do something first.
  static void yield() noexcept { std::this_thread::yield(); }
  // The end of an object that other threads have used. The model keeps its memory and watches it.
  template <class T>
  static void destroy(T* object) noexcept {
    delete object;
  }
};

}  // namespace zc
