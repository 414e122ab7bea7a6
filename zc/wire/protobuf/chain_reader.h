// zc/wire/protobuf/chain_reader.h - reader's twin for a message that lies in a chain, cut anywhere.
//
//     chain_cursor at(body);
//     chain_reader r(at, body.size());
//     while (r.next()) if (r.is(1, wire::bytes)) walk(at, r.size());  // `at` is on the payload
//
// Meant for the outer levels of an envelope, whose payloads are large; a payload that one piece
// holds is better given to `reader`.
//
// Ownership  Borrows the cursor and moves it. Between two next() the caller may move it too, within
//            the payload.
// Cost       next(): some nanoseconds more than reader's; O(pieces) for payloads passed over.
//            Copies nothing.
// Errors     As reader, the same errors for the same bytes; offsets are cursor positions. After a
//            failure the cursor stands somewhere in the broken field.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/base/result.h"
#include "zc/mem/cursor.h"
#include "zc/wire/protobuf/varint.h"

namespace zc::pb {

class chain_reader {
 public:
  // The message is the next `size` bytes of `over`. Requires: size <= over.left(), groups_max <=
  // depth_max.
  chain_reader(chain_cursor& over, std::size_t size, unsigned groups_max = depth_max) noexcept
      : at_(over), end_(over.position() + size), next_(over.position()), groups_max_(groups_max) {
    ZC_CHECK(size <= over.left());
    ZC_CHECK(groups_max <= depth_max);
  }

  bool next();

  std::uint32_t number() const noexcept { return number_; }
  wire type() const noexcept { return type_; }
  bool is(std::uint32_t number, wire type) const noexcept {
    return number_ == number && type_ == type;
  }
  std::uint64_t value() const noexcept { return value_; }  // varint, fixed32, fixed64
  std::size_t size() const noexcept { return size_; }      // of a length-delimited payload

  std::size_t field_at() const noexcept { return field_at_; }  // position of the tag
  std::size_t field_end() const noexcept { return next_; }     // position behind the field

  bool ok() const noexcept { return reason_ == nullptr; }
  error failure() const noexcept { return {code_, reason_, field_at_, 0}; }

 private:
  bool refuse(errc code, const char* reason) noexcept;
  std::size_t left() const noexcept { return end_ - at_.position(); }
  bool read_quickly();
  bool read_varint(std::uint64_t& into);
  bool read_varint_slowly(std::uint64_t& into);
  bool read_fixed(std::size_t bytes);
  bool read_tag();
  bool read_value();
  bool pass_group();

  chain_cursor& at_;
  std::size_t end_;
  std::size_t next_;
  std::size_t field_at_ = 0;
  std::size_t size_ = 0;
  std::uint64_t value_ = 0;
  const char* reason_ = nullptr;
  std::uint32_t number_ = 0;
  unsigned groups_max_;
  wire type_ = wire::varint;
  errc code_ = errc::malformed;
};

}  // namespace zc::pb
