// zc/testing/job.h - the smallest coroutine that can be cancelled: for tests of what one waits for.
//
//     job pass(gate& g) { co_await g.wait(); }
//     job a = pass(g);          runs at once, to where it first waits
//     a.cancel();               its frame dies there
//
// A zc::task is lazy and wants a scope: what tasks wait for is tested without them.
//
// Ownership  The job owns the frame; its destructor cancels.
// Threads    The frame runs on the thread that makes the job, and on whichever resumes it.
// Errors     An exception that leaves it ends the program.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace zc::testing {

class [[nodiscard]] job {
 public:
  struct promise_type {
    job get_return_object() {
      return job(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  job() noexcept = default;
  job(job&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  job& operator=(job&& other) noexcept {
    if (this == &other) return *this;
    cancel();
    frame_ = std::exchange(other.frame_, nullptr);
    return *this;
  }
  ~job() { cancel(); }

  void cancel() noexcept {
    if (frame_) std::exchange(frame_, nullptr).destroy();
  }
  // Ran to its end, or was cancelled.
  bool ended() const noexcept { return !frame_ || frame_.done(); }

 private:
  explicit job(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

}  // namespace zc::testing
