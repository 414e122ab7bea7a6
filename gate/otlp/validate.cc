// validate_full: every field of every message. Contiguous messages take the quick way (`message`);
// messages that lie in several pieces are walked by a chain_reader (`scattered`) down to
// sub-messages that one piece holds, small ones that a piece's edge cuts are stitched in scratch.
// Both ways do the same checks in the same order.
#include <algorithm>
#include <array>

#include "gate/otlp/fields.h"
#include "gate/otlp/walk.h"
#include "zc/mem/cursor.h"
#include "zc/wire/protobuf/chain_reader.h"
#include "zc/wire/protobuf/reader.h"
#include "zc/wire/protobuf/utf8.h"

namespace sluice::otlp {
namespace {

using detail::kind;
using detail::role;
using detail::rule;
using zc::errc;
using zc::pb::wire;
namespace pb = zc::pb;
using run = std::span<const std::byte>;

constexpr const char* bad_packed = "packed values of broken length";

// Varints side by side, in pieces.
class packed_check {
 public:
  // Null, or why not.
  const char* feed(run piece) noexcept {
    for (const std::byte b : piece) {
      open_ = b < std::byte{0x80} ? 0 : open_ + 1;
      if (open_ == pb::varint_bytes_max) return pb::reasons::long_varint;
    }
    return nullptr;
  }
  const char* finish() const noexcept { return open_ == 0 ? nullptr : bad_packed; }

 private:
  std::size_t open_ = 0;  // bytes of a varint that has not ended
};

class validator {
 public:
  bool scattered(kind in, zc::chain_cursor& at, std::size_t size, unsigned depth);
  const full_report& report() const noexcept { return report_; }
  const zc::error& failure() const noexcept { return failure_; }

 private:
  static constexpr std::size_t scratch_bytes = 4096;

  // The data oneof of a metric: a new member discards the items of the former one.
  struct oneof {
    std::uint64_t items_before;
    std::uint32_t member = 0;
  };
  void enter(const rule& field, std::uint32_t number, oneof& data) noexcept {
    if (field.what == role::item) ++report_.items;
    if (field.what != role::member) return;
    if (data.member != number) report_.items = data.items_before;
    data.member = number;
  }

  bool refuse(errc code, const char* reason, std::size_t at) noexcept {
    failure_ = {code, reason, at, 0};
    return false;
  }
  void text(run value) noexcept { report_.bad_utf8 += pb::is_utf8(value) ? 0 : 1; }
  void id(std::size_t size, std::size_t right) noexcept {
    report_.bad_ids += size == 0 || size == right ? 0 : 1;
  }

  bool message(kind in, run bytes, std::size_t offset, unsigned depth) noexcept;
  bool field(const rule& field, run value, std::size_t value_at, std::size_t field_at,
             unsigned depth) noexcept;
  bool key_value(run value, std::size_t offset, unsigned depth) noexcept;
  bool any_value(run value, std::size_t offset, unsigned depth) noexcept;
  bool scattered_field(const rule& field, zc::chain_cursor& at, std::size_t size,
                       std::size_t field_at, unsigned depth);
  bool scattered_varints(zc::chain_cursor& at, std::size_t size, std::size_t field_at);
  void scattered_text(zc::chain_cursor& at, std::size_t size);

