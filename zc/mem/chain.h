// zc/mem/chain.h - a message in many pieces, in order, without joining them.
//
//     bytes_chain   [ piece | piece | piece ]      each piece a `bytes`: (owner, data, size)
//                       |       |       '---- pool block C
//                       |       '------------ pool block B
//                       '-------------------- pool block A
//
// Ownership  Every piece holds a reference on its owner; copying a chain shares all pieces. Pieces
//            in a row on one owner are taken and let go with one update of its count.
// Threads    As `bytes`: the payload may be shared between threads, one chain object may not.
// Cost       size() O(1); adding and taking at both ends amortised O(1), thousands of pieces or
//            not; up to `inline_pieces` pieces without an allocation. Finding an offset: O(pieces
//            before it). Only functions with `copy` in their name copy payload, and count it.
// Errors     Growing may throw std::bad_alloc; the chain, and what was to be added, are then as
//            they were. Breaking a "Requires" stops the program and names the contract.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "zc/base/lifetime.h"
#include "zc/mem/bytes.h"

namespace zc {

// One entry of a gather list. Same layout as iovec (zc/io asserts it).
struct io_slice {
  const void* data;
  std::size_t size;
};

class [[nodiscard]] bytes_chain {
 public:
  using value_type = bytes;
  using iterator = const bytes*;
  using const_iterator = const bytes*;

  static constexpr std::size_t inline_pieces = 4;
  // Room of a block that small pieces are copied into side by side.
  static constexpr std::size_t coalesce_block_bytes = 1024;

  bytes_chain() noexcept = default;
  // NOLINTNEXTLINE(google-explicit-constructor): shares
  bytes_chain(bytes piece) { append(std::move(piece)); }
  bytes_chain(const bytes_chain& other) { append(other); }
  bytes_chain(bytes_chain&& other) noexcept { steal(other); }
  bytes_chain& operator=(const bytes_chain& other);
  bytes_chain& operator=(bytes_chain&& other) noexcept;
  ~bytes_chain() {
    if (count_ > 0 || heap_ != nullptr) reset();
  }

  std::size_t size() const noexcept { return size_; }  // bytes
  bool empty() const noexcept { return size_ == 0; }
  std::size_t pieces() const noexcept { return count_; }

  // The pieces. These borrow; valid until the chain changes. Refused on a temporary.
  // Every byte, in order: chain | std::views::join.
  std::span<const bytes> view() const& noexcept ZC_LIFETIMEBOUND {
    return {items() + head_, count_};
  }
  std::span<const bytes> view() && = delete;
  const bytes* begin() const& noexcept ZC_LIFETIMEBOUND { return items() + head_; }
  const bytes* begin() && = delete;
  const bytes* end() const& noexcept ZC_LIFETIMEBOUND { return items() + head_ + count_; }
  const bytes* end() && = delete;

  // Empty pieces are dropped; a piece that continues its neighbour on the same owner extends it.
  void append(bytes piece);
  void append(const bytes_chain& other);
  void append(bytes_chain&& other);
  void prepend(bytes piece);
  void prepend(bytes_chain other);
  // What was at `offset` follows `other` then. O(pieces). Requires: offset <= size().
  void insert(std::size_t offset, bytes_chain other);
  // Room for so many more pieces at the end without an allocation.
  void reserve_pieces(std::size_t more) { make_room(more, side::back); }

  // New payload beside the last (first) piece, in the room of its block when nobody else holds that
  // block, else in a new block; counted as coalesce.
  void append_copy(std::span<const std::byte> source);
  void append_copy(std::string_view text) { append_copy(std::as_bytes(std::span(text))); }
  void prepend_copy(std::span<const std::byte> source);
  void prepend_copy(std::string_view text) { prepend_copy(std::as_bytes(std::span(text))); }
  // Copy small, share large: pieces of at most bytes::copy_small_max bytes are copied beside their
  // neighbour, unless they continue it anyway; larger ones are shared.
  void append_or_copy(bytes piece);
  void append_or_copy(const bytes_chain& other);
  void prepend_or_copy(bytes piece);

  void consume(std::size_t count);          // drops from the front. Requires: count <= size()
  void truncate(std::size_t count);         // keeps the front; no effect when count >= size()
  bytes_chain split_to(std::size_t count);  // cuts the front off.   Requires: count <= size()
  bytes_chain split_off(std::size_t at);    // keeps the front, returns the rest. at <= size()
  // The `count` bytes from `offset`, shared. O(pieces). Requires: offset <= size(), count <= size()
  // - offset.
  bytes_chain slice(std::size_t offset, std::size_t count) const;
  void clear() noexcept;
  void swap(bytes_chain& other) noexcept;

