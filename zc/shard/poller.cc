#include "zc/shard/poller.h"

#include <algorithm>
#include <charconv>

namespace zc {
namespace {

constexpr std::size_t unix_path_bytes_max =
    107;                                     // what fits into a sockaddr_un with its final zero
constexpr std::size_t host_bytes_max = 253;  // of a name in the DNS; numeric ones are shorter

result<endpoint> parse_unix(std::string_view path, std::size_t offset) {
  if (path.starts_with("//")) {
    path.remove_prefix(2);
    offset += 2;
    if (!path.starts_with('/'))
      return fail(errc::malformed, "unix:// needs an absolute path", offset);
  }
  if (path.empty()) return fail(errc::malformed, "path missing after unix:", offset);
  if (path.size() > unix_path_bytes_max)
    return fail(errc::too_large, "socket path too long", offset);
  if (path.find('\0') != path.npos)
    return fail(errc::malformed, "zero byte in socket path", offset);
  endpoint made;
  made.unix_path = path;
  return made;
}

result<std::uint16_t> parse_port(std::string_view text, std::size_t offset) {
  if (text.empty()) return fail(errc::malformed, "port missing", offset);
  std::uint16_t port = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (status == std::errc::result_out_of_range) {
    return fail(errc::malformed, "port greater than 65535", offset);
  }
  if (status != std::errc() || end != text.data() + text.size()) {
    return fail(errc::malformed, "port is not a number", offset);
  }
  return port;
}

bool fits_host(char c) noexcept {
  return c > ' ' && c < '\x7f' && c != '/' && c != '[' && c != ']' && c != '@';
}

}  // namespace

result<endpoint> endpoint::parse(std::string_view text) {
  if (text.starts_with("unix:")) return parse_unix(text.substr(5), 5);
  endpoint made;
  std::size_t colon = text.rfind(':');
  std::string_view host;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == text.npos) return fail(errc::malformed, "closing bracket missing", text.size());
    host = text.substr(1, end - 1);
    if (host.find(':') == host.npos) return fail(errc::malformed, "not an IPv6 address", 1);
    colon = end + 1;
    if (colon >= text.size()) return fail(errc::malformed, "port missing", text.size());
    if (text[colon] != ':') return fail(errc::malformed, "colon expected", colon);
  } else {
    if (colon == text.npos) return fail(errc::malformed, "port missing", text.size());
    host = text.substr(0, colon);
    if (host.find(':') != host.npos) {
      return fail(errc::malformed, "an IPv6 address needs brackets", host.find(':'));
    }
  }
  if (host.size() > host_bytes_max) return fail(errc::too_large, "host name too long", 0);
  const auto odd = std::ranges::find_if_not(host, fits_host);
  if (odd != host.end()) {
    return fail(errc::malformed, "character not allowed in a host",
                static_cast<std::size_t>(&*odd - text.data()));
  }
  const auto port = parse_port(text.substr(colon + 1), colon + 1);
  if (!port) return std::unexpected(port.error());
  made.host = host;
  made.port = *port;
  return made;
}

std::string endpoint::text() const {
  // The long form where the short one would be taken for it.
  if (!unix_path.empty()) return (unix_path.starts_with("//") ? "unix://" : "unix:") + unix_path;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace zc
