// zc/wire/http2/frame.h - the nine bytes in front of every HTTP/2 frame, and the numbers in it
// (RFC 9113, sections 4.1, 6 and 6.5.2).
//
//     [ length, 24 bits | type, 8 | flags, 8 | 0, stream id, 31 ] [ payload, `length` bytes ]
//
// Cost  A few instructions; nothing is checked but what the types cannot hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace zc::http2 {

enum class frame_type : std::uint8_t {
  data = 0,
  headers = 1,
  priority = 2,
  rst_stream = 3,
  settings = 4,
  push_promise = 5,
  ping = 6,
  goaway = 7,
  window_update = 8,
  continuation = 9,  // types above are extensions: to be ignored
};

namespace flag {
inline constexpr std::uint8_t end_stream = 0x01;  // DATA, HEADERS
inline constexpr std::uint8_t ack = 0x01;         // SETTINGS, PING
inline constexpr std::uint8_t end_headers = 0x04;
inline constexpr std::uint8_t padded = 0x08;
inline constexpr std::uint8_t priority = 0x20;
}  // namespace flag

enum class setting : std::uint16_t {
  header_table_size = 1,
  enable_push = 2,
  max_concurrent_streams = 3,
  initial_window_size = 4,
  max_frame_size = 5,
  max_header_list_size = 6,
  no_rfc7540_priorities = 9,
};

inline constexpr std::size_t frame_head_bytes = 9;
inline constexpr std::size_t setting_bytes = 6;
inline constexpr std::uint32_t ping_bytes = 8;
inline constexpr std::uint32_t priority_bytes = 5;
inline constexpr std::uint32_t goaway_bytes_least = 8;      // a reason may follow
inline constexpr std::uint32_t frame_bytes_least = 16'384;  // every peer takes frames of this size
inline constexpr std::uint32_t frame_bytes_most = 0xff'ffff;
inline constexpr std::int32_t stream_id_max = 0x7fff'ffff;

struct frame_head {
  std::uint32_t length = 0;  // at most frame_bytes_most
  frame_type type = frame_type::data;
  std::uint8_t flags = 0;
  std::int32_t id = 0;  // never negative

  bool has(std::uint8_t f) const noexcept { return (flags & f) != 0; }
};

constexpr std::uint32_t read_u32(std::span<const std::byte, 4> from) noexcept {
  std::uint32_t n = 0;
  for (const std::byte b : from) n = n << 8 | std::to_integer<std::uint32_t>(b);
  return n;
}

constexpr std::uint16_t read_u16(std::span<const std::byte, 2> from) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(from[0]) << 8 |
                                    std::to_integer<unsigned>(from[1]));
}

constexpr void write_u32(std::span<std::byte, 4> to, std::uint32_t n) noexcept {
  for (std::size_t i = 0; i < 4; ++i) to[i] = static_cast<std::byte>(n >> (24 - 8 * i) & 0xff);
}

constexpr void write_u16(std::span<std::byte, 2> to, std::uint16_t n) noexcept {
  to[0] = static_cast<std::byte>(n >> 8);
  to[1] = static_cast<std::byte>(n & 0xff);
}

// The reserved bit in front of the id is ignored, as it has to be.
constexpr frame_head read_frame_head(std::span<const std::byte, frame_head_bytes> from) noexcept {
  frame_head h;
  h.length = read_u32(from.first<4>()) >> 8;
  h.type = static_cast<frame_type>(from[3]);
  h.flags = std::to_integer<std::uint8_t>(from[4]);
  h.id = static_cast<std::int32_t>(read_u32(from.last<4>()) & 0x7fff'ffffu);
  return h;
}

constexpr void write_frame_head(std::span<std::byte, frame_head_bytes> to,
                                const frame_head& h) noexcept {
  write_u32(to.first<4>(), h.length << 8 | static_cast<std::uint32_t>(h.type));
  to[4] = static_cast<std::byte>(h.flags);
  write_u32(to.last<4>(), static_cast<std::uint32_t>(h.id));
}

}  // namespace zc::http2
