// zc/wire/protobuf/varint.h - varints, tags and the limits of the protobuf wire format.
//
//     tag    = varint(field number << 3 | wire type)
//     varint = seven bits per byte, low ones first; the high bit says that more follow
//
// Cost    One-byte values take one branch. Nothing allocates.
// Errors  decode_varint tells "cut short" from "too long"; encoders cannot fail.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace zc::pb {

enum class wire : std::uint8_t {
  varint = 0,
  fixed64 = 1,
  bytes = 2,  // length-delimited: strings, bytes, messages, packed scalars
  group = 3,  // start; readers skip to the matching end
  group_end = 4,
  fixed32 = 5,
};

inline constexpr std::size_t varint_bytes_max = 10;
inline constexpr std::size_t padded_bytes = 5;  // what libprotobuf accepts for a length
inline constexpr std::uint32_t field_max = (1u << 29) - 1;
inline constexpr std::uint64_t length_max =
    0x7fff'ffff;                            // 2 GiB - 1: the limit of every implementation
inline constexpr unsigned depth_max = 100;  // nested messages and groups, as libprotobuf allows

// Bytes that `value` takes as a varint: 1 to 10.
constexpr std::size_t varint_size(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

constexpr std::uint64_t tag_of(std::uint32_t field, wire type) noexcept {
  return std::uint64_t{field} << 3 | static_cast<std::uint64_t>(type);
}
constexpr std::size_t tag_size(std::uint32_t field) noexcept {
  return varint_size(tag_of(field, wire::varint));
}
// A length-delimited field whole: tag, length and `size` bytes.
constexpr std::size_t bytes_field_size(std::uint32_t field, std::size_t size) noexcept {
  return tag_size(field) + varint_size(size) + size;
}

constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

// Writes varint_size(value) bytes at `out` and returns the place behind them.
constexpr std::byte* put_varint(std::byte* out, std::uint64_t value) noexcept {
  while (value >= 0x80) {
    *out++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

// Writes exactly five bytes, so that a length can be reserved now and known later.
// Longer than needed, yet legal; strict checkers of canonical form may object.
constexpr std::byte* put_padded(std::byte* out, std::uint32_t value) noexcept {
  for (std::size_t i = 0; i + 1 < padded_bytes; ++i, value >>= 7) {
    *out++ = static_cast<std::byte>(value | 0x80);
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

struct decoded_varint {
  std::uint64_t value = 0;
  std::size_t size = 0;  // bytes used; 0: the range ends inside; above varint_bytes_max: too long
};

// Reads the varint at `at`. Bits beyond the 64th are dropped.
constexpr decoded_varint decode_varint(const std::byte* at, const std::byte* end) noexcept {
  decoded_varint d;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at == end) return {0, 0};
    const auto b = std::to_integer<std::uint64_t>(*at++);
    d.value |= (b & 0x7f) << shift;
    ++d.size;
    if (b < 0x80) return d;
  }
  return {0, varint_bytes_max + 1};
}

namespace reasons {  // what readers answer; shared, so that all of them say the same
inline constexpr char cut[] = "field runs beyond its message";
inline constexpr char long_varint[] = "varint longer than ten bytes";
inline constexpr char bad_number[] = "field number out of range";
inline constexpr char bad_type[] = "unknown wire type";
inline constexpr char long_length[] = "length above 2 GiB";
inline constexpr char open_group[] = "group without its end";
inline constexpr char stray_end[] = "end of a group that was not open";
inline constexpr char deep[] = "nested too deeply";
}  // namespace reasons

}  // namespace zc::pb
