#include "zc/wire/protobuf/utf8.h"

namespace zc::pb {

void utf8_check::take(std::uint8_t b) noexcept {
  if (need_ > 0) {
    if (b < low_ || b > high_) broken_ = true;
    --need_;
    low_ = 0x80;
    high_ = 0xbf;
    return;
  }
  if (b < 0x80) return;
  if (b < 0xc2 || b > 0xf4) {  // stray continuation, overlong two-byte form, or above U+10FFFF
    broken_ = true;
    return;
  }
  need_ = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
  if (b == 0xe0) low_ = 0xa0;   // below: overlong
  if (b == 0xed) high_ = 0x9f;  // above: surrogates
  if (b == 0xf0) low_ = 0x90;   // below: overlong
  if (b == 0xf4) high_ = 0x8f;  // above: beyond U+10FFFF
}

void utf8_check::feed(std::span<const std::byte> piece) noexcept {
  constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
  const std::byte* at = piece.data();
  const std::byte* const end = at + piece.size();
  while (at != end && !broken_) {
    if (need_ == 0 && end - at >= 8 && (detail::load_little<std::uint64_t>(at) & high_bits) == 0) {
      at += 8;
      continue;
    }
    take(std::to_integer<std::uint8_t>(*at++));
  }
}

}  // namespace zc::pb
