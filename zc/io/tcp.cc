#include "zc/io/tcp.h"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace zc::io {
namespace {

// A peer that vanished is noticed after 30 s + 5 * 10 s without a sign of life.
constexpr int keep_idle_s = 30;
constexpr int keep_interval_s = 10;
constexpr int keep_probes = 5;

}  // namespace

bool set_option(int socket, int level, int option, int value) noexcept {
  return ::setsockopt(socket, level, option, &value, sizeof(value)) == 0;
}

result<void> prepare_tcp(int socket, const socket_options& how) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, keep_idle_s);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, keep_interval_s);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, keep_probes);
  if (!how.congestion.empty() &&
      ::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, how.congestion.data(),
                   static_cast<socklen_t>(how.congestion.size())) != 0) {
    return fail_os(errno, "unknown congestion control");
  }
  return {};
}

int take_socket_error(int socket) noexcept {
  int number = 0;
  socklen_t size = sizeof(number);
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &size) != 0) return errno;
  return number;
}

}  // namespace zc::io
