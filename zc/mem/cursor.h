// zc/mem/cursor.h - a reading position in a chain; looks at bytes where they lie.
//
//     chain_cursor at(body);
//     const auto length = at.try_read_be<std::uint32_t>();    // a value, or "truncated" and where
//     if (!length) return std::unexpected(length.error());
//     result<bytes_chain> payload = at.try_take(*length);     // shared, not copied
//
// Ownership  Borrows the chain, which must outlive the cursor and not change. Copying a cursor
//            marks a position; seek() returns to one. What take() hands out owns its bytes.
// Cost       peek O(1); skip O(pieces passed). A field inside of one piece is read where it lies,
//            inline, in some 3 ns; a field cut by the end of a piece is stitched: that many bytes
//            are copied and counted as straddle.
// Errors     try_ functions never reach outside: they fail with errc::truncated and the position,
//            and the cursor stays where it was. Those without try_ require that the bytes exist.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>

#include "zc/base/lifetime.h"
#include "zc/base/result.h"
#include "zc/mem/chain.h"

namespace zc {

class chain_cursor {
 public:
  explicit chain_cursor(const bytes_chain& over ZC_LIFETIMEBOUND) noexcept
      : piece_(over.begin()), end_(over.end()), size_(over.size()) {
    enter();
  }
  explicit chain_cursor(bytes_chain&&) = delete;
  explicit chain_cursor(const bytes& over ZC_LIFETIMEBOUND) noexcept
      : piece_(&over), end_(&over + !over.empty()), size_(over.size()) {
    enter();
  }
  explicit chain_cursor(bytes&&) = delete;

  std::size_t left() const noexcept { return size_ - position_; }
  bool at_end() const noexcept { return run_.empty(); }
  std::size_t position() const noexcept { return position_; }
  // Forth or back. Requires: where <= position() + left().
  void seek(std::size_t where);

  // The longest contiguous run from here; empty only at the end.
  std::span<const std::byte> peek() const noexcept { return run_; }
  // Of the next byte. Requires: !at_end()
  std::byte peek_byte() const {
    ZC_REQUIRES(!at_end(), "chain_cursor::peek_byte requires !at_end()");
    return run_.front();
  }
  // As bytes_chain::gather, from here; O(1) for each entry, however far into the chain.
  std::size_t gather(std::span<io_slice> out) const noexcept;

  void skip(std::size_t count) {  // Requires: count <= left()
    ZC_REQUIRES(count <= left(), "chain_cursor::skip requires count <= left()");
    pass(count);
  }
  void read_copy(std::span<std::byte> out);  // Requires: out.size() <= left()
  // The next `count` bytes contiguously: where they lie when one piece holds them, else copied to
  // `scratch`. Advances. Requires: count <= left() and count <= scratch.size().
  std::span<const std::byte> read(std::size_t count, std::span<std::byte> scratch) {
    if (count > run_.size()) [[unlikely]]
      return read_stitched(count, scratch);
    const auto found = run_.first(count);
    pass(count);
    return found;
  }
  // An integer, most or least significant byte first. Requires: sizeof(T) <= left().
  template <std::integral T>
  T read_be() {
    const T value = read_native<T>();
    return std::endian::native == std::endian::big ? value : std::byteswap(value);
  }
  template <std::integral T>
  T read_le() {
    const T value = read_native<T>();
    return std::endian::native == std::endian::little ? value : std::byteswap(value);
  }
  // The next `count` bytes, sharing their blocks. Requires: count <= left().
  bytes_chain take(std::size_t count);

  result<void> try_skip(std::size_t count) {
    if (count > left()) return cut_short();
    pass(count);
    return {};
  }
  result<void> try_read_copy(std::span<std::byte> out);
  // Requires: count <= scratch.size(), unless more than left().
  result<std::span<const std::byte>> try_read(std::size_t count, std::span<std::byte> scratch);
  template <std::integral T>
  result<T> try_read_be() {
    if (sizeof(T) > left()) return cut_short();
    return read_be<T>();
  }
  template <std::integral T>
  result<T> try_read_le() {
    if (sizeof(T) > left()) return cut_short();
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
  std::size_t at() const noexcept { return piece_ == end_ ? 0 : piece_->size() - run_.size(); }
  void enter() noexcept { run_ = piece_ == end_ ? std::span<const std::byte>() : piece_->view(); }
  void pass(std::size_t count) noexcept {
    position_ += count;
    while (count >= run_.size()) {
      if (piece_ == end_) return;
      count -= run_.size();
      ++piece_;
      enter();
    }
    run_ = run_.subspan(count);
  }
  // By way of a copy that goes out and comes back: of a cursor whose address no call is given the
  // compiler keeps the fields in registers, and a loop over fields takes a fifth less time.
  void read_cut(std::span<std::byte> out) {
    chain_cursor beyond(*this);
    beyond.read_copy(out);
    *this = beyond;
  }
  std::span<const std::byte> read_stitched(std::size_t count, std::span<std::byte> scratch) {
    ZC_REQUIRES(count <= left(), "chain_cursor::read requires count <= left()");
    ZC_REQUIRES(count <= scratch.size(), "chain_cursor::read requires count <= scratch.size()");
    read_cut(scratch.first(count));
    return scratch.first(count);
  }

  template <class T>
  T read_native() {
    T value;
    if (sizeof(T) <= run_.size()) [[likely]] {
      std::memcpy(&value, run_.data(), sizeof value);
      pass(sizeof value);
    } else {
      ZC_REQUIRES(sizeof(T) <= left(), "chain_cursor::read_be/le requires sizeof(T) <= left()");
      read_cut(std::as_writable_bytes(std::span(&value, 1)));
    }
    return value;
  }

  const bytes* piece_;  // the one the position is in; end_ only at the end
  const bytes* end_;
  std::span<const std::byte> run_;  // what is left of *piece_; empty only at the end
  std::size_t size_;
  std::size_t position_ = 0;
};

}  // namespace zc
