#include "zc/io/epoll_source.h"

#include <sys/epoll.h>
#include <utility>

namespace zc::io {

bool epoll_source::watch(std::uint32_t wanted) noexcept {
  if (watched_ && wanted == wanted_) return true;
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = this;
  const int how = watched_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(home_->epoll(), how, socket_.get(), &event) != 0) return false;
  watched_ = true;
  wanted_ = wanted;
  return true;
}

void epoll_source::unwatch() noexcept {
  if (!watched_) return;
  watched_ = false;
  wanted_ = 0;
  // Not left to close(): a forked child may hold the same open file, and epoll would go on
  // reporting it.
  epoll_event unused{};
  ::epoll_ctl(home_->epoll(), EPOLL_CTL_DEL, socket_.get(), &unused);
}

void epoll_source::schedule(bool later) noexcept {
  if (std::exchange(scheduled_, true)) return;
  home_->schedule(*this, later);
}

void epoll_source::abandon() noexcept {
  dead_ = true;
  if (home_ == nullptr) {
    delete this;
    return;
  }
  unwatch();
  socket_.reset();
  home_->remove(*this);  // deletes, now or when the batch is done
}

}  // namespace zc::io
