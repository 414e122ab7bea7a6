#include "zc/wire/protobuf/chain_reader.h"

#include <algorithm>
#include <array>
#include <span>

#include "zc/base/check.h"
#include "zc/wire/protobuf/reader.h"

namespace zc::pb {

bool chain_reader::refuse(errc code, const char* reason) noexcept {
  code_ = code;
  reason_ = reason;
  return false;
}

bool chain_reader::read_varint(std::uint64_t& into) {
  const auto run = at_.peek();
  const decoded_varint d = decode_varint(run.data(), run.data() + std::min(run.size(), left()));
  if (d.size == 0) return read_varint_slowly(into);
  if (d.size > varint_bytes_max) return refuse(errc::malformed, reasons::long_varint);
  into = d.value;
  at_.skip(d.size);
  return true;
}

// A varint that the end of a piece, or of the message, cuts.
bool chain_reader::read_varint_slowly(std::uint64_t& into) {
  std::array<std::byte, varint_bytes_max> seen;
  std::size_t count = 0;
  while (left() > 0) {
    const std::byte b = at_.peek().front();
    at_.skip(1);
    seen[count++] = b;
    if (b < std::byte{0x80}) {
      into = decode_varint(seen.data(), seen.data() + count).value;
      return true;
    }
    if (count == varint_bytes_max) return refuse(errc::malformed, reasons::long_varint);
  }
  return refuse(errc::truncated, reasons::cut);
}

bool chain_reader::read_fixed(std::size_t bytes) {
  if (bytes > left()) return refuse(errc::truncated, reasons::cut);
  value_ = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    value_ |= std::to_integer<std::uint64_t>(at_.peek().front()) << (8 * i);
    at_.skip(1);
  }
  return true;
}

bool chain_reader::read_tag() {
  std::uint64_t tag = 0;
  if (!read_varint(tag)) return false;
  const std::uint64_t number = tag >> 3;
  if (number - 1 >= field_max) return refuse(errc::malformed, reasons::bad_number);
  number_ = static_cast<std::uint32_t>(number);
  type_ = static_cast<wire>(tag & 7);
  return true;
}

// All but groups. Of a length-delimited field only the length; the cursor then stands on the
// payload.
bool chain_reader::read_value() {
  switch (type_) {
    case wire::varint:
      return read_varint(value_);
    case wire::fixed64:
      return read_fixed(8);
    case wire::fixed32:
      return read_fixed(4);
    case wire::bytes: {
      std::uint64_t size = 0;
      if (!read_varint(size)) return false;
      if (size > length_max) return refuse(errc::malformed, reasons::long_length);
      if (size > left()) return refuse(errc::truncated, reasons::cut);
      size_ = static_cast<std::size_t>(size);
      return true;
    }
    case wire::group:
    case wire::group_end:
      break;
  }
  return refuse(errc::malformed, reasons::bad_type);
}

bool chain_reader::pass_group() {
  if (groups_max_ == 0) return refuse(errc::too_large, reasons::deep);
  std::array<std::uint32_t, depth_max> open;
  unsigned count = 1;
  open[0] = number_;
  while (left() > 0) {
    if (!read_tag()) return false;
    if (type_ == wire::group) {
      if (count == groups_max_) return refuse(errc::too_large, reasons::deep);
      open[count++] = number_;
    } else if (type_ == wire::group_end) {
      if (open[count - 1] != number_) return refuse(errc::malformed, reasons::stray_end);
      if (--count == 0) {
        type_ = wire::group;
        return true;
      }
    } else {
      if (!read_value()) return false;
      if (type_ == wire::bytes) at_.skip(size_);
    }
  }
  return refuse(errc::truncated, reasons::open_group);
}

// What envelopes are made of: a one-byte tag and a length of one or two bytes, whole in this piece.
// Anything else, errors included, is left to the general way.
bool chain_reader::read_quickly() {
  const auto run = at_.peek();
  if (run.size() < 3 || left() < 3) return false;
  const auto tag = std::to_integer<std::uint32_t>(run[0]);
  if ((tag & 0x87) != static_cast<std::uint32_t>(wire::bytes) || tag < 8) return false;
  std::size_t size = std::to_integer<std::size_t>(run[1]);
  std::size_t head = 2;
  if (size >= 0x80) {
    if (run[2] >= std::byte{0x80}) return false;
    size = (size & 0x7f) | std::to_integer<std::size_t>(run[2]) << 7;
    head = 3;
  }
  if (size > left() - head) return false;
  number_ = tag >> 3;
  type_ = wire::bytes;
  size_ = size;
  next_ = field_at_ + head + size;
  at_.skip(head);
  return true;
}

bool chain_reader::next() {
  if (reason_ != nullptr) return false;
  ZC_CHECK(at_.position() <= next_);  // the caller read beyond the payload
  at_.skip(next_ - at_.position());
  if (left() == 0) return false;
  field_at_ = at_.position();
  if (read_quickly()) return true;
  if (!read_tag()) return false;
  if (type_ == wire::group_end) return refuse(errc::malformed, reasons::stray_end);
  if (type_ == wire::group) {
    if (!pass_group()) return false;
  } else if (!read_value()) {
    return false;
  }
  next_ = at_.position() + (type_ == wire::bytes ? size_ : 0);
  return true;
}

}  // namespace zc::pb
