#include "zc/shard/waiting_room.h"

#include "zc/base/check.h"

namespace zc {

waiting_room::~waiting_room() {
  ZC_REQUIRES(first_ == nullptr, "a task must not outlive what it waits for");
}

void waiting_room::unlink(awaiter& w) noexcept {
  (w.previous_ != nullptr ? w.previous_->next_ : first_) = w.next_;
  (w.next_ != nullptr ? w.next_->previous_ : last_) = w.previous_;
  w.next_ = nullptr;
  w.previous_ = nullptr;
  w.waits_ = false;
  waiting_.fetch_sub(1);
}

void waiting_room::tell_first() noexcept {
  awaiter& w = *first_;
  unlink(w);
  w.told_ = true;
  w.back_.fire();
}

void waiting_room::tell(std::size_t places) noexcept {
  if (waiting_.load() == 0) return;
  const std::lock_guard lock(guard_);
  for (; places > 0 && first_ != nullptr; --places) tell_first();
  changed_.notify_all();
}

void waiting_room::wait() {
  std::unique_lock lock(guard_);
  // Said before the look, as tell() looks after its caller has stored.
  waiting_.fetch_add(1);
  changed_.wait(lock, [this] { return !full_(of_); });
  waiting_.fetch_sub(1);
}

bool waiting_room::awaiter::await_suspend(std::coroutine_handle<> who) noexcept {
  back_.arm(who);
  const std::lock_guard lock(room_.guard_);
  entered_ = true;
  previous_ = room_.last_;
  (previous_ != nullptr ? previous_->next_ : room_.first_) = this;
  room_.last_ = this;
  waits_ = true;
  room_.waiting_.fetch_add(1);
  if (room_.full_(room_.of_)) return true;
  room_.unlink(*this);
  back_.disarm();
  return false;
}

waiting_room::awaiter::~awaiter() {
  if (!entered_) return;
  const std::lock_guard lock(room_.guard_);
  if (waits_) room_.unlink(*this);
  if (told_ && room_.first_ != nullptr) room_.tell_first();
}

}  // namespace zc
