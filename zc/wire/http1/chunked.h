// zc/wire/http1/chunked.h - takes the chunks out of a chunked body, as slices of what came.
//
//     in    [ 5;ext=1 CRLF h e l l o CRLF 0 CRLF trailer: x CRLF CRLF ][ next message ]
//     out                  `-------'                                   ^ done(), left in `in`
//
// Chunk extensions and trailers are read and ignored. Both are bounded, so that a peer cannot send
// framing for ever that costs us reading and brings no payload.
//
// Ownership  Payload comes out as slices that share the owner of the input; nothing is copied.
// Errors     malformed (with the offset in the body as sent), too_large (a chunk size of more than
//            64 bits, a size line above line_bytes_max, extensions or trailers above their limits).
//            After an error the decoder is spent.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/mem/bytes.h"

namespace zc::http1 {

class chunked_decoder {
 public:
  static constexpr std::size_t line_bytes_max = 1_KiB;  // of one size line with its extensions
  // Of all chunks, beyond one byte per byte of payload.
  static constexpr std::size_t extensions_bytes_max = 16_KiB;
  static constexpr std::size_t trailers_bytes_max = 8_KiB;

  // Takes the front off `input` and returns the next run of payload; empty when all of `input` was
  // framing, or at the end of the body. Call again until `input` is empty or done().
  result<bytes> next(bytes& input);

  bool done() const noexcept { return at_ == place::done; }
  std::uint64_t payload() const noexcept { return payload_; }  // bytes returned so far

 private:
  enum class place : unsigned char {
    size_first,  // the first digit of a size
    size,
    size_blank,  // between it and its extension
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer,
    trailer_lf,
    end_lf,
    done,
  };

  result<void> step(unsigned char c);
  result<void> end_of_size();
  result<void> size_digit(unsigned char c);
  result<void> count_extension();

  place at_ = place::size_first;
  std::uint64_t left_ = 0;  // of the chunk
  std::uint64_t payload_ = 0;
  std::uint64_t extensions_ = 0;
  std::size_t line_ = 0;  // bytes of the size line
  std::size_t trailers_ = 0;
  std::size_t position_ = 0;  // in the body as sent
};

}  // namespace zc::http1
