#include "zc/io/epoll_acceptor.h"

#include <cerrno>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "zc/io/epoll_stream.h"
#include "zc/io/tcp.h"

namespace zc::io {
namespace {

constexpr int accepts_max = 64;  // per readiness: others want their turn

// Whether nobody listens at the path any more; then it is free to be taken over.
bool remove_stale_path(const address& at, const std::string& path) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  const fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe || ::connect(probe.get(), at.get(), at.size()) == 0 || errno != ECONNREFUSED) {
    return false;
  }
  return ::unlink(path.c_str()) == 0;
}

}  // namespace

epoll_listening::epoll_listening(epoll_home& home, fd socket, const endpoint& at,
                                 acceptor_events& events)
    : events_(events) {
  socket_ = std::move(socket);
  home.enlist(*this);
  if (at.unix_path.empty()) {
    local_ = local_address(socket_.get()).numbers();
    return;
  }
  local_.unix_path = at.unix_path;
  struct stat file{};
  if (::lstat(at.unix_path.c_str(), &file) == 0) {
    device_ = file.st_dev;
    inode_ = file.st_ino;
  }
}

bool epoll_listening::pause() noexcept {
  paused_ = true;
  return !alive() || watch(0);
}

bool epoll_listening::resume() noexcept {
  paused_ = false;
  return !alive() || waiting_ || watch(EPOLLIN);
}

void epoll_listening::close() noexcept {
  struct stat file{};
  if (inode_ != 0 && ::lstat(local_.unix_path.c_str(), &file) == 0 && file.st_dev == device_ &&
      file.st_ino == inode_) {
    ::unlink(local_.unix_path.c_str());
  }
  abandon();
}

void epoll_listening::wait_a_while() noexcept {
  waiting_ = true;
  watch(0);
  schedule(true);
}

void epoll_listening::on_due() {
  waiting_ = false;
  if (!paused_ && !watch(EPOLLIN)) wait_a_while();
}

void epoll_listening::on_ready(std::uint32_t) {
  for (int i = 0; i < accepts_max; ++i) {
    if (!accept_one()) return;
  }
}

bool epoll_listening::accept_one() {
  sockaddr_storage from{};
  socklen_t size = sizeof(from);
  const int number = ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (number >= 0) {
    auto made = std::make_unique<epoll_stream>(*home_);
    made->state().adopt(fd(number), address(reinterpret_cast<const sockaddr*>(&from), size));
    events_.on_accepted(std::move(made));
    return alive() && !paused_;
  }
  switch (errno) {
    case EAGAIN:
      return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EBADF:
    case EINVAL:
      wait_a_while();  // the connection stays in the backlog: at once would mean for ever
      return false;
    default:
      return true;  // an error of that one connection, which is gone
  }
}

result<fd> listen_at(const address& at, const endpoint& asked, const socket_options& how) {
  fd made(::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return std::unexpected(os_error(errno));
  if (at.inet()) {
    set_option(made.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (at.family() == AF_INET6) set_option(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (how.reuse_port && !set_option(made.get(), SOL_SOCKET, SO_REUSEPORT, 1)) {
      return std::unexpected(os_error(errno));
    }
    if (const auto ready = prepare_tcp(made.get(), how); !ready) {
      return std::unexpected(ready.error());
    }
  }
  int status = ::bind(made.get(), at.get(), at.size());
  if (status != 0 && errno == EADDRINUSE && !at.inet()) {
    if (!remove_stale_path(at, asked.unix_path)) return std::unexpected(os_error(EADDRINUSE));
    status = ::bind(made.get(), at.get(), at.size());
  }
  if (status != 0 || ::listen(made.get(), how.backlog) != 0) {
    return std::unexpected(os_error(errno));
  }
  return made;
}

}  // namespace zc::io
