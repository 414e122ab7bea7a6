// zc/mem/chain.h - a message in many pieces, in order, without joining them.
//
//     bytes_chain   [ piece | piece | piece ]      each piece a `bytes`: (owner, data, size)
//                       |       |       '---- pool block C
//                       |       '------------ pool block B
//                       '-------------------- pool block A
//
// Ownership  Every piece holds a reference on its owner; copying a chain shares all pieces.
// Threads    As `bytes`: the payload may be shared between threads, one chain object may not.
// Cost       size() O(1); append, prepend and taking from the front amortised O(1); up to
//            `inline_pieces` pieces without an allocation. Nothing here copies payload but
//            flatten_copy() and copy_to().
// Errors     Growing may throw std::bad_alloc. Breaking a "Requires" aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "zc/mem/bytes.h"

namespace zc {

// One entry of a gather list. Same layout as iovec (zc/io asserts it).
struct io_slice {
  const void* data;
  std::size_t size;
};

class [[nodiscard]] bytes_chain {
 public:
  static constexpr std::size_t inline_pieces = 4;

  bytes_chain() noexcept = default;
  // NOLINT(google-explicit-constructor): shares
  bytes_chain(bytes piece) { append(std::move(piece)); }
  bytes_chain(const bytes_chain& other) { append(other); }
  bytes_chain(bytes_chain&& other) noexcept { steal(other); }
  bytes_chain& operator=(const bytes_chain& other);
  bytes_chain& operator=(bytes_chain&& other) noexcept;
  ~bytes_chain() { reset(); }

  std::size_t size() const noexcept { return size_; }  // bytes
  bool empty() const noexcept { return size_ == 0; }
  std::size_t pieces() const noexcept { return count_; }
  // Borrows; valid until the chain changes.
  std::span<const bytes> view() const& noexcept { return {items() + head_, count_}; }
  std::span<const bytes> view() const&& = delete;
  const bytes* begin() const& noexcept { return items() + head_; }
  const bytes* end() const& noexcept { return items() + head_ + count_; }

  // Empty pieces are dropped; a piece that continues the last one on the same owner extends it.
  void append(bytes piece);
  void append(const bytes_chain& other);
  void append(bytes_chain&& other);
  void prepend(bytes piece);

  void consume(std::size_t count);          // drops from the front. Requires: count <= size()
  bytes_chain split_to(std::size_t count);  // cuts the front off.   Requires: count <= size()
  // The `count` bytes from `offset`, shared. O(pieces). Requires: offset <= size(), count <= size()
  // - offset.
  bytes_chain slice(std::size_t offset, std::size_t count) const;
  void clear() noexcept;

  // Fills `out` with the gather list of what follows `offset`; returns the entries used. Allocates
  // nothing, so a partial write is resumed by calling again with a larger offset. Requires: offset
  // <= size().
  std::size_t gather(std::size_t offset, std::span<io_slice> out) const noexcept;

  // Copies out.size() bytes from `offset`, counted as straddle. Requires: they exist.
  void copy_to(std::size_t offset, std::span<std::byte> out) const noexcept;
  // One contiguous piece: the piece itself when there is only one, else a counted copy.
  bytes flatten_copy() const;

  // Memory kept from other use by the pieces. Pieces side by side on one owner count once; the same
  // owner appearing again later counts again, so this is an upper bound.
  std::size_t retained_size() const noexcept;

 private:
  bytes* items() noexcept { return heap_ != nullptr ? heap_ : inline_items(); }
  const bytes* items() const noexcept {
    return heap_ != nullptr ? heap_ : const_cast<bytes_chain*>(this)->inline_items();
  }
  bytes* inline_items() noexcept { return reinterpret_cast<bytes*>(inline_); }
  std::size_t capacity() const noexcept { return heap_ != nullptr ? capacity_ : inline_pieces; }
  void make_room();
  void steal(bytes_chain& other) noexcept;
  void reset() noexcept;
  void pop_front() noexcept;

  bytes* heap_ = nullptr;       // null while the pieces fit inline
  std::uint32_t capacity_ = 0;  // of heap_
  std::uint32_t head_ = 0;      // pieces before it are dead
  std::uint32_t count_ = 0;
  std::size_t size_ = 0;
  alignas(bytes) std::byte inline_[inline_pieces * sizeof(bytes)];
};

// Content equality, O(n), however the bytes are cut.
bool operator==(const bytes_chain& a, const bytes_chain& b) noexcept;

}  // namespace zc
