// zc/shard/call.h - run a function on another shard and have its result.
//
//     auto asked = call(other, [name] { return find(name); });       in a task
//     const auto found = co_await std::move(asked);                  (in one line: see task.h)
//     const auto port = ask(other, [&] { return server->local(); });        from a thread
//
// The function runs on the other shard's thread, from its mailbox; when that is full, the caller
// waits. What it returns as T comes back as result<T> (a result<T> as itself): errc::closed when
// the other shard has ended first.
//
// Ownership  The function is taken by value and destroyed on the other shard, the result on the
//            caller's; of a call that was cancelled both on the other shard.
// Cancel     Destroying the waiting task is safe at any time. A function that has not begun by then
//            does not run; one that runs, runs to its end, and its result is dropped. So do not
//            capture by reference what the caller's frame owns, unless nothing cancels it.
// Threads    call(): a task on any shard, also on `to` itself: then it runs at once. ask(): a
//            thread that is no shard's.
// Cost       One allocation, a letter, a wakeup back: two hops, each without a lock on the shards.
// Errors     Values. Where there is no memory for what both sides share, nothing runs: call() gives
//            errc::exhausted, ask() throws std::bad_alloc. (For the frame of call(): see task.h.)
#pragma once

#include <condition_variable>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "zc/base/result.h"
#include "zc/shard/mailbox.h"
#include "zc/shard/shard.h"
#include "zc/shard/task.h"
#include "zc/shard/wakeup.h"

namespace zc {

namespace detail {

template <class T>
struct as_result {
  using type = result<T>;
};
template <class T>
struct as_result<result<T>> {
  using type = result<T>;
};

// What both sides of a call share.
template <class F>
class call_state {
 public:
  using answer = typename as_result<std::invoke_result_t<F&>>::type;

  explicit call_state(F&& fn) : fn_(std::move(fn)) {}

  void run() {
    std::optional<F> fn;
    {
      const std::lock_guard lock(guard_);
      fn.emplace(std::move(*fn_));
      fn_.reset();
      if (abandoned_) return;
    }
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
      (*fn)();
      fn.reset();
      finish(answer{});
    } else {
      answer value((*fn)());
      fn.reset();
      finish(std::move(value));
    }
  }
  void drop() { finish(fail(errc::closed, "the shard has ended")); }

  // For ask().
  answer wait() {
    std::unique_lock lock(guard_);
    changed_.wait(lock, [this] { return value_.has_value(); });
    return std::move(*value_);
  }

  class awaiter {
   public:
    explicit awaiter(call_state& of) noexcept : of_(of) {}
    awaiter(const awaiter&) = delete;
    awaiter& operator=(const awaiter&) = delete;
    ~awaiter() {
      std::optional<answer> late;  // destroyed here: it is the caller's
      const std::lock_guard lock(of_.guard_);
      of_.back_ = nullptr;
      of_.abandoned_ = true;
      if (of_.value_) late.emplace(std::move(*of_.value_));
      of_.value_.reset();
    }
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> who) noexcept {
      const std::lock_guard lock(of_.guard_);
      if (of_.value_.has_value()) return false;
      back_.arm(who);
      of_.back_ = &back_;
      return true;
    }
    answer await_resume() {
      const std::lock_guard lock(of_.guard_);
      return std::move(*of_.value_);
    }

   private:
    call_state& of_;
    wakeup back_;
  };

 private:
  void finish(answer&& value) {
    const std::lock_guard lock(guard_);
    if (abandoned_) return;
    value_.emplace(std::move(value));
    if (back_ != nullptr) std::exchange(back_, nullptr)->fire();
    changed_.notify_all();
  }

  std::mutex guard_;
  std::condition_variable changed_;
  std::optional<F> fn_;
  std::optional<answer> value_;
  wakeup* back_ = nullptr;
  bool abandoned_ = false;
};

// Null where there is no memory: an exception must not leave the task that calls.
template <class F>
std::shared_ptr<call_state<F>> try_call_state(F&& fn) noexcept {
  try {
    // NOLINTNEXTLINE(bugprone-move-forwarding-reference): F is named, so this takes rvalues only
    return std::make_shared<call_state<F>>(std::move(fn));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

// Says so when it is destroyed without having run.
template <class F>
class call_letter {
 public:
  explicit call_letter(std::shared_ptr<call_state<F>> of) noexcept : of_(std::move(of)) {}
  call_letter(call_letter&&) noexcept = default;
  call_letter& operator=(call_letter&&) = delete;
  ~call_letter() {
    if (of_) of_->drop();
  }
  void operator()() { std::exchange(of_, nullptr)->run(); }

 private:
  std::shared_ptr<call_state<F>> of_;
};

}  // namespace detail

template <class F>
task<typename detail::call_state<F>::answer> call(shard& to, F fn) {
  if (shard::current() == &to) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
      fn();
      co_return typename detail::call_state<F>::answer{};
    } else {
      co_return fn();
    }
  }
  auto state = detail::try_call_state<F>(std::move(fn));
  if (!state) co_return fail(errc::exhausted, "no memory for a call");
  // Before the letter goes: it ends the call when this frame dies.
  typename detail::call_state<F>::awaiter answered(*state);
  mailbox::letter letter = detail::call_letter<F>(state);
  for (;;) {
    // NOLINTNEXTLINE(bugprone-use-after-move): what is not taken stays ours
    const mailbox::outcome sent = to.mail().try_post(std::move(letter));
    if (sent == mailbox::outcome::taken) break;
    if (sent == mailbox::outcome::closed) co_return fail(errc::closed, "the shard has ended");
    co_await to.mail().room();
  }
  co_return co_await answered;
}

template <class F>
auto ask(shard& to, F fn) -> typename detail::call_state<F>::answer {
  auto state = std::make_shared<detail::call_state<F>>(std::move(fn));
  if (!to.mail().post_and_wait(detail::call_letter<F>(state))) {
    return fail(errc::closed, "the shard has ended");
  }
  return state->wait();
}

}  // namespace zc
