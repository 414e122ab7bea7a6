#include "zc/io/epoll_stream.h"

#include <cerrno>
#include <cstddef>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

#include "zc/base/check.h"
#include "zc/io/tcp.h"

namespace zc::io {
namespace {

static_assert(sizeof(io_slice) == sizeof(iovec));
static_assert(offsetof(io_slice, data) == offsetof(iovec, iov_base));
static_assert(offsetof(io_slice, size) == offsetof(iovec, iov_len));

constexpr int reads_max = 4;              // per readiness: more brings nothing, fewer cost a fifth
constexpr int last_reads_max = 64;        // after a send has failed: what a receive buffer holds
constexpr std::size_t slices_max = 1024;  // IOV_MAX

}  // namespace

result<void> epoll_connection::connect(std::vector<address> places, const socket_options& how,
                                       stream_events& events) {
  events_ = &events;
  places_ = std::move(places);
  how_ = how;
  return try_connect();
}

void epoll_connection::connect(const endpoint& to, const socket_options& how, stream_events& events,
                               lookup_desk& names) {
  events_ = &events;
  how_ = how;
  connecting_ = true;
  names_ = &names;
  name_ = to;
  ask_for_name();
}

void epoll_connection::ask_for_name() {
  lookup_ = names_->start(name_, *this);
  if (!lookup_) schedule(true);
}

void epoll_connection::on_resolved(result<std::vector<address>>&& found) {
  lookup_.drop();
  names_ = nullptr;
  in_callback_ = true;
  if (!found) {
    fail_now(found.error());
  } else {
    places_ = std::move(*found);
    if (const auto begun = try_connect(); !begun) fail_now(begun.error());
  }
  in_callback_ = false;
}

// Goes through the addresses until one can be waited for. An error is returned only for options
// that no address will ever take.
result<void> epoll_connection::try_connect() {
  int last = EADDRNOTAVAIL;
  connecting_ = true;
  while (next_place_ < places_.size()) {
    peer_ = places_[next_place_++];
    unwatch();
    socket_.reset(::socket(peer_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket_) {
      last = errno;
      continue;
    }
    if (peer_.inet()) {
      if (auto ready = prepare_tcp(socket_.get(), how_); !ready) return ready;
    }
    const int status = ::connect(socket_.get(), peer_.get(), peer_.size());
    // Interrupted, it goes on all the same.
    if (status == 0 || errno == EINPROGRESS || errno == EINTR) {
      if (watch(EPOLLOUT)) return {};
    }
    last = errno;
  }
  fail_later(os_error(last));
  return {};
}

void epoll_connection::finish_connect() {
  const int number = take_socket_error(socket_.get());
  if (number != 0) {
    if (next_place_ == places_.size()) {
      fail_now(os_error(number));
      return;
    }
    if (const auto again = try_connect(); !again) fail_now(again.error());
    return;
  }
  connecting_ = false;
  places_ = {};
  events_->on_connected();
}

void epoll_connection::start(stream_events& events) {
  ZC_CHECK(events_ == nullptr);
  events_ = &events;
  if (home_ != nullptr && !watch(wanted())) fail_later(os_error(errno));
}

std::uint32_t epoll_connection::wanted() const noexcept {
  if (connecting_) return EPOLLOUT;
  std::uint32_t wanted = 0;
  if (reading()) wanted |= EPOLLIN | EPOLLRDHUP;
  if (!pending_.empty()) wanted |= EPOLLOUT;
  return wanted;
}

result<std::size_t> epoll_connection::send(std::span<const io_slice> slices) {
  ZC_CHECK(pending_.empty() && !slices.empty() && slices.size() <= slices_max);
  if (failed_ || !alive()) return fail(errc::closed, "connection is closed");
  if (shut_) return fail(errc::closed, "sending was shut down");
  if (!connecting_) {
    msghdr message{};
    message.msg_iov = reinterpret_cast<iovec*>(const_cast<io_slice*>(slices.data()));
    message.msg_iovlen = slices.size();
    ssize_t sent;
    do {
      sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent > 0) return static_cast<std::size_t>(sent);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      const error why = os_error(errno);
      fail_later(why);
      return std::unexpected(why);
    }
  }
  pending_ = slices;
  if (!in_callback_) settle(0);
  return 0;
}

void epoll_connection::write_pending() {
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(const_cast<io_slice*>(pending_.data()));
  message.msg_iovlen = pending_.size();
  ssize_t sent;
  do {
    sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent > 0) {
    pending_ = {};
    events_->on_sent(static_cast<std::size_t>(sent));
    if (alive()) maybe_shut_down();
  } else if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    fail_later(os_error(errno));  // what was not read yet comes first
  }
}

