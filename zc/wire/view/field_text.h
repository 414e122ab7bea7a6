// zc/wire/view/field_text.h - which bytes may stand in names and values of header fields (RFC 9110,
// 5.5 and 5.6.2).
//
// Threads  Any; pure functions.
// Cost     A look-up per byte.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace zc {

namespace detail {

enum field_byte : unsigned char { in_token = 1, in_value = 2 };

inline constexpr std::array<unsigned char, 256> field_bytes = [] {
  std::array<unsigned char, 256> t{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (alnum) t[c] |= in_token;
    if ((c >= 0x20 && c != 0x7f) || c == '\t') t[c] |= in_value;  // obs-text included
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    t[static_cast<unsigned char>(c)] |= in_token;
  }
  return t;
}();

constexpr std::size_t run_of(field_byte wanted, std::string_view text) noexcept {
  std::size_t i = 0;
  while (i < text.size() && (field_bytes[static_cast<unsigned char>(text[i])] & wanted) != 0) ++i;
  return i;
}

}  // namespace detail

// How many bytes from the start belong to a token: what names of fields and parameters are made of.
constexpr std::size_t token_bytes_in(std::string_view text) noexcept {
  return detail::run_of(detail::in_token, text);
}

// How many bytes from the start may stand in a value: all but control bytes.
constexpr std::size_t value_bytes_in(std::string_view text) noexcept {
  return detail::run_of(detail::in_value, text);
}

// A name as field names, methods and parameters are: not empty, no blank, no separator.
constexpr bool is_token(std::string_view text) noexcept {
  return !text.empty() && token_bytes_in(text) == text.size();
}

}  // namespace zc
