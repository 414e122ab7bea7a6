// zc/wire/protobuf/writer.h - appends protobuf fields to a string, to room of somebody else's, or
// to a builder that hands them out as `bytes` without a copy.
//
//     std::string out;                              bytes_builder block = pool.take(4_KiB);
//     pb::string_writer w(out);                     pb::room_writer w(block.spare());
//     w.text(1, "name");                            w.text(1, "name");
//     w.message(2, [&] { w.varint(1, 7); });        if (w.full()) ...; block.commit(w.size());
//
//     auto block = bytes_builder::with_capacity(expected);
//     pb::builder_writer w(block);
//     w.message(2, [&] { w.text(1, "name"); });
//     bytes sent = std::move(block).freeze();       lies where it was written
//
// Nested messages get their exact, shortest length: one byte is set aside for it and the content
// moved up when it needs more, which costs nothing below 128 bytes. Where content is large, compute
// its size first (bytes_field_size) and use `head`.
//
// Ownership  Borrows the string, the room or the builder, which stays where it is and from which
//            nothing is taken while it is written to.
// Cost       New bytes, so not counted in the ledger. A builder that has to grow moves what it
//            holds, and that copy is counted: with enough capacity there is none.
// Errors     A room_writer that runs out of room writes nothing more and says full(); what it holds
//            is then useless. So does a builder_writer over a block that cannot grow (a pool's). A
//            string, or a builder that grows, may throw std::bad_alloc.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "zc/base/check.h"
#include "zc/mem/builder.h"
#include "zc/wire/protobuf/varint.h"

namespace zc::pb {

// Where a writer writes: grow(n) answers n fresh bytes at the end, or null when there is no room.
class string_room {
 public:
  explicit string_room(std::string& into) noexcept : into_(&into), start_(into.size()) {}
  std::byte* grow(std::size_t n) {
    const std::size_t before = into_->size();
    into_->resize(before + n);
    return reinterpret_cast<std::byte*>(into_->data()) + before;
  }
  std::byte* data() noexcept { return reinterpret_cast<std::byte*>(into_->data()) + start_; }
  std::size_t size() const noexcept { return into_->size() - start_; }

 private:
  std::string* into_;
  std::size_t start_;  // what was there before is not ours
};

class fixed_room {
 public:
  explicit fixed_room(std::span<std::byte> room) noexcept : room_(room) {}
  std::byte* grow(std::size_t n) noexcept {
    if (n > room_.size() - used_) return nullptr;
    std::byte* const fresh = room_.data() + used_;
    used_ += n;
    return fresh;
  }
  std::byte* data() noexcept { return room_.data(); }
  std::size_t size() const noexcept { return used_; }

 private:
  std::span<std::byte> room_;
  std::size_t used_ = 0;
};

class builder_room {
 public:
  explicit builder_room(bytes_builder& into) noexcept : into_(&into), start_(into.size()) {}
  std::byte* grow(std::size_t n) {
    if (into_->grows()) {
      into_->reserve(n);
    } else if (!into_->try_reclaim(n)) {
      return nullptr;  // reserve() would leave the block, and with it the pool's bound
    }
    std::byte* const fresh = into_->spare().data();
    into_->commit(n);
    return fresh;
  }
  std::byte* data() noexcept { return into_->written().data() + start_; }
  std::size_t size() const noexcept { return into_->size() - start_; }

 private:
  bytes_builder* into_;
  std::size_t start_;  // what was written before is not ours
};

template <class Room>
class basic_writer {
 public:
  template <class Into>
    requires std::constructible_from<Room,
                                     Into>  // a string by reference only: a temporary is refused
  explicit basic_writer(Into&& into) noexcept : room_(std::forward<Into>(into)) {}

  std::size_t size() const noexcept { return room_.size(); }  // bytes written by this writer
  bool full() const noexcept { return full_; }

