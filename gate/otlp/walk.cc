#include "gate/otlp/walk.h"

#include <algorithm>

#include "gate/otlp/fields.h"
#include "zc/mem/cursor.h"
#include "zc/wire/protobuf/varint.h"

namespace sluice::otlp {

using detail::kind;
using detail::role;
using detail::rule;
using zc::errc;
using zc::pb::wire;
namespace reasons = zc::pb::reasons;

static_assert(depth_max == zc::pb::depth_max);

item_counter::item_counter(signal s) noexcept
    : item_counter(detail::request_of(s), 0, UINT64_MAX) {
}  // how long the request is, nobody knows yet

item_counter::item_counter(kind in, std::uint64_t from, std::uint64_t end) noexcept
    : offset_(from) {
  stack_[0] = {end, from, 0, 0, in};
}

bool item_counter::refuse(errc code, const char* reason) noexcept {
  failure_ = {code, reason, field_at_, 0};
  failed_ = true;
  return false;
}

// Opens the message that begins at offset_ and leads to items.
void item_counter::enter(std::uint32_t number, kind inside, bool member,
                         std::uint64_t size) noexcept {
  if (member) {  // a new member of the oneof discards what the former one held
    level& metric = stack_[depth_];
    if (metric.member != number) items_ = metric.items_before;
    metric.member = number;
  }
  stack_[++depth_] = {offset_ + size, field_at_, items_, 0, inside};
}

namespace {

constexpr std::uint64_t distance(const std::byte* from, const std::byte* to) noexcept {
  return static_cast<std::uint64_t>(to - from);
}

// What the tag at `p` announces, if the field lies before `stop` whole, and its tag has one byte
// and its length or value one or two. `head` 0 stands for anything else.
struct short_field {
  std::uint32_t head;
  std::uint32_t size;  // of a length-delimited field
};

short_field short_field_at(const std::byte* p, const std::byte* stop) noexcept {
  const std::uint64_t here = distance(p, stop);
  const auto tag = std::to_integer<std::uint32_t>(p[0]);
  if (here < 2 || tag < 8) return {0, 0};
  const auto next = std::to_integer<std::uint32_t>(p[1]);
  switch (tag & 0x87) {
    case static_cast<std::uint32_t>(wire::bytes): {
      if (next < 0x80) return {next <= here - 2 ? 2u : 0u, next};
      if (here < 3 || p[2] >= std::byte{0x80}) return {0, 0};
      const std::uint32_t size = (next & 0x7f) | std::to_integer<std::uint32_t>(p[2]) << 7;
      return {size <= here - 3 ? 3u : 0u, size};
    }
    case static_cast<std::uint32_t>(wire::varint):
      return {next < 0x80 ? 2u : 0u, 0};
    case static_cast<std::uint32_t>(wire::fixed64):
      return {here >= 9 ? 9u : 0u, 0};
    case static_cast<std::uint32_t>(wire::fixed32):
      return {here >= 5 ? 5u : 0u, 0};
    default:
      return {0, 0};
  }
}

}  // namespace

// The quick way, for fields as clients write them that lie in this piece whole. Stops, at a tag,
// before anything else. A message at a time; its end is a pointer, so that passing a field is one
// addition.
const std::byte* item_counter::hop(const std::byte* p, const std::byte* const end) noexcept {
  std::uint64_t base = offset_;  // of `at`
  const std::byte* at = p;
  for (;;) {
    const bool ends_here = room() <= distance(p, end);
    const std::byte* const stop = ends_here ? p + room() : end;
    const auto& rules = detail::rules_of(stack_[depth_].kind);
    rule field{};
    short_field next{};
    while (p < stop) {
      next = short_field_at(p, stop);
      if (next.head == 0) break;
      const std::uint32_t tag = std::to_integer<std::uint32_t>(*p);
      field = (tag & 7) == static_cast<std::uint32_t>(wire::bytes) ? rules[tag >> 3] : rule{};
      if (field.what == role::envelope || field.what == role::member) break;
      p += next.head + next.size;
      if (field.what == role::item) {
        items_ += 1;
        // Records of a run are about equally long: the walk hops from head to head, and each
        // would be a cache miss.
        __builtin_prefetch(p + 2 * next.size);
        __builtin_prefetch(p + 2 * next.size + 64);
      }
    }
    offset_ = base + distance(at, p);
    if (p < stop) {
      if (next.head == 0) return p;
      field_at_ = offset_;
      offset_ += next.head;
      enter(std::to_integer<std::uint32_t>(*p) >> 3, field.inside, field.what == role::member,
            next.size);
      p += next.head;
    } else if (!ends_here) {
      return p;
    }
    while (depth_ > 0 && room() == 0) --depth_;
    if (p == end) return p;
    at = p;
    base = offset_;
  }
}

zc::result<void> item_counter::feed(std::span<const std::byte> piece) noexcept {
  if (failed_) return std::unexpected(failure_);
  const std::byte* p = piece.data();
  const std::byte* const end = p + piece.size();
  while (p != end) {
    if (skip_ > 0) {
      const std::uint64_t n = std::min<std::uint64_t>(skip_, static_cast<std::uint64_t>(end - p));
      p += n;
      skip_ -= n;
      offset_ += n;
      if (skip_ == 0 && !end_field()) break;
      continue;
    }
    if (state_ == waiting::tag && varint_bits_ == 0 && groups_ == 0) {
      p = hop(p, end);
      if (p == end) break;
    }
    if (!take(std::to_integer<std::uint8_t>(*p++))) break;
  }
  if (failed_) return std::unexpected(failure_);
  return {};
}

// The slow way, byte by byte.
bool item_counter::take(std::uint8_t b) noexcept {
  if (state_ == waiting::tag && varint_bits_ == 0 && groups_ == 0) field_at_ = offset_;
  ++offset_;
  varint_ |= std::uint64_t{b & 0x7fu} << varint_bits_;
  varint_bits_ += 7;
  if (b >= 0x80) {
    if (varint_bits_ == 70) return refuse(errc::malformed, reasons::long_varint);
    return room() > 0 || refuse(errc::truncated, reasons::cut);
  }
  const std::uint64_t value = varint_;
  const waiting state = state_;
  varint_ = 0;
  varint_bits_ = 0;
  state_ = waiting::tag;
  switch (state) {
    case waiting::tag:
      return take_tag(value);
    case waiting::length:
      return take_length(value);
    case waiting::value:
      break;
  }
  return end_field();
}

bool item_counter::take_tag(std::uint64_t tag) noexcept {
  const std::uint64_t number = tag >> 3;
  if (number - 1 >= zc::pb::field_max) return refuse(errc::malformed, reasons::bad_number);
  const auto field = static_cast<std::uint32_t>(number);
  switch (static_cast<wire>(tag & 7)) {
    case wire::varint:
      state_ = waiting::value;
      return room() > 0 || refuse(errc::truncated, reasons::cut);
    case wire::bytes:
      number_ = field;
      state_ = waiting::length;
      return room() > 0 || refuse(errc::truncated, reasons::cut);
    case wire::fixed64:
      return pass(8);
    case wire::fixed32:
      return pass(4);
    case wire::group:
      return open_group(field);
    case wire::group_end:
      return end_group(field);
  }
  return refuse(errc::malformed, reasons::bad_type);
}

bool item_counter::take_length(std::uint64_t size) noexcept {
  if (size > zc::pb::length_max) return refuse(errc::malformed, reasons::long_length);
  if (groups_ > 0) return pass(size);
  const rule field = detail::rule_of(stack_[depth_].kind, number_);
  if (field.what == role::item && size <= room()) ++items_;
  if (field.what != role::envelope && field.what != role::member) return pass(size);
  if (size > room()) return refuse(errc::truncated, reasons::cut);
  enter(number_, field.inside, field.what == role::member, size);
  return end_field();
}

bool item_counter::pass(std::uint64_t size) noexcept {
  if (size > room()) return refuse(errc::truncated, reasons::cut);
  skip_ = size;
  return size > 0 || end_field();
}

bool item_counter::open_group(std::uint32_t number) noexcept {
  if (depth_ + groups_ >= depth_max) return refuse(errc::too_large, reasons::deep);
  group_[groups_++] = number;
  return end_field();
}

bool item_counter::end_group(std::uint32_t number) noexcept {
  if (groups_ == 0 || group_[groups_ - 1] != number) {
    return refuse(errc::malformed, reasons::stray_end);
  }
  --groups_;
  return end_field();
}

// A field is complete; messages may end with it.
bool item_counter::end_field() noexcept {
  if (groups_ > 0) return room() > 0 || refuse(errc::truncated, reasons::open_group);
  while (depth_ > 0 && room() == 0) --depth_;
  return true;
}

zc::result<std::uint64_t> item_counter::finish() noexcept {
  if (failed_) return std::unexpected(failure_);
  const bool open =
      depth_ > 0 || skip_ > 0 || varint_bits_ > 0 || groups_ > 0 || state_ != waiting::tag;
  if (!open) return items_;
  if (depth_ > 0) field_at_ = stack_[1].at;  // the outermost field that lacks its end
  refuse(errc::truncated, groups_ > 0 && depth_ == 0 ? reasons::open_group : reasons::cut);
  return std::unexpected(failure_);
}

namespace detail {

struct counting {
  static item_counter begin(kind in, std::uint64_t from, std::uint64_t size) noexcept {
    return item_counter(in, from, from + size);
  }
};

zc::result<std::uint64_t> count_message(kind in, zc::chain_cursor at, std::size_t size) {
  item_counter counter = counting::begin(in, at.position(), size);
  while (size > 0) {
    const auto run = at.peek();
    const std::size_t n = std::min(run.size(), size);
    if (auto fed = counter.feed(run.first(n)); !fed) return std::unexpected(fed.error());
    at.skip(n);
    size -= n;
  }
  return counter.finish();
}

}  // namespace detail

zc::result<std::uint64_t> count_items(signal s, const zc::bytes_chain& body) {
  item_counter counter(s);
  for (const zc::bytes& piece : body) {
    if (auto fed = counter.feed(piece.view()); !fed) return std::unexpected(fed.error());
  }
  return counter.finish();
}

}  // namespace sluice::otlp