  full_report report_;
  zc::error failure_;
  std::array<std::byte, scratch_bytes> scratch_;
};

// `depth` is that of the message: 0 for the request.
bool validator::message(kind in, run bytes, std::size_t offset, unsigned depth) noexcept {
  pb::reader r(bytes, offset, depth_max - depth);
  oneof data{report_.items};
  while (r.next()) {
    if (r.type() != wire::bytes) continue;
    const rule known = detail::rule_of(in, r.number());
    if (known.what == role::none) continue;
    enter(known, r.number(), data);
    if (!field(known, r.view(), r.value_at(), r.field_at(), depth)) return false;
  }
  if (r.ok()) return true;
  failure_ = r.failure();
  return false;
}

bool validator::field(const rule& known, run value, std::size_t value_at, std::size_t field_at,
                      unsigned depth) noexcept {
  switch (known.what) {
    case role::envelope:
    case role::member:
    case role::item:
    case role::message:
      if (depth >= depth_max) return refuse(errc::too_large, pb::reasons::deep, field_at);
      if (known.inside == kind::key_value) return key_value(value, value_at, depth + 1);
      return message(known.inside, value, value_at, depth + 1);
    case role::text:
      text(value);
      break;
    case role::trace_id:
      id(value.size(), 16);
      break;
    case role::span_id:
      id(value.size(), 8);
      break;
    case role::packed_fixed64:
      return value.size() % 8 == 0 || refuse(errc::malformed, bad_packed, field_at);
    case role::packed_varints: {
      packed_check check;
      const char* reason = check.feed(value);
      if (reason == nullptr) reason = check.finish();
      return reason == nullptr || refuse(errc::malformed, reason, field_at);
    }
    case role::none:
      break;
  }
  return true;
}

// What nearly every attribute looks like: { 0a length key 12 length value }, both lengths in one
// byte, is checked in one go. Anything else goes the general way.
bool validator::key_value(run value, std::size_t offset, unsigned depth) noexcept {
  const std::byte* const v = value.data();
  if (value.size() >= 4 && v[0] == std::byte{0x0a} && v[1] < std::byte{0x80} && depth < depth_max) {
    const auto key = std::to_integer<std::size_t>(v[1]);
    if (key <= value.size() - 4) {
      const std::size_t rest = value.size() - 4 - key;
      if (v[2 + key] == std::byte{0x12} && v[3 + key] < std::byte{0x80} &&
          std::to_integer<std::size_t>(v[3 + key]) == rest) {
        text(value.subspan(2, key));
        return any_value(value.last(rest), offset + 4 + key, depth + 1);
      }
    }
  }
  return message(kind::key_value, value, offset, depth);
}

// { 0a length text }, likewise.
bool validator::any_value(run value, std::size_t offset, unsigned depth) noexcept {
  const std::byte* const v = value.data();
  if (value.size() >= 2 && v[0] == std::byte{0x0a} && v[1] < std::byte{0x80} &&
      std::to_integer<std::size_t>(v[1]) == value.size() - 2) {
    text(value.subspan(2));
    return true;
  }
  return message(kind::any_value, value, offset, depth);
}

bool validator::scattered(kind in, zc::chain_cursor& at, std::size_t size, unsigned depth) {
  const std::size_t offset = at.position();
  if (at.peek().size() >= size || size <= scratch_.size()) {
    return message(in, at.read(size, scratch_), offset, depth);
  }
  pb::chain_reader r(at, size, depth_max - depth);
  oneof data{report_.items};
  while (r.next()) {
    if (r.type() != wire::bytes) continue;
    const rule known = detail::rule_of(in, r.number());
    if (known.what == role::none) continue;
    enter(known, r.number(), data);
    if (!scattered_field(known, at, r.size(), r.field_at(), depth)) return false;
  }
  if (r.ok()) return true;
  failure_ = r.failure();
  return false;
}

bool validator::scattered_field(const rule& known, zc::chain_cursor& at, std::size_t size,
                                std::size_t field_at, unsigned depth) {
  const std::size_t value_at = at.position();
  if (at.peek().size() >= size || size <= scratch_.size()) {
    return field(known, at.read(size, scratch_), value_at, field_at, depth);
  }
  switch (known.what) {
    case role::envelope:
    case role::member:
    case role::item:
    case role::message:
      if (depth >= depth_max) return refuse(errc::too_large, pb::reasons::deep, field_at);
      return scattered(known.inside, at, size, depth + 1);
    case role::text:
      scattered_text(at, size);
      return true;
    case role::packed_varints:
      return scattered_varints(at, size, field_at);
    case role::packed_fixed64:
      return size % 8 == 0 || refuse(errc::malformed, bad_packed, field_at);
    case role::trace_id:
    case role::span_id:
      ++report_.bad_ids;  // larger than the scratch
      return true;
    case role::none:
      break;
  }
  return true;
}

void validator::scattered_text(zc::chain_cursor& at, std::size_t size) {
  pb::utf8_check check;
  while (size > 0) {
    const run piece = at.peek().first(std::min(at.peek().size(), size));
    check.feed(piece);
    at.skip(piece.size());
    size -= piece.size();
  }
  report_.bad_utf8 += check.valid() ? 0 : 1;
}

bool validator::scattered_varints(zc::chain_cursor& at, std::size_t size, std::size_t field_at) {
  packed_check check;
  while (size > 0) {
    const run piece = at.peek().first(std::min(at.peek().size(), size));
    if (const char* reason = check.feed(piece)) return refuse(errc::malformed, reason, field_at);
    at.skip(piece.size());
    size -= piece.size();
  }
  const char* reason = check.finish();
  return reason == nullptr || refuse(errc::malformed, reason, field_at);
}

}  // namespace

zc::result<full_report> validate_full(signal s, const zc::bytes_chain& body) {
  validator v;
  zc::chain_cursor at(body);
  if (!v.scattered(detail::request_of(s), at, at.left(), 0)) return std::unexpected(v.failure());
  return v.report();
}

}  // namespace sluice::otlp
