// zc/wire/protobuf/utf8.h - is this text UTF-8, as proto3 demands of its strings?
//
// Exact, as libprotobuf: overlong forms, surrogates and code points above U+10FFFF are refused.
//
// Cost  ASCII, the usual case: 32 bytes per step, no reads outside the text. Else: a byte per step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "zc/wire/protobuf/reader.h"

namespace zc::pb {

// The check for text that comes in pieces.
class utf8_check {
 public:
  void feed(std::span<const std::byte> piece) noexcept;
  // Whether all that was fed is UTF-8; a character cut by the end is not.
  bool valid() const noexcept { return !broken_ && need_ == 0; }

 private:
  void take(std::uint8_t b) noexcept;

  std::uint8_t need_ = 0;    // continuation bytes that must follow
  std::uint8_t low_ = 0x80;  // what the next of them may be
  std::uint8_t high_ = 0xbf;
  bool broken_ = false;
};

inline bool is_ascii(std::span<const std::byte> text) noexcept {
  using detail::load_little;
  constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
  const std::byte* at = text.data();
  std::size_t left = text.size();
  std::uint64_t seen = 0;
  for (; left >= 32; at += 32, left -= 32) {
    seen = load_little<std::uint64_t>(at) | load_little<std::uint64_t>(at + 8) |
           load_little<std::uint64_t>(at + 16) | load_little<std::uint64_t>(at + 24);
    if ((seen & high_bits) != 0) return false;
  }
  // The rest by loads that overlap rather than by a loop.
  if (left >= 16) {
    seen = load_little<std::uint64_t>(at) | load_little<std::uint64_t>(at + 8) |
           load_little<std::uint64_t>(at + left - 16) | load_little<std::uint64_t>(at + left - 8);
  } else if (left >= 8) {
    seen = load_little<std::uint64_t>(at) | load_little<std::uint64_t>(at + left - 8);
  } else if (left >= 4) {
    seen = load_little<std::uint32_t>(at) | load_little<std::uint32_t>(at + left - 4);
  } else {
    seen = 0;
    for (std::size_t i = 0; i < left; ++i) seen |= std::to_integer<std::uint64_t>(at[i]);
  }
  return (seen & high_bits) == 0;
}

inline bool is_utf8(std::span<const std::byte> text) noexcept {
  if (is_ascii(text)) [[likely]]
    return true;
  utf8_check check;
  check.feed(text);
  return check.valid();
}

}  // namespace zc::pb
