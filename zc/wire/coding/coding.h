// zc/wire/coding/coding.h - the content codings that telemetry arrives and leaves in.
//
// HTTP's Content-Encoding and gRPC's grpc-encoding name the same coders, `deflate` too, which is a
// zlib stream in both (RFC 9110, 8.4.1.2). But `snappy` is the block format over HTTP and the
// framed stream over gRPC, where all of Go's software writes and reads nothing else.
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

// The same for grpc-encoding. The block format has no name there. Requires: c != coding::snappy
std::string_view grpc_name_of(coding c) noexcept;
std::optional<coding> grpc_coding_named(std::string_view name) noexcept;

}  // namespace zc
