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

#include "zc/shard/parker.h"

namespace zc {

struct std_atomics {
  template <class T>
  using atomic = std::atomic<T>;
  using mutex = std::mutex;
  using parker = zc::parker;

  // How long to spin before sleeping, in pauses; see channel.h. Zero in the model.
  static constexpr unsigned spins_max = 256;
  static constexpr unsigned spins_min = 4;

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
