// zc/wire/view/frame_view.h - a frame: a header of fixed size that says how long its payload is.
//
//     [ .. length .. | payload ............ ] [ .. length .. | payload ...
//       ^ header       ^ payload                ^ rest
//
// Ownership  Views into the caller's bytes, which must outlive them. Nothing is copied.
// Threads    Any; pure functions.
// Cost       O(1).
// Errors     truncated: more bytes are needed, error::offset says how many there must be in all.
//            too_large: the payload is longer than the format allows. malformed: the length does
//            not cover its own header.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "zc/base/check.h"
#include "zc/base/lifetime.h"
#include "zc/base/result.h"

namespace zc {

// Where a kind of frame says its length: an unsigned number of `length_bytes` bytes.
struct frame_format {
  std::size_t header_bytes;
  std::size_t length_at;     // in the header
  std::size_t length_bytes;  // 1 to 8
  std::endian order = std::endian::big;
  bool length_covers_header = false;
  std::size_t payload_max = std::numeric_limits<std::size_t>::max();

  constexpr bool valid() const noexcept {
    return length_bytes >= 1 && length_bytes <= 8 && length_at <= header_bytes &&
           length_bytes <= header_bytes - length_at;
  }
};

namespace frames {
inline constexpr frame_format u32be{4, 0, 4};
inline constexpr frame_format u32le{4, 0, 4, std::endian::little};
inline constexpr frame_format grpc{5, 1, 4};   // flags, length
inline constexpr frame_format http2{9, 0, 3};  // length, type, flags, stream
}  // namespace frames

struct frame_view {
  std::span<const std::byte> header;
  std::span<const std::byte> payload;
  std::size_t size() const noexcept { return header.size() + payload.size(); }
};

namespace detail {

inline std::uint64_t load_length(std::span<const std::byte> at, std::endian order) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const std::size_t from = order == std::endian::big ? i : at.size() - 1 - i;
    value = value << 8 | std::to_integer<std::uint64_t>(at[from]);
  }
  return value;
}

}  // namespace detail

// How long the payload is that this header announces. Requires: a valid format, and
// header.size() >= header_bytes.
inline result<std::size_t> payload_size(std::span<const std::byte> header,
                                        const frame_format& format) noexcept {
  ZC_REQUIRES(format.valid() && header.size() >= format.header_bytes,
              "payload_size requires a valid format and a whole header");
  std::uint64_t length =
      detail::load_length(header.subspan(format.length_at, format.length_bytes), format.order);
  if (format.length_covers_header) {
    if (length < format.header_bytes) {
      return fail(errc::malformed, "a frame shorter than its header", format.length_at);
    }
    length -= format.header_bytes;
  }
  if (length > format.payload_max) {
    return fail(errc::too_large, "a frame longer than the limit", format.length_at);
  }
  return static_cast<std::size_t>(length);
}

// The frame that `input` begins with. Requires: a valid format.
inline result<frame_view> parse_frame(std::span<const std::byte> input ZC_LIFETIMEBOUND,
                                      const frame_format& format) noexcept {
  ZC_REQUIRES(format.valid(), "parse_frame requires a valid format");
  if (input.size() < format.header_bytes) {
    return fail(errc::truncated, "the header is not complete", format.header_bytes);
  }
  const auto length = payload_size(input, format);
  if (!length) return std::unexpected(length.error());
  if (*length > input.size() - format.header_bytes) {
    // What is needed in all, as far as that can be said.
    const std::size_t most = std::numeric_limits<std::size_t>::max();
    const std::size_t needed =
        *length > most - format.header_bytes ? most : format.header_bytes + *length;
    return fail(errc::truncated, "the payload is not complete", needed);
  }
  return frame_view{input.first(format.header_bytes), input.subspan(format.header_bytes, *length)};
}

}  // namespace zc
