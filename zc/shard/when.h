// zc/shard/when.h - several tasks at once: all of them, or whichever is first.
//
//     auto [a, b] = co_await when_all(left(), right());       std::tuple; void becomes monostate
//     co_await when_all(std::move(many));                     a vector of task<void>
//     std::size_t who = co_await when_any(sleep(), work());   of task<void>: the index
//     auto [who, value] = co_await when_any(near(), far());   of task<T>: the index and the value
//
// The tasks start in order, on this shard. when_any cancels those that were not first: they die
// before it returns. Cancelling the task that waits cancels them all.
//
// Cost  One frame for the combination; a vector for when_any.
#pragma once

#include <coroutine>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "zc/base/check.h"
#include "zc/shard/task.h"

namespace zc {

namespace detail {

// Goes on when `wanted` of the tasks it has started have ended.
class countdown : public task_watcher {
 public:
  explicit countdown(std::size_t wanted) noexcept : left_(wanted) {}
  // Returns whether enough have ended.
  template <class T>
  bool start(task<T>& t) {
    auto& promise = t.frame().promise();
    promise.watcher = this;
    if (promise.start(t.frame())) left_ -= 1;
    return left_ == 0;
  }
  std::coroutine_handle<> on_task_done(promise_base&) noexcept override {
    // Later ones of a when_any find nobody: the first was enough.
    if (left_ == 0) return std::noop_coroutine();
    left_ -= 1;
    if (left_ > 0) return std::noop_coroutine();
    return parent ? parent : std::noop_coroutine();
  }
  std::coroutine_handle<> parent;

 private:
  std::size_t left_;
};

template <class... T>
class all_of {
 public:
  explicit all_of(task<T>&&... each) noexcept : each_(std::move(each)...), left_(sizeof...(T)) {}
  bool await_ready() const noexcept { return sizeof...(T) == 0; }
  bool await_suspend(std::coroutine_handle<> parent) {
    const bool done = std::apply([&](auto&... t) { return (left_.start(t) || ...); }, each_);
    left_.parent = parent;
    return !done;
  }
  auto await_resume() {
    return std::apply([](auto&... t) { return std::tuple(take(t)...); }, each_);
  }

 private:
  template <class U>
  static U take(task<U>& t) {
    return t.frame().promise().take();
  }
  static std::monostate take(task<void>&) { return {}; }
  std::tuple<task<T>...> each_;
  countdown left_;
};

class all_of_many {
 public:
  explicit all_of_many(std::vector<task<void>>&& each) noexcept
      : each_(std::move(each)), left_(each_.size()) {}
  bool await_ready() const noexcept { return each_.empty(); }
  bool await_suspend(std::coroutine_handle<> parent) {
    bool done = false;
    for (task<void>& t : each_) done = left_.start(t);
    left_.parent = parent;
    return !done;
  }
  void await_resume() const noexcept {}

 private:
  std::vector<task<void>> each_;
  countdown left_;
};

template <class T>
class any_of {
 public:
  explicit any_of(std::vector<task<T>>&& each) noexcept : each_(std::move(each)), left_(1) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> parent) {
    for (task<T>& t : each_) {
      if (left_.start(t)) return false;
    }
    left_.parent = parent;
    return true;
  }
  auto await_resume() {
    std::size_t first = 0;
    while (!each_[first].done()) first += 1;
    for (std::size_t i = 0; i < each_.size(); ++i) {
      if (i != first) each_[i].reset();
    }
    if constexpr (std::is_void_v<T>) {
      return first;
    } else {
      return std::pair<std::size_t, T>(first, each_[first].frame().promise().take());
    }
  }

 private:
  std::vector<task<T>> each_;
  countdown left_;
};

template <class T>
using first_of =
    std::conditional_t<std::is_void_v<T>, std::size_t,
                       std::pair<std::size_t, std::conditional_t<std::is_void_v<T>, char, T>>>;
template <class T>
using never_void = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

}  // namespace detail

template <class... T>
task<std::tuple<detail::never_void<T>...>> when_all(task<T>... each) {
  detail::all_of<T...> waiting(std::move(each)...);
  co_return co_await waiting;
}

inline task<void> when_all(std::vector<task<void>> each) {
  detail::all_of_many waiting(std::move(each));
  co_await waiting;
}

// Requires: at least one. If several have ended by the time this goes on, the first in order.
template <class T>
task<detail::first_of<T>> when_any(std::vector<task<T>> each) {
  ZC_REQUIRES(!each.empty(), "when_any requires at least one task");
  detail::any_of<T> waiting(std::move(each));
  co_return co_await waiting;
}

template <class T, class... More>
  requires(std::is_same_v<T, More> && ...)
task<detail::first_of<T>> when_any(task<T> first, task<More>... more) {
  std::vector<task<T>> each;
  each.reserve(1 + sizeof...(More));
  each.push_back(std::move(first));
  (each.push_back(std::move(more)), ...);
  return when_any(std::move(each));
}

}  // namespace zc