void epoll_connection::shutdown_send() {
  if (failed_ || !alive()) return;
  shut_wanted_ = true;
  maybe_shut_down();
}

void epoll_connection::maybe_shut_down() {
  if (!shut_wanted_ || shut_ || connecting_ || failed_ || !pending_.empty()) return;
  shut_ = true;
  ::shutdown(socket_.get(), SHUT_WR);  // an error here shows up in the next read
}

void epoll_connection::resume_read() {
  paused_ = false;
  if (!in_callback_) settle(0);
}

void epoll_connection::pause_read() {
  paused_ = true;
  if (!in_callback_) settle(0);
}

std::size_t epoll_connection::unsent() const noexcept {
  int count = 0;
  if (!socket_ || ::ioctl(socket_.get(), SIOCOUTQ, &count) != 0 || count < 0) return 0;
  return static_cast<std::size_t>(count);
}

void epoll_connection::close() noexcept {
  if (abort_ && socket_ && peer_.inet()) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  events_ = nullptr;
  pending_ = {};
  lookup_.drop();
  abandon();
}

void epoll_connection::fail_now(const error& why) {
  failed_ = true;
  pending_ = {};
  unwatch();
  events_->on_failed(why);
}

void epoll_connection::fail_later(const error& why) {
  if (failed_) return;
  failed_ = true;
  pending_ = {};
  unwatch();
  why_failed_ = why;
  schedule();
}

void epoll_connection::on_due() {
  if (names_ != nullptr) return ask_for_name();
  in_callback_ = true;
  read_last_words();
  if (alive()) events_->on_failed(why_failed_);
  in_callback_ = false;
}

// Sending has failed, but what the peer said before it went may lie in the socket: an early answer,
// most of all.
void epoll_connection::read_last_words() {
  for (int reads = 0; reads < last_reads_max; ++reads) {
    if (!alive() || !reading() || connecting_ || !socket_) return;
    const std::span<std::byte> room = events_->receive_room();
    if (!alive() || paused_ || room.empty()) return;
    ssize_t got;
    do {
      got = ::recv(socket_.get(), room.data(), room.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return;  // why it ended is known
    events_->on_received(static_cast<std::size_t>(got));
  }
}

void epoll_connection::look_for_error() {
  const int number = take_socket_error(socket_.get());
  if (number != 0) fail_now(os_error(number));
}

bool epoll_connection::read_once(std::uint32_t events) {
  const std::span<std::byte> room = events_->receive_room();
  if (!alive() || failed_ || paused_) return false;
  if (room.empty()) {
    paused_ = true;
    return false;
  }
  ssize_t got;
  do {
    got = ::recv(socket_.get(), room.data(), room.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK) fail_now(os_error(errno));
    return false;
  }
  if (got == 0) {
    read_ended_ = true;
    events_->on_end();
    return false;
  }
  const auto n = static_cast<std::size_t>(got);
  home_->note_received(n);
  events_->on_received(n);
  if (!alive() || failed_ || paused_) return false;
  // A short read has emptied the socket, unless the end is known to be there as well.
  return n == room.size() || (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
}

void epoll_connection::read_some(std::uint32_t events) {
  for (int reads = 0; reads < reads_max; ++reads) {
    if (!read_once(events) || home_->ends_soon()) return;
  }
}

void epoll_connection::on_ready(std::uint32_t events) {
  in_callback_ = true;
  if (connecting_) {
    finish_connect();
    if (alive() && !failed_) maybe_shut_down();
    if (alive() && !failed_) settle(0);
    in_callback_ = false;
    return;
  }
  const std::uint32_t broken = events & (EPOLLERR | EPOLLHUP);
  if (reading() && (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) {
    read_some(events);  // what came before an error is still delivered; then recv() reports it
  }
  if (alive() && !failed_ && !reading() && (events & EPOLLERR) != 0) look_for_error();
  if (alive() && !failed_ && !pending_.empty() && (events & (EPOLLOUT | broken)) != 0) {
    write_pending();
  }
  if (alive() && !failed_) maybe_shut_down();
  if (alive() && !failed_) settle(broken);
  in_callback_ = false;
}

// Brings what epoll watches in line with what is wanted. `broken` is what was reported and cannot
// be masked: with nothing left that could make progress, only not watching at all keeps it from
// being reported for ever.
void epoll_connection::settle(std::uint32_t broken) {
  if (failed_ || !alive() || events_ == nullptr || names_ != nullptr) return;
  const std::uint32_t now_wanted = wanted();
  if (now_wanted == 0 && broken != 0) {
    unwatch();
    return;
  }
  if (!watch(now_wanted)) fail_later(os_error(errno));
}

}  // namespace zc::io
