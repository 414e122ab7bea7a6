// zc/shard/sleep.h - tasks and time: sleep_for, yield, with_timeout.
//
//     co_await sleep_for(here, seconds(1));
//     const bool slept = co_await sleep_for(here, seconds(1), scope.stopping());
//     if (!slept) co_return;                     a stop was requested meanwhile
//     co_await yield();                          everybody else who is ready goes first
//     auto got = co_await with_timeout(here, fetch(from), seconds(5));
//
// Cost  A timer of the wheel in the frame; nothing is allocated but with_timeout's own frame.
#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include "zc/base/result.h"
#include "zc/shard/shard.h"
#include "zc/shard/task.h"
#include "zc/shard/task_scope.h"
#include "zc/shard/timer.h"
#include "zc/shard/wakeup.h"

namespace zc {

class [[nodiscard]] sleep_awaiter final : timer {
 public:
  sleep_awaiter(shard& here, nanoseconds how_long) noexcept : here_(here), how_long_(how_long) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> who) noexcept {
    back_.arm(who);
    here_.arm(*this, how_long_);
  }
  void await_resume() const noexcept {}

 private:
  void on_timer() override { back_.fire(); }
  shard& here_;
  nanoseconds how_long_;
  wakeup back_;
};

// True: it slept as long as asked. False: a stop was requested.
class [[nodiscard]] sleep_until_stopped final : timer {
 public:
  sleep_until_stopped(shard& here, nanoseconds how_long, stop_flag& stop) noexcept
      : here_(here), how_long_(how_long), stop_(stop) {}
  bool await_ready() const noexcept { return stop_.requested(); }
  void await_suspend(std::coroutine_handle<> who) noexcept {
    waiter_.enter(stop_.waiting_, who);
    here_.arm(*this, how_long_);
  }
  bool await_resume() noexcept {
    disarm();
    return slept_;
  }

 private:
  void on_timer() override {
    if (stop_.requested()) return;  // fired already
    slept_ = true;
    waiter_.fire_alone();
  }
  shard& here_;
  nanoseconds how_long_;
  stop_flag& stop_;
  bool slept_ = false;
  detail::waiting_list::waiter waiter_;
};

inline sleep_awaiter sleep_for(shard& here, nanoseconds how_long) noexcept {
  return {here, how_long};
}
inline sleep_until_stopped sleep_for(shard& here, nanoseconds how_long, stop_flag& stop) noexcept {
  return {here, how_long, stop};
}

class [[nodiscard]] yield_awaiter {
 public:
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> who) noexcept {
    back_.arm(who);
    back_.fire();
  }
  void await_resume() const noexcept {}

 private:
  wakeup back_;
};

inline yield_awaiter yield() noexcept {
  return {};
}

namespace detail {

template <class T>
struct timed {
  using type = result<T>;
};
template <class T>
struct timed<result<T>> {
  using type = result<T>;
};

// Awaits a task it owns, for a while.
template <class T>
class timed_wait final : timer {
 public:
  timed_wait(shard& here, task<T>&& child, nanoseconds how_long) noexcept
      : here_(here), child_(std::move(child)), how_long_(how_long) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> parent) {
    auto& promise = child_.frame().promise();
    promise.then = parent;
    if (promise.start(child_.frame())) return false;
    back_.arm(parent);
    here_.arm(*this, how_long_);
    return true;
  }
  typename timed<T>::type await_resume() {
    disarm();
    back_.disarm();  // ended in the same turn as the time
    if (!child_.done()) {
      child_.reset();
      return fail(errc::timed_out, "took too long");
    }
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return child_.frame().promise().take();
    }
  }

 private:
  void on_timer() override { back_.fire(); }
  shard& here_;
  task<T> child_;
  nanoseconds how_long_;
  wakeup back_;
};

}  // namespace detail

// The result of `child`, or errc::timed_out; then the child is cancelled. A child that gives a
// result<T> keeps its type.
template <class T>
task<typename detail::timed<T>::type> with_timeout(shard& here, task<T> child,
                                                   nanoseconds how_long) {
  detail::timed_wait<T> waiting(here, std::move(child), how_long);
  co_return co_await waiting;
}

}  // namespace zc
