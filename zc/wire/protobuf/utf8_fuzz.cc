// The quick check, the piecewise check and a plain decoder must agree on any bytes.
#include <cstdint>

#include "zc/base/check.h"
#include "zc/wire/protobuf/utf8.h"

namespace {

// Decodes code points and judges them by value: nothing in common with the check's table of ranges.
bool plain(std::span<const std::byte> text) {
  constexpr std::uint32_t least[] = {0, 0x80, 0x800, 0x10000};
  for (std::size_t i = 0; i < text.size();) {
    const auto b = std::to_integer<std::uint32_t>(text[i++]);
    if (b < 0x80) continue;
    const unsigned more = b >> 5 == 6 ? 1 : b >> 4 == 14 ? 2 : b >> 3 == 30 ? 3 : 0;
    if (more == 0 || text.size() - i < more) return false;
    std::uint32_t c = b & (0x3fu >> more);
    for (unsigned k = 0; k < more; ++k) {
      const auto next = std::to_integer<std::uint32_t>(text[i++]);
      if ((next & 0xc0) != 0x80) return false;
      c = c << 6 | (next & 0x3f);
    }
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = std::as_bytes(std::span(data, size));
  const bool right = plain(text);
  ZC_CHECK(zc::pb::is_utf8(text) == right);
  const std::size_t step = size > 0 ? 1 + data[0] % 11 : 1;
  zc::pb::utf8_check check;
  for (std::size_t at = 0; at < size; at += step) {
    check.feed(text.subspan(at, std::min(step, size - at)));
  }
  ZC_CHECK(check.valid() == right);
  return 0;
}