  // Fills `out` with the gather list of what follows `offset`; returns the entries used. Allocates
  // nothing, so a partial write is resumed by calling again with a larger offset, or by consume()
  // and offset 0, which is O(1). Requires: offset <= size().
  std::size_t gather(std::size_t offset, std::span<io_slice> out) const noexcept;

  std::byte operator[](std::size_t at) const;  // O(pieces before it). Requires: at < size()
  // Where it begins first, at `from` or later. Also across pieces. Worst case O(bytes left * size
  // of what is looked for), for many tiny pieces. Nothing is found at once. Requires: from <=
  // size().
  std::optional<std::size_t> find(std::byte what, std::size_t from = 0) const;
  std::optional<std::size_t> find(std::span<const std::byte> what, std::size_t from = 0) const;
  std::optional<std::size_t> find(std::string_view what, std::size_t from = 0) const {
    return find(std::as_bytes(std::span(what)), from);
  }
  bool starts_with(std::span<const std::byte> what) const noexcept;
  bool starts_with(std::string_view what) const noexcept {
    return starts_with(std::as_bytes(std::span(what)));
  }

  // Copies out.size() bytes from `offset`, counted as straddle. Requires: they exist.
  void copy_to(std::size_t offset, std::span<std::byte> out) const noexcept;
  // One contiguous piece: the piece itself when there is only one, else a counted copy.
  bytes flatten_copy() const;
  // The same for looking at: the piece where it lies when there is only one, else a counted copy in
  // `scratch`. Requires: one piece at most, or size() <= scratch.size().
  std::span<const std::byte> view_or_copy(std::span<std::byte> scratch) const& ZC_LIFETIMEBOUND;
  std::span<const std::byte> view_or_copy(std::span<std::byte> scratch) && = delete;

  // Memory kept from other use by the pieces. Pieces side by side on one owner count once; the same
  // owner appearing again later counts again, so this is an upper bound.
  std::size_t retained_size() const noexcept;
  // The same content, sharing the pieces whose blocks are well used and copying the others (taken
  // together when they lie in a row on one owner).
  bytes_chain compact_copy(const compact_policy& policy = {}) const;

  // By content, O(n), however the bytes are cut; order as memcmp.
  friend bool operator==(const bytes_chain& a, const bytes_chain& b) noexcept {
    return a.size_ == b.size_ && compare(a.view(), b.view()) == 0;
  }
  friend bool operator==(const bytes_chain& a, std::string_view b) noexcept {
    return a.size_ == b.size() && a.starts_with(b);
  }
  friend std::strong_ordering operator<=>(const bytes_chain& a, const bytes_chain& b) noexcept {
    return compare(a.view(), b.view());
  }
  friend void swap(bytes_chain& a, bytes_chain& b) noexcept { a.swap(b); }

 private:
  enum class side : unsigned char { front, back };
  struct place {  // of one byte; piece == count_ is the end
    std::size_t piece;
    std::size_t at;
  };

  static std::strong_ordering compare(std::span<const bytes> a, std::span<const bytes> b) noexcept;

  bytes* items() noexcept { return heap_ != nullptr ? heap_ : inline_items(); }
  const bytes* items() const noexcept {
    return heap_ != nullptr ? heap_ : const_cast<bytes_chain*>(this)->inline_items();
  }
  bytes* inline_items() noexcept { return reinterpret_cast<bytes*>(inline_); }
  std::size_t capacity() const noexcept { return heap_ != nullptr ? capacity_ : inline_pieces; }
  void make_room(std::size_t more, side at);
  void move_items(std::size_t more, side at);
  void push_back(bytes&& piece);
  void steal(bytes_chain& other) noexcept;
  void reset() noexcept;
  place locate(std::size_t offset) const noexcept;
  bool matches(place from, std::span<const std::byte> what) const noexcept;

  bytes* heap_ = nullptr;       // null while the pieces fit inline
  std::uint32_t capacity_ = 0;  // of heap_
  std::uint32_t head_ = 0;      // pieces before it are dead
  std::uint32_t count_ = 0;
  std::size_t size_ = 0;
  alignas(bytes) std::byte inline_[inline_pieces * sizeof(bytes)];
};

}  // namespace zc

template <>
struct std::hash<zc::bytes_chain> {
  // Equal to the hash of a `bytes` of the same content.
  std::size_t operator()(const zc::bytes_chain& chain) const noexcept {
    zc::content_hash all;
    for (const zc::bytes& piece : chain) all.update(piece.view());
    return all.finish();
  }
};
