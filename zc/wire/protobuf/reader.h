// zc/wire/protobuf/reader.h - a forward reader over the fields of one contiguous message.
//
//     pb::reader r(message);
//     while (r.next()) if (r.is(2, wire::bytes)) use(r.view());
//     if (!r.ok()) return std::unexpected(r.failure());
//
// Ownership  Borrows the message. Views point into it.
// Cost       next(): a few nanoseconds; values are not copied, groups are passed over.
// Errors     next() returns false at the end and at the first broken field; ok() tells which.
//            A failure's offset is that of the field's tag, counted from `offset`; in groups, that
//            of the outermost.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "zc/base/result.h"
#include "zc/wire/protobuf/varint.h"

namespace zc::pb {

namespace detail {
template <class Word>
inline Word load_little(const std::byte* at) noexcept {
  static_assert(std::endian::native == std::endian::little);
  Word word;
  __builtin_memcpy(&word, at, sizeof word);
  return word;
}

struct passed_group {
  const std::byte* next = nullptr;  // behind the end tag; null on failure
  const std::byte* inner_end = nullptr;
  errc code = errc::malformed;
  const char* reason = nullptr;
};
// `at` stands behind the start tag of group `field`; at most `depth` groups may be open at once.
passed_group pass_group(const std::byte* at, const std::byte* end, std::uint32_t field,
                        unsigned depth) noexcept;
}  // namespace detail

class reader {
 public:
  reader() noexcept = default;
  // `offset`: where the message begins in what the caller calls offset 0. `groups_max`: how deep
  // groups may nest.
  explicit reader(std::span<const std::byte> message, std::size_t offset = 0,
                  unsigned groups_max = depth_max) noexcept
      : begin_(message.data()),
        at_(message.data()),
        end_(message.data() + message.size()),
        offset_(offset),
        groups_max_(groups_max) {}

  // Moves to the next field and bounds its value.
  bool next() noexcept;

  std::uint32_t number() const noexcept { return number_; }
  wire type() const noexcept { return type_; }
  bool is(std::uint32_t number, wire type) const noexcept {
    return number_ == number && type_ == type;
  }

  // varint, fixed32, fixed64
  std::uint64_t value() const noexcept { return value_; }
  std::int64_t signed_value() const noexcept { return static_cast<std::int64_t>(value_); }
  std::int64_t zigzag_value() const noexcept { return unzigzag(value_); }
  double double_value() const noexcept { return std::bit_cast<double>(value_); }

  // The payload of a length-delimited field; what is between the tags of a group.
  std::span<const std::byte> view() const noexcept { return {payload_, size_}; }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(payload_), size_};
  }
  std::span<const std::byte> raw() const noexcept { return {field_, at_}; }  // tag and all

  std::size_t field_at() const noexcept { return offset_of(field_); }
  std::size_t value_at() const noexcept { return offset_of(payload_); }  // bytes and groups only

  bool ok() const noexcept { return reason_ == nullptr; }
  error failure() const noexcept { return {code_, reason_, field_at(), 0}; }

 private:
  std::size_t offset_of(const std::byte* p) const noexcept {
    return offset_ + static_cast<std::size_t>(p - begin_);
  }
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  bool refuse(errc code, const char* reason) noexcept {
    code_ = code;
    reason_ = reason;
    end_ = at_ = field_;  // a further next() stays at the failure
    return false;
  }
  bool read_varint(std::uint64_t& into) noexcept;
  bool read_bytes() noexcept;
  bool read_group() noexcept;
  template <class Word>
  bool read_fixed() noexcept;

  const std::byte* begin_ = nullptr;
  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  const std::byte* field_ = nullptr;
  const std::byte* payload_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t value_ = 0;
  std::size_t offset_ = 0;
  const char* reason_ = nullptr;
  std::uint32_t number_ = 0;
  unsigned groups_max_ = depth_max;
  wire type_ = wire::varint;
  errc code_ = errc::malformed;
};

inline bool reader::read_varint(std::uint64_t& into) noexcept {
  if (at_ != end_ && *at_ < std::byte{0x80}) {
    into = std::to_integer<std::uint64_t>(*at_++);
    return true;
  }
  const decoded_varint d = decode_varint(at_, end_);
  if (d.size == 0) return refuse(errc::truncated, reasons::cut);
  if (d.size > varint_bytes_max) return refuse(errc::malformed, reasons::long_varint);
  into = d.value;
  at_ += d.size;
  return true;
}

inline bool reader::read_bytes() noexcept {
  std::uint64_t size = 0;
  if (!read_varint(size)) return false;
  if (size > left()) [[unlikely]] {
    return size > length_max ? refuse(errc::malformed, reasons::long_length)
                             : refuse(errc::truncated, reasons::cut);
  }
  if (size > length_max) [[unlikely]]
    return refuse(errc::malformed, reasons::long_length);
  payload_ = at_;
  size_ = static_cast<std::size_t>(size);
  at_ += size_;
  return true;
}

template <class Word>
inline bool reader::read_fixed() noexcept {
  if (sizeof(Word) > left()) return refuse(errc::truncated, reasons::cut);
  value_ = detail::load_little<Word>(at_);
  at_ += sizeof(Word);
  return true;
}

inline bool reader::read_group() noexcept {
  const detail::passed_group g = detail::pass_group(at_, end_, number_, groups_max_);
  if (g.next == nullptr) return refuse(g.code, g.reason);
  payload_ = at_;
  size_ = static_cast<std::size_t>(g.inner_end - at_);
  at_ = g.next;
  return true;
}

inline bool reader::next() noexcept {
  if (at_ == end_) return false;
  field_ = at_;
  std::uint64_t tag = 0;
  if (!read_varint(tag)) return false;
  const std::uint64_t number = tag >> 3;
  if (number - 1 >= field_max) [[unlikely]]
    return refuse(errc::malformed, reasons::bad_number);
  number_ = static_cast<std::uint32_t>(number);
  type_ = static_cast<wire>(tag & 7);
  switch (type_) {
    case wire::bytes:
      return read_bytes();
    case wire::varint:
      return read_varint(value_);
    case wire::fixed64:
      return read_fixed<std::uint64_t>();
    case wire::fixed32:
      return read_fixed<std::uint32_t>();
    case wire::group:
      return read_group();
    case wire::group_end:
      return refuse(errc::malformed, reasons::stray_end);
  }
  return refuse(errc::malformed, reasons::bad_type);
}

}  // namespace zc::pb
