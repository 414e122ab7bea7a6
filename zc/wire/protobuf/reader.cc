#include "zc/wire/protobuf/reader.h"

#include <array>

#include "zc/base/check.h"

namespace zc::pb::detail {
namespace {

passed_group refused(errc code, const char* reason) noexcept {
  return {nullptr, nullptr, code, reason};
}

struct range {
  const std::byte* at;
  const std::byte* end;

  // Null, or why not.
  const char* varint(std::uint64_t& into, errc& code) noexcept {
    const decoded_varint d = decode_varint(at, end);
    code = d.size == 0 ? errc::truncated : errc::malformed;
    if (d.size == 0) return reasons::cut;
    if (d.size > varint_bytes_max) return reasons::long_varint;
    into = d.value;
    at += d.size;
    return nullptr;
  }
  const char* pass(std::uint64_t count, errc& code) noexcept {
    code = count > length_max ? errc::malformed : errc::truncated;
    if (count > length_max) return reasons::long_length;
    if (count > static_cast<std::size_t>(end - at)) return reasons::cut;
    at += count;
    return nullptr;
  }
  // The value of a field that is no group.
  const char* pass_value(wire type, errc& code) noexcept {
    std::uint64_t n = 0;
    switch (type) {
      case wire::varint:
        return varint(n, code);
      case wire::fixed64:
        return pass(8, code);
      case wire::fixed32:
        return pass(4, code);
      case wire::bytes:
        if (const char* reason = varint(n, code)) return reason;
        return pass(n, code);
      case wire::group:
      case wire::group_end:
        break;
    }
    code = errc::malformed;
    return reasons::bad_type;
  }
};

}  // namespace

passed_group pass_group(const std::byte* at, const std::byte* end, std::uint32_t field,
                        unsigned depth) noexcept {
  ZC_CHECK(depth <= depth_max);
  if (depth == 0) return refused(errc::too_large, reasons::deep);
  std::array<std::uint32_t, depth_max> open;
  unsigned count = 1;
  open[0] = field;
  range in{at, end};
  errc code = errc::malformed;
  while (in.at != end) {
    const std::byte* const tag_at = in.at;
    std::uint64_t tag = 0;
    if (const char* reason = in.varint(tag, code)) return refused(code, reason);
    const std::uint64_t number = tag >> 3;
    if (number - 1 >= field_max) return refused(errc::malformed, reasons::bad_number);
    const auto type = static_cast<wire>(tag & 7);
    if (type == wire::group) {
      if (count == depth) return refused(errc::too_large, reasons::deep);
      open[count++] = static_cast<std::uint32_t>(number);
    } else if (type == wire::group_end) {
      if (open[count - 1] != number) return refused(errc::malformed, reasons::stray_end);
      if (--count == 0) return {in.at, tag_at, errc::malformed, nullptr};
    } else if (const char* reason = in.pass_value(type, code)) {
      return refused(code, reason);
    }
  }
  return refused(errc::truncated, reasons::open_group);
}

}  // namespace zc::pb::detail
