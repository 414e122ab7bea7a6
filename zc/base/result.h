// zc/base/result.h - a value, or the reason why there is none.
//
// Parsers and system calls return result<T>; nothing on the data path throws. A reason is a string
// with static storage, so an error costs no allocation and can be made where memory has run out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

namespace zc {

enum class errc : std::uint8_t {
  malformed,    // the bytes break their format
  truncated,    // they end in the middle of something
  too_large,    // a limit is exceeded
  unsupported,  // well-formed, but a kind we do not handle
  exhausted,    // no memory left in the quota
  closed,       // the other side or the object is gone
  timed_out,
  refused,  // the peer said no
  system,   // a system call failed: see error::os
};

struct error {
  errc code = errc::malformed;
  const char* reason = "";  // static storage; one short English phrase, no full stop
  std::size_t offset = 0;   // where in the input, in bytes, when parsing
  int os = 0;               // errno, when code is system
};

template <class T>
using result = std::expected<T, error>;

inline std::unexpected<error> fail(errc code, const char* reason, std::size_t offset = 0) noexcept {
  return std::unexpected(error{code, reason, offset, 0});
}

inline std::unexpected<error> fail_os(int number, const char* reason) noexcept {
  return std::unexpected(error{errc::system, reason, 0, number});
}

}  // namespace zc