  void varint(std::uint32_t field, std::uint64_t value) {
    std::byte buffer[2 * varint_bytes_max];
    std::byte* end = put_varint(buffer, tag_of(field, wire::varint));
    raw({buffer, put_varint(end, value)});
  }
  // Negative values take ten bytes: int32 and int64 are not zigzag.
  void signed_varint(std::uint32_t field, std::int64_t value) {
    varint(field, static_cast<std::uint64_t>(value));
  }
  void zigzag_varint(std::uint32_t field, std::int64_t value) { varint(field, zigzag(value)); }
  void boolean(std::uint32_t field, bool value) { varint(field, value ? 1 : 0); }
  void fixed32(std::uint32_t field, std::uint32_t value) { fixed(field, wire::fixed32, value, 4); }
  void fixed64(std::uint32_t field, std::uint64_t value) { fixed(field, wire::fixed64, value, 8); }
  void float64(std::uint32_t field, double value) {
    fixed64(field, std::bit_cast<std::uint64_t>(value));
  }

  void bytes(std::uint32_t field, std::span<const std::byte> value) {
    head(field, value.size());
    raw(value);
  }
  void text(std::uint32_t field, std::string_view value) {
    bytes(field, std::as_bytes(std::span(value)));
  }
  void packed_varints(std::uint32_t field, std::span<const std::uint64_t> values) {
    std::size_t size = 0;
    for (const std::uint64_t v : values) size += varint_size(v);
    head(field, size);
    if (std::byte* at = grow(size)) {
      for (const std::uint64_t v : values) at = put_varint(at, v);
    }
  }
  void packed_fixed64(std::uint32_t field, std::span<const std::uint64_t> values) {
    head(field, values.size() * 8);
    if (std::byte* at = grow(values.size() * 8)) {
      for (const std::uint64_t v : values) at = put_little(at, v, 8);
    }
  }
  void packed_float64(std::uint32_t field, std::span<const double> values) {
    head(field, values.size() * 8);
    if (std::byte* at = grow(values.size() * 8)) {
      for (const double v : values) at = put_little(at, std::bit_cast<std::uint64_t>(v), 8);
    }
  }

  // Tag and length of a field whose `size` bytes the caller writes next, by any means.
  void head(std::uint32_t field, std::size_t size) {
    std::byte buffer[2 * varint_bytes_max];
    std::byte* end = put_varint(buffer, tag_of(field, wire::bytes));
    raw({buffer, put_varint(end, size)});
  }
  // Bytes that are encoded already: whole fields, or the payload after head().
  void raw(std::span<const std::byte> encoded) {
    if (std::byte* at = grow(encoded.size())) std::copy(encoded.begin(), encoded.end(), at);
  }

  // A nested message: everything that `fill` writes through this writer.
  template <std::invocable Fill>
  void message(std::uint32_t field, Fill&& fill) {
    const std::size_t mark = open(field);
    fill();
    close(mark);
  }
  // The same where a closure does not fit. Every open() needs its close(), innermost first.
  std::size_t open(std::uint32_t field) {
    std::byte buffer[varint_bytes_max + 1];
    std::byte* end = put_varint(buffer, tag_of(field, wire::bytes));
    *end++ = std::byte{0};
    raw({buffer, end});
    return room_.size();
  }
  void close(std::size_t mark) {
    if (full_) return;
    ZC_CHECK(mark >= 1 && mark <= room_.size());
    const std::size_t size = room_.size() - mark;
    const std::size_t more = varint_size(size) - 1;
    if (more > 0) {
      if (grow(more) == nullptr) return;
      std::byte* const content = room_.data() + mark;
      std::copy_backward(content, content + size, content + size + more);
    }
    put_varint(room_.data() + mark - 1, size);
  }

 private:
  std::byte* grow(std::size_t n) {
    if (full_) return nullptr;
    std::byte* const fresh = room_.grow(n);
    full_ = fresh == nullptr && n > 0;
    return fresh;
  }
  static std::byte* put_little(std::byte* at, std::uint64_t value, unsigned bytes) noexcept {
    for (unsigned i = 0; i < bytes; ++i, value >>= 8) *at++ = static_cast<std::byte>(value);
    return at;
  }
  void fixed(std::uint32_t field, wire type, std::uint64_t value, unsigned bytes) {
    std::byte buffer[varint_bytes_max + 8];
    std::byte* end = put_varint(buffer, tag_of(field, type));
    raw({buffer, put_little(end, value, bytes)});
  }

  Room room_;
  bool full_ = false;
};

using string_writer = basic_writer<string_room>;
using room_writer = basic_writer<fixed_room>;
using builder_writer = basic_writer<builder_room>;

}  // namespace zc::pb
