// zc/wire/http2/head_budget.h - how large a head may be (see `limits`). Beyond that fields are
// dropped and the stream is told; so far beyond it that even decoding the rest costs too much, the
// session ends: a block may hold one field per byte.
//
// Cost  A few instructions per field.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/wire/http2/protocol.h"

namespace zc::http2 {

class head_budget {
 public:
  static constexpr std::size_t field_overhead = 32;  // HPACK's, per field

  explicit head_budget(const limits& bounds) noexcept
      : bytes_max_(bounds.head_bytes_max), fields_max_(bounds.head_fields_max) {}

  void begin() noexcept {
    bytes_ = fields_ = 0;
    too_large_ = false;
  }
  // One more field, of so many bytes of name and value. False: enough of it.
  [[nodiscard]] bool count(std::size_t n) noexcept {
    bytes_ += n + field_overhead;
    fields_ += 1;
    too_large_ = too_large_ || bytes_ > bytes_max_ || fields_ > fields_max_;
    return bytes_ / hopeless_bytes <= bytes_max_ && fields_ / hopeless_fields <= fields_max_;
  }
  bool too_large() const noexcept { return too_large_; }
  // As sent. Above that a block is not worth decoding.
  static constexpr std::size_t block_bytes_max(const limits& bounds) noexcept {
    return bounds.head_bytes_max > SIZE_MAX / hopeless_bytes - 1
               ? SIZE_MAX
               : (bounds.head_bytes_max + 1) * hopeless_bytes - 1;
  }

 private:
  static constexpr std::size_t hopeless_bytes = 8;
  static constexpr std::size_t hopeless_fields = 10;

  std::size_t bytes_max_;
  std::size_t fields_max_;
  std::size_t bytes_ = 0;
  std::size_t fields_ = 0;
  bool too_large_ = false;
};

}  // namespace zc::http2
