#include "zc/io/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace zc::io {
namespace {

struct free_list {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

result<std::vector<address>> unix_address(const std::string& path) {
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  if (path.size() >= sizeof(place.sun_path)) return fail(errc::too_large, "socket path too long");
  std::memcpy(place.sun_path, path.data(), path.size());
  const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + 1;
  return std::vector<address>{
      address(reinterpret_cast<const sockaddr*>(&place), static_cast<socklen_t>(size))};
}

template <class Place>
Place as(const sockaddr* from) noexcept {
  Place place;
  std::memcpy(&place, from, sizeof(place));
  return place;
}

std::string number_text(int family, const void* number) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(family, number, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

}  // namespace

address::address(const sockaddr* from, socklen_t size) noexcept
    : size_(std::min<socklen_t>(size, sizeof(storage_))) {
  std::memcpy(&storage_, from, size_);
}

endpoint address::numbers() const {
  endpoint made;
  if (family() == AF_INET) {
    const auto v4 = as<sockaddr_in>(get());
    made.host = number_text(AF_INET, &v4.sin_addr);
    made.port = ntohs(v4.sin_port);
  } else if (family() == AF_INET6) {
    const auto v6 = as<sockaddr_in6>(get());
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) != 0;
    made.host = mapped ? number_text(AF_INET, &v6.sin6_addr.s6_addr[12])
                       : number_text(AF_INET6, &v6.sin6_addr);
    made.port = ntohs(v6.sin6_port);
  } else if (family() == AF_UNIX) {
    constexpr std::size_t start = offsetof(sockaddr_un, sun_path);
    // An accepted peer has no path; it still is a Unix socket.
    const char* path = reinterpret_cast<const char*>(&storage_) + start;
    if (size_ > start) made.unix_path.assign(path, ::strnlen(path, size_ - start));
    if (made.unix_path.empty()) made.unix_path = "(unnamed)";
  }
  return made;
}

result<std::vector<address>> resolve(const endpoint& what, purpose why) {
  if (!what.unix_path.empty()) return unix_address(what.unix_path);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (why == purpose::listening ? AI_PASSIVE : AI_ADDRCONFIG);
  std::array<char, 8> port{};
  std::to_chars(port.data(), port.data() + port.size() - 1, what.port);
  const char* host = what.host.empty() ? nullptr : what.host.c_str();
  addrinfo* found = nullptr;
  int status = ::getaddrinfo(host, port.data(), &hints, &found);
  if (status != 0 && (hints.ai_flags & AI_ADDRCONFIG) != 0) {
    // A machine whose only interface is the loopback counts as having no address configured.
    hints.ai_flags &= ~AI_ADDRCONFIG;
    status = ::getaddrinfo(host, port.data(), &hints, &found);
  }
  if (status == EAI_SYSTEM) return fail_os(errno, "name resolution failed");
  if (status != 0) return fail(errc::system, ::gai_strerror(status));
  const std::unique_ptr<addrinfo, free_list> list(found);
  std::vector<address> places;
  for (const addrinfo* a = list.get(); a != nullptr && places.size() < addresses_max;
       a = a->ai_next) {
    if (a->ai_family == AF_INET || a->ai_family == AF_INET6) {
      places.emplace_back(a->ai_addr, a->ai_addrlen);
    }
  }
  if (places.empty()) return fail(errc::system, "name has no IPv4 or IPv6 address");
  if (why == purpose::listening) {
    // Every local address: the IPv6 wildcard serves IPv4 as well. A name: IPv4 first, as most peers
    // come so.
    const int family = host == nullptr ? AF_INET6 : AF_INET;
    const auto preferred = std::ranges::find(places, family, &address::family);
    if (preferred != places.end()) std::rotate(places.begin(), preferred, preferred + 1);
  }
  return places;
}

bool is_name(const endpoint& what) noexcept {
  if (!what.unix_path.empty() || what.host.empty()) return false;
  in6_addr unused{};
  return ::inet_pton(AF_INET, what.host.c_str(), &unused) != 1 &&
         ::inet_pton(AF_INET6, what.host.c_str(), &unused) != 1;
}

address local_address(int socket) noexcept {
  sockaddr_storage place{};
  socklen_t size = sizeof(place);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&place), &size) != 0) return {};
  return {reinterpret_cast<const sockaddr*>(&place), size};
}

error os_error(int number) noexcept {
  const char* phrase = ::strerrordesc_np(number);
  error made{errc::system, phrase != nullptr ? phrase : "unknown system error", 0, number};
  switch (number) {
    case ECONNREFUSED:
      made.code = errc::refused;
      break;
    case ETIMEDOUT:
      made.code = errc::timed_out;
      break;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
      made.code = errc::closed;
      break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      made.code = errc::exhausted;
      break;
    default:
      break;
  }
  return made;
}

}  // namespace zc::io
