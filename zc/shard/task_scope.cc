#include "zc/shard/task_scope.h"

#include <utility>

#include "zc/base/check.h"

namespace zc {
namespace detail {

void waiting_list::waiter::enter(waiting_list& list, std::coroutine_handle<> who) noexcept {
  ZC_CHECK(list_ == nullptr);
  back_.arm(who);
  list_ = &list;
  next_ = list.first_;
  if (next_ != nullptr) next_->previous_ = this;
  list.first_ = this;
}

void waiting_list::waiter::leave() noexcept {
  if (list_ == nullptr) return;
  (previous_ != nullptr ? previous_->next_ : list_->first_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  list_ = nullptr;
  next_ = nullptr;
  previous_ = nullptr;
}

void waiting_list::waiter::fire_alone() noexcept {
  leave();
  back_.fire();
}

waiting_list::~waiting_list() {
  while (first_ != nullptr) first_->leave();
}

void waiting_list::fire_all() noexcept {
  // In the order of waiting: the list has the newest in front.
  waiter* oldest = first_;
  while (oldest != nullptr && oldest->next_ != nullptr) oldest = oldest->next_;
  while (oldest != nullptr) {
    waiter* w = std::exchange(oldest, oldest->previous_);
    w->fire_alone();
  }
}

}  // namespace detail

task_scope::task_scope(shard& on, std::size_t tasks_max) noexcept
    : shard::stoppable(on), tasks_max_(tasks_max) {
  ZC_REQUIRES(tasks_max > 0, "a task_scope requires room for one task");
}

task_scope::~task_scope() {
  cancel();
}

std::coroutine_handle<task<void>::promise_type> task_scope::frame_of(
    detail::promise_base& p) noexcept {
  return std::coroutine_handle<task<void>::promise_type>::from_promise(
      static_cast<task<void>::promise_type&>(p));
}

void task_scope::link(detail::promise_base& p) noexcept {
  p.watcher = this;
  p.previous_in = last_;
  if (last_ != nullptr) last_->next_in = &p;
  last_ = &p;
  size_ += 1;
}

void task_scope::unlink(detail::promise_base& p) noexcept {
  (p.next_in != nullptr ? p.next_in->previous_in : last_) = p.previous_in;
  if (p.previous_in != nullptr) p.previous_in->next_in = p.next_in;
  p.next_in = nullptr;
  p.previous_in = nullptr;
  size_ -= 1;
}

bool task_scope::spawn(task<void>&& t) {
  ZC_REQUIRES(bool(t), "task_scope::spawn requires a task that has not been moved from");
  if (size_ == tasks_max_ || cancelling_) return false;
  const auto frame = t.release();
  link(frame.promise());
  if (frame.promise().start(frame)) on_task_done(frame.promise());
  return true;
}

std::coroutine_handle<> task_scope::on_task_done(detail::promise_base& ended) noexcept {
  unlink(ended);
  frame_of(ended).destroy();
  if (empty()) joining_.fire_all();
  return std::noop_coroutine();
}

void task_scope::cancel() noexcept {
  if (std::exchange(cancelling_, true)) return;
  // The youngest first, as locals go.
  while (last_ != nullptr) {
    detail::promise_base& p = *last_;
    unlink(p);
    frame_of(p).destroy();
  }
  cancelling_ = false;
  joining_.fire_all();
}

}  // namespace zc
