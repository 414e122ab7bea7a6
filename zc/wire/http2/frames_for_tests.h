// zc/wire/http2/frames_for_tests.h - frames made by hand, for what no library would send. For tests
// of this room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"

namespace zc::http2::for_tests {

inline std::string as_text(const bytes_chain& c) {
  std::string all;
  for (const bytes& piece : c) all += piece.text();
  return all;
}

inline bytes bytes_of(std::string text) {
  return bytes::from_string(std::move(text));
}

inline std::string number(std::uint32_t n) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(n >> shift);
  return text;
}

inline std::string frame(unsigned type, unsigned flags, std::uint32_t id,
                         std::string_view payload) {
  std::string f = number(static_cast<std::uint32_t>(payload.size())).substr(1);
  f += static_cast<char>(type);
  f += static_cast<char>(flags);
  return (f += number(id)).append(payload);
}

inline std::string one_setting(unsigned what, std::uint32_t value) {
  return std::string{static_cast<char>(what >> 8), static_cast<char>(what)} + number(value);
}

inline constexpr unsigned data = 0, headers = 1, priority = 2, rst_stream = 3, settings = 4,
                          push_promise = 5, ping = 6, goaway = 7, window_update = 8,
                          continuation = 9;
inline constexpr unsigned end_stream = 1, end_headers = 4, padded = 8, with_priority = 32;

}  // namespace zc::http2::for_tests
