// zc/mem/cursor.h - a reading position in a chain; looks at bytes where they lie.
//
//     chain_cursor at(body);
//     const auto length = at.try_read_be<std::uint32_t>();    // a value, or "truncated" and where
//     if (!length) return std::unexpected(length.error());
//     result<bytes_chain> payload = at.try_take(*length);     // shared, not copied
//
// Ownership  Borrows the chain, which must outlive the cursor and not change. Copying a cursor
//            marks a position; seek() returns to one. What take() hands out owns its bytes.
// Cost       peek O(1); skip O(pieces passed). A field inside of one piece is read where it lies; a
//            field cut by the end of a piece is stitched: that many bytes are copied and counted as
//            straddle.
// Errors     try_ functions never reach outside: they fail with errc::truncated and the position,
//            and the cursor stays where it was. Those without try_ require that the bytes exist.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "zc/base/lifetime.h"
#include "zc/base/result.h"
#include "zc/mem/chain.h"

namespace zc {

class chain_cursor {
 public:
  explicit chain_cursor(const bytes_chain& over ZC_LIFETIMEBOUND) noexcept
      : piece_(over.begin()), end_(over.end()), left_(over.size()) {}
  explicit chain_cursor(bytes_chain&&) = delete;
  explicit chain_cursor(const bytes& over ZC_LIFETIMEBOUND) noexcept
      : piece_(&over), end_(&over + !over.empty()), left_(over.size()) {}
  explicit chain_cursor(bytes&&) = delete;

  std::size_t left() const noexcept { return left_; }
  bool at_end() const noexcept { return left_ == 0; }
  std::size_t position() const noexcept { return position_; }
  // Forth or back. Requires: where <= position() + left().
  void seek(std::size_t where);

  // The longest contiguous run from here; empty only at the end.
  std::span<const std::byte> peek() const noexcept {
    if (piece_ == end_) return {};
    return piece_->view().subspan(at_);
  }
  // Of the next byte. Requires: !at_end()
  std::byte peek_byte() const {
    ZC_REQUIRES(left_ > 0, "chain_cursor::peek_byte requires !at_end()");
    return piece_->data()[at_];
  }
  // As bytes_chain::gather, from here; O(1) for each entry, however far into the chain.
  std::size_t gather(std::span<io_slice> out) const noexcept;

  void skip(std::size_t count) {  // Requires: count <= left()
    ZC_REQUIRES(count <= left_, "chain_cursor::skip requires count <= left()");
    pass(count);
  }
  void read_copy(std::span<std::byte> out);  // Requires: out.size() <= left()
  // The next `count` bytes contiguously: where they lie when one piece holds them, else copied to
  // `scratch`. Advances. Requires: count <= left() and count <= scratch.size().
  std::span<const std::byte> read(std::size_t count, std::span<std::byte> scratch);
  // An integer, most or least significant byte first. Requires: sizeof(T) <= left().
  template <std::integral T>
  T read_be() {
    const T value = read_native<T>();
    return std::endian::native == std::endian::big ? value : reversed(value);
  }
  template <std::integral T>
  T read_le() {
    const T value = read_native<T>();
    return std::endian::native == std::endian::little ? value : reversed(value);
  }
  // The next `count` bytes, sharing their blocks. Requires: count <= left().
  bytes_chain take(std::size_t count);

  result<void> try_skip(std::size_t count) {
    if (count > left_) return cut_short();
    pass(count);
    return {};
  }
  result<void> try_read_copy(std::span<std::byte> out);
  // Requires: count <= scratch.size(), unless more than left().
  result<std::span<const std::byte>> try_read(std::size_t count, std::span<std::byte> scratch);
  template <std::integral T>
  result<T> try_read_be() {
    if (sizeof(T) > left_) return cut_short();
    return read_be<T>();
  }
  template <std::integral T>
  result<T> try_read_le() {
    if (sizeof(T) > left_) return cut_short();
    return read_le<T>();
  }
  result<bytes_chain> try_take(std::size_t count);
  // What comes before the next `delimiter`, shared; the cursor then stands behind the delimiter.
  // too_large when there is none within the first `most` bytes and one more, truncated when the
  // chain ends before that is known.
  result<bytes_chain> try_take_until(std::byte delimiter, std::size_t most);

 private:
  std::unexpected<error> cut_short() const noexcept {
    return fail(errc::truncated, "the bytes end inside of a field", position_);
  }
  void pass(std::size_t count) noexcept {
    left_ -= count;
    position_ += count;
    if (piece_ != end_ && count < piece_->size() - at_) {
      at_ += count;
      return;
    }
    pass_pieces(count);
  }
  void pass_pieces(std::size_t count) noexcept;

  template <class T>
  static T reversed(T value) noexcept {
    auto parts = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
    for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(parts[i], parts[sizeof(T) - 1 - i]);
    return std::bit_cast<T>(parts);
  }
  template <class T>
  T read_native() {
    ZC_REQUIRES(sizeof(T) <= left_, "chain_cursor::read_be/le requires sizeof(T) <= left()");
    T value;
    if (sizeof(T) <= piece_->size() - at_) [[likely]] {
      std::memcpy(&value, piece_->data() + at_, sizeof value);
      pass(sizeof value);
    } else {
      read_copy(std::as_writable_bytes(std::span(&value, 1)));
    }
    return value;
  }

  const bytes* piece_;  // the one the position is in; end_ only at the end
  const bytes* end_;
  std::size_t at_ = 0;  // in *piece_
  std::size_t left_;
  std::size_t position_ = 0;
};

}  // namespace zc
