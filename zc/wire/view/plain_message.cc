#include "zc/wire/view/plain_message.h"

namespace zc::detail {

result<std::span<const std::byte>> check_plain(std::span<const std::byte> message,
                                               const plain_header& wanted) noexcept {
  if (message.size() < sizeof(plain_header)) {
    return fail(errc::truncated, "shorter than the header of a plain message", message.size());
  }
  // A copy: the bytes need not be aligned, and must not change between two looks.
  plain_header h;
  std::memcpy(&h, message.data(), sizeof(h));
  if (h.magic != wanted.magic) return fail(errc::malformed, "not a plain message");
  if (h.order != wanted.order) {
    const bool other = h.order == static_cast<std::uint16_t>(wanted.order << 8 | wanted.order >> 8);
    return fail(other ? errc::unsupported : errc::malformed,
                other ? "the other byte order" : "no byte order", offsetof(plain_header, order));
  }
  if (h.version != wanted.version) {
    return fail(errc::unsupported, "another version of the layout",
                offsetof(plain_header, version));
  }
  if (h.element_bytes != wanted.element_bytes) {
    return fail(errc::unsupported, "elements of another size",
                offsetof(plain_header, element_bytes));
  }
  if (h.reserved != 0) {
    return fail(errc::malformed, "a reserved field is set", offsetof(plain_header, reserved));
  }
  if (h.hash != wanted.hash) {
    return fail(errc::unsupported, "another layout", offsetof(plain_header, hash));
  }
  // Divided, not multiplied: the product could wrap.
  const std::span<const std::byte> behind = message.subspan(sizeof(plain_header));
  if (h.count > behind.size() / h.element_bytes) {
    return fail(errc::truncated, "fewer elements than announced", offsetof(plain_header, count));
  }
  return behind.first(static_cast<std::size_t>(h.count) * h.element_bytes);
}

}  // namespace zc::detail
