#include "zc/testing/sim/network_core.h"

#include <cerrno>
#include <cstring>

namespace zc::testing {

error failure(int number) noexcept {
  const char* phrase = ::strerrordesc_np(number);
  error made{errc::system, phrase != nullptr ? phrase : "unknown system error", 0, number};
  if (number == ECONNREFUSED) made.code = errc::refused;
  if (number == ETIMEDOUT) made.code = errc::timed_out;
  if (number == ECONNRESET || number == EPIPE) made.code = errc::closed;
  return made;
}

bool any_host(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::";
}

bool same_place(const endpoint& a, const endpoint& b) {
  if (!a.unix_path.empty() || !b.unix_path.empty()) return a.unix_path == b.unix_path;
  return a.port == b.port && (a.host == b.host || any_host(a.host) || any_host(b.host));
}

result<endpoint> resolved(const endpoint& what) {
  endpoint at = what;
  if (!at.unix_path.empty()) return at;
  if (at.host == "localhost") at.host = "127.0.0.1";
  if (at.host.find_first_not_of("0123456789abcdefABCDEF.:") != std::string::npos) {
    return fail(errc::system, "unknown name");
  }
  return at;
}

result<void> known(const socket_options& how) {
  for (const char* name : {"", "cubic", "reno", "bbr"}) {
    if (how.congestion == name) return {};
  }
  return fail_os(ENOENT, "unknown congestion control");
}

}  // namespace zc::testing
