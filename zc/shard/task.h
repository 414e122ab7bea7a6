// zc/shard/task.h - a coroutine of one shard: lazy, move-only, its result comes by co_await.
//
//     task<result<bytes>> fetch(client& from);      runs when somebody awaits it
//     auto got = co_await fetch(from);
//     scope.spawn(serve(std::move(connection)));    or when a scope takes it (task_scope.h)
//
// Ownership  The task object owns the frame. Destroying it cancels: the frame dies where it is
//            suspended, and with it everything it awaits; nothing is lost and nobody is resumed.
//            Parameters live in the frame: take them by value, or by a reference that outlives it.
//            A lambda's captures do not live there: coroutines take parameters instead.
// Threads    One shard: made, resumed and destroyed there. Not from inside itself.
// Cost       One frame from the shard's cache, no locks. A child that does not suspend returns to
//            its parent like a function: no stack grows in a loop, whatever the compiler makes of
//            tail calls.
// GCC 12     resumes nothing after a co_await in the condition of if, while, do or switch: name the
//            value first (`while (auto got = co_await ...)` is fine). And it destroys twice the
//            captures of a lambda, or the members of an aggregate, that is written inside a
//            co_await expression: make the task in a statement of its own, then await it.
//            tools/check_layers refuses what it can see of both.
// Errors     Values. An exception that leaves a task ends the program and says so; std::bad_alloc
//            of the frame is thrown by the call that would have made the task.
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "zc/base/check.h"

namespace zc {

template <class T>
class task;

namespace detail {

class promise_base;

// Told when a task ends that nobody awaits directly. Returns who goes on now.
class task_watcher {
 public:
  virtual std::coroutine_handle<> on_task_done(promise_base& ended) noexcept = 0;

 protected:
  ~task_watcher() = default;
};

[[noreturn]] void task_threw() noexcept;  // inside a catch block: says what, and ends the program
void* get_frame(std::size_t size);
void put_frame(void* frame, std::size_t size) noexcept;

class promise_base {
 public:
  static void* operator new(std::size_t size) { return get_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { put_frame(frame, size); }

  struct at_end {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) const noexcept {
      return ended.promise().next();  // the watcher may have destroyed the frame
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  at_end final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { task_threw(); }

  // Runs to the first suspension or the end. Returns whether it has ended; then nobody is told.
  bool start(std::coroutine_handle<> self) {
    starting_ = true;
    self.resume();
    starting_ = false;
    return self.done();
  }
  std::coroutine_handle<> then;     // resumed at the end
  task_watcher* watcher = nullptr;  // or told
  promise_base* next_in = nullptr;  // for the watcher's list
  promise_base* previous_in = nullptr;

 private:
  std::coroutine_handle<> next() noexcept {
    if (starting_) return std::noop_coroutine();  // start() returns to whoever waits
    if (watcher != nullptr) return watcher->on_task_done(*this);
    return then ? then : std::noop_coroutine();
  }
  bool starting_ = false;
};

template <class T>
class promise final : public promise_base {
 public:
  task<T> get_return_object() noexcept;
  template <class U>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    ZC_CHECK(value_.has_value());
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class promise<void> final : public promise_base {
 public:
  task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] task {
  static_assert(!std::is_reference_v<T>, "return a pointer: a reference hides who owns it");

 public:
  using promise_type = detail::promise<T>;
  using value_type = T;

  task() noexcept = default;
  task(task&& t) noexcept : frame_(std::exchange(t.frame_, nullptr)) {}
  task& operator=(task&& t) noexcept {
    if (this != &t) {
      reset();
      frame_ = std::exchange(t.frame_, nullptr);
    }
    return *this;
  }
  ~task() { reset(); }

  explicit operator bool() const noexcept { return static_cast<bool>(frame_); }
  bool done() const noexcept { return frame_ && frame_.done(); }
  // Cancels it, wherever it is. Not from inside the task.
  void reset() noexcept {
    if (frame_) std::exchange(frame_, nullptr).destroy();
  }

  // Once. Requires: not empty, not started.
  auto operator co_await() && noexcept {
    ZC_REQUIRES(static_cast<bool>(frame_), "co_await requires a task that has not been moved from");
    return awaiter{frame_};
  }

  // For those who run tasks: see promise_base.
  std::coroutine_handle<promise_type> frame() const noexcept { return frame_; }
  std::coroutine_handle<promise_type> release() noexcept { return std::exchange(frame_, nullptr); }

 private:
  friend promise_type;
  struct awaiter {
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> parent) {
      child.promise().then = parent;
      return !child.promise().start(child);
    }
    T await_resume() { return child.promise().take(); }
    std::coroutine_handle<promise_type> child;
  };
  explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

template <class T>
task<T> detail::promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}

inline task<void> detail::promise<void>::get_return_object() noexcept {
  return task<void>(std::coroutine_handle<promise<void>>::from_promise(*this));
}

}  // namespace zc
