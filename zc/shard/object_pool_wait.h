// zc/shard/object_pool_wait.h - co_await an object of a pool.
//
//     zc::pooled<thing> one = co_await zc::acquire(pool);
//
// First come, first served; resumed from the shard's loop, never inline. Empty when the pool has
// gone, or when too many wait (object_pool::options::waiters_max).
//
// Ownership  The awaiter lives in the coroutine's frame. A coroutine that is destroyed while it
//            waits gives up its place; an object that was granted and not taken goes back.
// Threads    The shard's, which is the pool's.
// Cost       None beyond try_acquire() where an object is there.
#pragma once

#include <coroutine>

#include "zc/mem/object_pool.h"
#include "zc/shard/wakeup.h"

namespace zc {

template <class T>
class [[nodiscard]] object_acquisition final : private object_waiter<T> {
 public:
  explicit object_acquisition(object_pool<T>& from) noexcept : from_(from) {}

  bool await_ready() const noexcept { return false; }
  // False: there is one at once, or none will come.
  bool await_suspend(std::coroutine_handle<> waiter) {
    back_.arm(waiter);
    if (from_.wait(*this) == object_pool<T>::line::waiting) return true;
    back_.disarm();
    return false;
  }
  pooled<T> await_resume() noexcept { return this->take(); }

 private:
  void on_granted() noexcept override { back_.fire(); }

  object_pool<T>& from_;
  wakeup back_;
};

template <class T>
object_acquisition<T> acquire(object_pool<T>& from) noexcept {
  return object_acquisition<T>(from);
}

}  // namespace zc
