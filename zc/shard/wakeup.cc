#include "zc/shard/wakeup.h"

#include "zc/base/check.h"
#include "zc/shard/shard.h"

namespace zc {

void wakeup::list::push_back(wakeup& w) noexcept {
  w.next_ = nullptr;
  w.previous_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = &w;
  last_ = &w;
}

void wakeup::list::remove(wakeup& w) noexcept {
  (w.previous_ != nullptr ? w.previous_->next_ : first_) = w.next_;
  (w.next_ != nullptr ? w.next_->previous_ : last_) = w.previous_;
  w.next_ = nullptr;
  w.previous_ = nullptr;
}

void wakeup::arm(std::coroutine_handle<> waiter) noexcept {
  ZC_REQUIRES(state_ == state::idle, "wakeup::arm requires that it is not armed");
  home_ = shard::current();
  ZC_REQUIRES(home_ != nullptr, "wakeup::arm requires a shard's thread");
  waiter_ = waiter;
  state_ = state::armed;
  home_->waiting_ += 1;
}

void wakeup::fire() noexcept {
  ZC_REQUIRES(state_ == state::armed, "wakeup::fire requires one arm() per fire()");
  home_->make_ready(*this);
}

void wakeup::disarm() noexcept {
  if (state_ == state::idle) return;
  home_->forget(*this);
}

}  // namespace zc
