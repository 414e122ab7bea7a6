// zc/wire/http1/head_scanner.h - finds the end of a message head in bytes that arrive piece by
// piece.
//
// Looks at every byte once, however the head is cut, and keeps none: whoever feeds it keeps the
// pieces (or parses them where they lie when one piece holds the whole head). Empty lines before
// the first line belong to the head and are skipped (RFC 9112, 2.2).
//
// Errors  malformed: a line that ends without CR; too_large: more bytes or lines than the limits
//         allow. After an error the scanner is spent until reset().
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "zc/base/result.h"
#include "zc/base/units.h"

namespace zc::http1 {

struct head_limits {
  std::size_t bytes_max = 16_KiB;  // from the first byte to the empty line
  std::size_t fields_max = 100;
};

class head_scanner {
 public:
  explicit head_scanner(const head_limits& limits) noexcept : limits_(limits) {}

  // How many bytes of `more` belong to the head, when its last line is among them; nothing when
  // more is needed.
  result<std::optional<std::size_t>> feed(std::string_view more) noexcept;

  bool begun() const noexcept {
    return lines_ > 0 || line_bytes_ > 0;
  }  // more than empty lines has come
  void reset() noexcept {
    bytes_ = line_bytes_ = lines_ = 0;
    last_ = 0;
  }

 private:
  head_limits limits_;
  std::size_t bytes_ = 0;       // so far
  std::size_t line_bytes_ = 0;  // of the line that is not complete
  std::size_t lines_ = 0;       // complete ones that were not empty
  char last_ = 0;               // the last byte of the piece before
};

}  // namespace zc::http1
