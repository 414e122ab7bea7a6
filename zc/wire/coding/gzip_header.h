// zc/wire/coding/gzip_header.h - the framing of gzip (RFC 1952) and zlib (RFC 1950).
//
// Our own, since decoders differ here: ISA-L takes reserved flags and trips over a header checksum
// that is cut by the edge of a buffer. Headers may be cut anywhere and be as long as the input.
//
// Errors  truncated, malformed (offset of the field), unsupported (a method other than deflate, a
//         preset dictionary).
#pragma once

#include <cstdint>

#include "zc/base/result.h"
#include "zc/wire/coding/piece_reader.h"

namespace zc::coders {

// Each reads one header and leaves `in` at the first byte of the deflate stream.
result<void> read_gzip_header(piece_reader& in);
result<void> read_zlib_header(piece_reader& in);

// Four bytes, the least significant first (gzip) or last (zlib).
result<std::uint32_t> read_u32_little(piece_reader& in);
result<std::uint32_t> read_u32_big(piece_reader& in);

}  // namespace zc::coders
