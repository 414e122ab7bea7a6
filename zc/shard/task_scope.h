// zc/shard/task_scope.h - who owns running tasks, and how they end: a nursery with a bound.
//
//     task_scope open(here, 10'000);
//     if (!open.spawn(serve(std::move(connection)))) refuse();      full: the task did not start
//     ...
//     open.request_stop();             tasks that look at open.stopping() clean up and return
//     co_await open.join();            until the last one has
//     open.cancel();                   or at once: the frames die where they are suspended
//
// Ownership  Owns the tasks that run in it; each dies as soon as it has ended. The destructor
//            cancels what is left (structured: no task outlives its scope).
// Threads    One shard. cancel() and the destructor: not from inside one of its tasks.
// Bound      tasks_max at once.
// Errors     Asks for no memory: what can fail is making a task, before its scope knows of it.
// Shutdown   A shard that stops with a grace time (shard::request_stop, shard_group::stop) requests
//            a stop of all its scopes, runs on until they are empty or the time is over, and
//            cancels the rest.
#pragma once

#include <coroutine>
#include <cstddef>

#include "zc/shard/shard.h"
#include "zc/shard/task.h"
#include "zc/shard/timer.h"
#include "zc/shard/wakeup.h"

namespace zc {

namespace detail {

// Coroutines of one shard that wait for one thing.
class waiting_list {
 public:
  class waiter {
   public:
    waiter() noexcept = default;
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter() { leave(); }
    void enter(waiting_list& list, std::coroutine_handle<> who) noexcept;
    void leave() noexcept;
    // For a second reason to go on. Requires: entered, nothing fired yet.
    void fire_alone() noexcept;

   private:
    friend class waiting_list;
    waiting_list* list_ = nullptr;
    waiter* next_ = nullptr;
    waiter* previous_ = nullptr;
    wakeup back_;
  };
  waiting_list() noexcept = default;
  waiting_list(const waiting_list&) = delete;
  waiting_list& operator=(const waiting_list&) = delete;
  ~waiting_list();
  void fire_all() noexcept;
  bool empty() const noexcept { return first_ == nullptr; }

 private:
  waiter* first_ = nullptr;
};

}  // namespace detail

// Somebody wants an end: asked often, or awaited. One shard.
class stop_flag {
 public:
  bool requested() const noexcept { return requested_; }
  void request() noexcept {
    requested_ = true;
    waiting_.fire_all();
  }

  class until_requested {
   public:
    explicit until_requested(stop_flag& of) noexcept : of_(of) {}
    bool await_ready() const noexcept { return of_.requested_; }
    void await_suspend(std::coroutine_handle<> who) noexcept { waiter_.enter(of_.waiting_, who); }
    void await_resume() const noexcept {}

   private:
    stop_flag& of_;
    detail::waiting_list::waiter waiter_;
  };
  // co_await flag.wait(): goes on when a stop was requested.
  until_requested wait() noexcept { return until_requested(*this); }

 private:
  friend class sleep_until_stopped;
  bool requested_ = false;
  detail::waiting_list waiting_;
};

class task_scope final : private detail::task_watcher, private shard::stoppable {
 public:
  task_scope(shard& on, std::size_t tasks_max) noexcept;
  task_scope(const task_scope&) = delete;
  task_scope& operator=(const task_scope&) = delete;
  ~task_scope();

  // Runs it to its first suspension. False when tasks_max run already or cancel() is under way: the
  // task stays with the caller, not started.
  bool spawn(task<void>&& t);
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  stop_flag& stopping() noexcept { return stop_; }
  void request_stop() noexcept override { stop_.request(); }
  void cancel() noexcept override;

  class until_empty {
   public:
    explicit until_empty(task_scope& of) noexcept : of_(of) {}
    bool await_ready() const noexcept { return of_.empty(); }
    void await_suspend(std::coroutine_handle<> who) noexcept { waiter_.enter(of_.joining_, who); }
    void await_resume() const noexcept {}

   private:
    task_scope& of_;
    detail::waiting_list::waiter waiter_;
  };
  // co_await scope.join(): goes on when it was empty. Not from inside one of its tasks.
  until_empty join() noexcept { return until_empty(*this); }

 private:
  std::coroutine_handle<> on_task_done(detail::promise_base& ended) noexcept override;
  bool idle() const noexcept override { return empty(); }
  void link(detail::promise_base& p) noexcept;
  void unlink(detail::promise_base& p) noexcept;
  static std::coroutine_handle<task<void>::promise_type> frame_of(detail::promise_base& p) noexcept;

  const std::size_t tasks_max_;
  std::size_t size_ = 0;
  bool cancelling_ = false;
  detail::promise_base* last_ = nullptr;  // spawned; previous_in leads to the older ones
  stop_flag stop_;
  detail::waiting_list joining_;
};

}  // namespace zc
