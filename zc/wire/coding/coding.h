// zc/wire/coding/coding.h - the content codings that telemetry arrives and leaves in.
//
// One name space for both transports: HTTP's Content-Encoding and gRPC's grpc-encoding name the
// same coders, but for `snappy`, which is the block format in both, and `deflate`, which is a zlib
// stream in both (RFC 9110, 8.4.1.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace zc {

enum class coding : std::uint8_t { identity, gzip, zstd, snappy, deflate, snappy_framed };
inline constexpr std::size_t codings = 6;

// "identity", "gzip", "zstd", "snappy", "deflate", "x-snappy-framed". Static storage.
std::string_view name_of(coding c) noexcept;

// The coding that a header value names, ignoring case and surrounding blanks. An empty value is
// identity; "zlib" is deflate, "x-gzip" is gzip. Nothing for unknown names and for lists of
// several.
std::optional<coding> coding_named(std::string_view name) noexcept;

}  // namespace zc
