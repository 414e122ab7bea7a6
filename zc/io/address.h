// zc/io/address.h - where a socket is: IPv4, IPv6 or a Unix path; and names that become such
// places.
//
// Errors  Values. A name that cannot be resolved is errc::system with the resolver's words as the
// reason.
#pragma once

#include <string>
#include <sys/socket.h>
#include <vector>

#include "zc/base/result.h"
#include "zc/shard/poller.h"

namespace zc::io {

class address {
 public:
  address() noexcept = default;
  address(const sockaddr* from, socklen_t size) noexcept;

  int family() const noexcept { return storage_.ss_family; }  // AF_UNSPEC when empty
  bool inet() const noexcept { return family() == AF_INET || family() == AF_INET6; }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }

  // The numbers: an IPv4 address that a dual-stack socket shows as IPv6 is written as IPv4.
  endpoint numbers() const;
  std::string text() const {
    return numbers().text();
  }  // "127.0.0.1:4317", "[::1]:4317", "unix:/path"

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

enum class purpose : unsigned char { connecting, listening };

inline constexpr std::size_t addresses_max = 16;  // tried per name

// The places an endpoint stands for, in the order to try them; never empty. Names block on the
// resolver; numbers do not. An empty host is every local address (listening) or this machine
// (connecting).
result<std::vector<address>> resolve(const endpoint& what, purpose why);
// Whether `what` is a name, for which resolve() asks others and may block: no path, no number.
bool is_name(const endpoint& what) noexcept;

address local_address(int socket) noexcept;

// The error of a socket or file call as a value: refused, timed_out and closed where they fit, else
// system. The number is kept, the reason is the system's phrase for it.
error os_error(int number) noexcept;

}  // namespace zc::io
