// zc/shard/memory_wait.h - a coroutine waits until memory is free.
//
//     while (!(room = s.memory().take(n))) co_await memory_free(s.memory().limits(), n);
//
// Resumed on its shard, from the loop, once `n` more bytes fit below the mark; at once when they do
// already. It is a hint, not a grant: others may be faster, so try again and wait again. While it
// waits, pools everywhere give back what they keep (zc/mem/quota.h).
//
// Ownership  The quota outlives the awaiter. Destroying the coroutine leaves the line.
// Threads    Made, awaited and destroyed on one shard; any thread frees the memory.
// Cost       One lock when it has to wait, one when it leaves.
#pragma once

#include <coroutine>
#include <cstddef>

#include "zc/mem/quota.h"
#include "zc/shard/wakeup.h"

namespace zc {

class [[nodiscard]] memory_free final : private quota::waiter {
 public:
  memory_free(quota& of, std::size_t n, quota::below mark = quota::below::limit) noexcept
      : of_(of), wanted_(n), mark_(mark) {}
  ~memory_free() { leave(); }  // before back_ goes: on_room() fires it under the quota's lock

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> h) noexcept {
    back_.arm(h);
    if (of_.wait(*this, wanted_, mark_)) return true;
    back_.disarm();
    return false;
  }
  void await_resume() const noexcept {}

 private:
  void on_room() noexcept override { back_.fire(); }

  quota& of_;
  const std::size_t wanted_;
  const quota::below mark_;
  wakeup back_;
};

}  // namespace zc
