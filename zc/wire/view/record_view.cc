#include "zc/wire/view/record_view.h"

#include "zc/wire/view/frame_view.h"

namespace zc {
namespace {

struct varint {
  std::uint64_t value = 0;
  std::size_t size = 0;  // 0: more bytes are needed; 11: there is none of this kind
};

varint read_varint(std::span<const std::byte> from) noexcept {
  varint v;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto b = std::to_integer<std::uint64_t>(from[i]);
    if (i == 10 || (i == 9 && b > 1)) return {0, 11};
    v.value |= (b & 0x7f) << (7 * i);
    if (b < 0x80) {
      v.size = i + 1;
      return v;
    }
  }
  return {};
}

}  // namespace

bool record_reader::fail_here(errc code, const char* reason) noexcept {
  failed_ = true;
  failure_ = {code, reason, at_, 0};
  record_ = {};
  return false;
}

bool record_reader::next() noexcept {
  if (failed_ || at_ == all_.size()) return false;
  const std::span<const std::byte> left = all_.subspan(at_);
  std::uint64_t length = 0;
  std::size_t prefix = 4;
  if (how_ == length_prefix::varint) {
    const varint v = read_varint(left);
    if (v.size == 0) return fail_here(errc::truncated, "the length of a record is not complete");
    if (v.size > 10) return fail_here(errc::malformed, "the length of a record is no varint");
    length = v.value;
    prefix = v.size;
  } else {
    if (left.size() < prefix) {
      return fail_here(errc::truncated, "the length of a record is not complete");
    }
    const bool big = how_ == length_prefix::u32be;
    length = detail::load_length(left.first(4), big ? std::endian::big : std::endian::little);
  }
  if (length > record_max_) return fail_here(errc::too_large, "a record longer than the limit");
  if (length > left.size() - prefix) {
    return fail_here(errc::truncated, "a record is not complete");
  }
  offset_ = at_;
  record_ = left.subspan(prefix, static_cast<std::size_t>(length));
  at_ += prefix + record_.size();
  return true;
}

result<record_prefix> record_prefix::of(std::size_t size, length_prefix how) noexcept {
  record_prefix p;
  if (how == length_prefix::varint) {
    std::uint64_t left = size;
    do {
      const std::uint64_t more = left > 0x7f ? 0x80 : 0;
      p.bytes_[p.size_++] = static_cast<std::byte>((left & 0x7f) | more);
      left >>= 7;
    } while (left != 0);
    return p;
  }
  if (size > UINT32_MAX) return fail(errc::too_large, "a record longer than its prefix can say");
  p.size_ = 4;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned shift = how == length_prefix::u32be ? 24 - 8 * i : 8 * i;
    p.bytes_[i] = static_cast<std::byte>(size >> shift);
  }
  return p;
}

}  // namespace zc
