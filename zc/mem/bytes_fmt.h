// zc/mem/bytes_fmt.h - bytes and chains as text, for logs and for people. The only header of this
// room that needs fmt.
//
//     fmt::format("{}", b)        "GET / HTTP/1.1\r\n"        escaped, in quotes
//     fmt::format("{:8}", b)      "GET / HT"...(16 bytes)     at most 8 bytes are shown; 64 unless said
//
// What comes out is printable ASCII whatever goes in, and its length is bounded: at most four
// characters per byte shown, and a few more.
#pragma once

#include <cstddef>
#include <string_view>

#include <fmt/format.h>

#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"

namespace zc::detail {

class escaping_formatter {
 public:
  static constexpr std::size_t shown_default = 64;
  static constexpr std::size_t shown_max = 4096;

  constexpr auto parse(fmt::format_parse_context& spec) {
    const auto* at = spec.begin();
    if (at == spec.end() || *at == '}') return at;
    shown_ = 0;
    for (; at != spec.end() && *at >= '0' && *at <= '9'; ++at) {
      shown_ = shown_ * 10 + static_cast<std::size_t>(*at - '0');
      if (shown_ > shown_max) throw fmt::format_error("at most 4096 bytes are shown");
    }
    if (at != spec.end() && *at != '}')
      throw fmt::format_error("how many bytes to show, or nothing");
    return at;
  }

 protected:
  template <class Out>
  static Out put(Out out, std::string_view text) {
    for (const char c : text) *out++ = c;
    return out;
  }
  template <class Out>
  static Out escape(Out out, std::byte value) {
    const auto c = static_cast<char>(value);
    if (c == '\n') return put(out, "\\n");
    if (c == '\r') return put(out, "\\r");
    if (c == '\t') return put(out, "\\t");
    if (c == '"' || c == '\\') *out++ = '\\';
    if (c >= ' ' && c <= '~') {
      *out++ = c;
      return out;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    out = put(out, "\\x");
    *out++ = digits[std::to_integer<unsigned>(value) >> 4];
    *out++ = digits[std::to_integer<unsigned>(value) & 15];
    return out;
  }
  template <class Out>
  Out finish(Out out, std::size_t size) const {
    *out++ = '"';
    return size <= shown_ ? out : fmt::format_to(out, "...({} bytes)", size);
  }

  std::size_t shown_ = shown_default;
};

}  // namespace zc::detail

namespace fmt {

template <>
struct formatter<zc::bytes> : zc::detail::escaping_formatter {
  template <class Context>
  auto format(const zc::bytes& b, Context& to) const {
    auto out = to.out();
    *out++ = '"';
    for (const std::byte value : b.view().first(b.size() < shown_ ? b.size() : shown_))
      out = escape(out, value);
    return finish(out, b.size());
  }
};

template <>
struct formatter<zc::bytes_chain> : zc::detail::escaping_formatter {
  template <class Context>
  auto format(const zc::bytes_chain& chain, Context& to) const {
    auto out = to.out();
    *out++ = '"';
    std::size_t left = shown_;
    for (const zc::bytes& piece : chain) {
      const std::size_t here = piece.size() < left ? piece.size() : left;
      for (const std::byte value : piece.view().first(here)) out = escape(out, value);
      left -= here;
      if (left == 0) break;
    }
    return finish(out, chain.size());
  }
};

}  // namespace fmt
