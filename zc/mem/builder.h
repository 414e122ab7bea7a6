// zc/mem/builder.h - memory that is written once, front to back, and handed out as `bytes` without
// a copy.
//
//     block  [ header | taken already | written, not taken | spare ............ ]
//                                     ^start_              ^used_               ^capacity_
//
// Ownership  The builder holds one reference on its block; every `bytes` taken from it holds
//            another. What was taken is never written again while anybody holds it.
// Threads    One. The bytes taken may go anywhere.
// Cost       spare, commit, take, freeze: O(1), no allocation. Growing: amortised O(1) per byte.
//            Functions with `copy` in their name, and the part not taken yet when a builder has to
//            move to another block, are counted in the ledger.
// Bounds     A builder on the heap, or without a block, grows as it is appended to. One over
//            somebody's block (a pool's) stays inside of it: appending past its end breaks the
//            contract, and reserve() is the explicit leave to go on in a heap block.
// Errors     Growing throws std::bad_alloc and leaves the builder as it was. Committing past
//            spare() aborts.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "zc/base/ledger.h"
#include "zc/base/lifetime.h"
#include "zc/mem/bytes.h"
#include "zc/mem/heap_block.h"

namespace zc {

class [[nodiscard]] bytes_builder {
 public:
  using value_type = char;  // with push_back(): std::back_inserter(builder) is an output for fmt

  static constexpr std::size_t first_capacity = 64;  // of a builder that grows from nothing
  // Up to here it grows fourfold and not twofold: with small blocks it is asking for one that is
  // dear, not the idle part of it.
  static constexpr std::size_t fourfold_capacity_max = 4096;

  bytes_builder() noexcept = default;  // no block, capacity 0
  // A heap block of `capacity` bytes, outside every pool and quota: for small, short-lived pieces.
  static bytes_builder with_capacity(std::size_t capacity) {
    if (capacity == 0) return {};
    heap_block& block = heap_block::make(capacity);
    return {&block, block.payload(), 0, 0, capacity};
  }
  // Takes over the caller's reference on `block`, whose writable memory is `room`.
  static bytes_builder over(owner& block, std::span<std::byte> room) noexcept {
    return {&block, room.data(), 0, 0, room.size()};
  }

  bytes_builder(bytes_builder&& b) noexcept
      : block_(std::exchange(b.block_, nullptr)),
        data_(std::exchange(b.data_, nullptr)),
        start_(std::exchange(b.start_, 0)),
        used_(std::exchange(b.used_, 0)),
        capacity_(std::exchange(b.capacity_, 0)) {}
  bytes_builder& operator=(bytes_builder&& b) noexcept {
    // Each field once, also when it is moved to itself; swapping by way of a third builder costs
    // three times as many stores.
    owner* const before = std::exchange(block_, std::exchange(b.block_, nullptr));
    data_ = std::exchange(b.data_, nullptr);
    start_ = std::exchange(b.start_, 0);
    used_ = std::exchange(b.used_, 0);
    capacity_ = std::exchange(b.capacity_, 0);
    owner::release_likely_last(before);
    return *this;
  }
  ~bytes_builder() { owner::release_likely_last(block_); }

  explicit operator bool() const noexcept { return block_ != nullptr; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return used_ - start_; }  // written and not taken yet
  bool empty() const noexcept { return used_ == start_; }
  std::size_t retained_size() const noexcept { return block_ == nullptr ? 0 : block_->retained(); }
  // Whether appending may move to a larger heap block.
  bool grows() const noexcept { return block_ == nullptr || block_->from() == backing::heap; }

  // Where to write next. Valid until the builder changes.
  std::span<std::byte> spare() noexcept ZC_LIFETIMEBOUND {
    return {data_ + used_, capacity_ - used_};
  }
  void commit(std::size_t n) {  // n bytes of spare() were written. Requires: n <= spare().size()
    ZC_REQUIRES(n <= capacity_ - used_, "bytes_builder::commit requires n <= spare().size()");
    used_ += n;
  }
  // What was written and not taken, to be looked at or written over: a length that is known late.
  std::span<std::byte> written() & noexcept ZC_LIFETIMEBOUND { return {data_ + start_, size()}; }
  // Forgets what was written behind the first `count` bytes; no effect when count >= size().
  void truncate(std::size_t count) noexcept {
    if (count < size()) used_ = start_ + count;
  }

  // Makes spare() at least `n` bytes: in place; by starting at the front again when nobody else
  // holds a part of the block (moving what is written only when that gains as much as it moves); or
  // in a new heap block of at least twice the capacity, with a counted copy of what is not taken.
  void reserve(std::size_t n) {
    if (n > capacity_ - used_ && !try_reclaim(n)) grow(n);
  }
  // The same without a throw: false when memory has run out, and nothing has changed.
  bool try_reserve(std::size_t n) noexcept;
  // Only what needs no allocation; returns whether spare() is `n` bytes now.
  bool try_reclaim(std::size_t n) noexcept;

  // Requires (all that append): it fits into spare(), or grows().
  void append_copy(std::span<const std::byte> source) {
    if (source.empty()) return;
    if (source.size() > capacity_ - used_) [[unlikely]]
      return append_copy_grown(source);
    std::memcpy(data_ + used_, source.data(), source.size());
    used_ += source.size();
    ledger::count(ledger::reason::copy_of, source.size());
  }
  void append_copy(std::string_view text) { append_copy(std::as_bytes(std::span(text))); }
  // Integers, most or least significant byte first. New bytes, so not counted.
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void append_be(T value) {
    append_native(std::endian::native == std::endian::big ? value : std::byteswap(value));
  }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void append_le(T value) {
    append_native(std::endian::native == std::endian::little ? value : std::byteswap(value));
  }
  void append_fill(std::size_t count, std::byte value) {
    if (count == 0) return;
    need(count);
    std::memset(data_ + used_, std::to_integer<int>(value), count);
    used_ += count;
  }
  void push_back(std::byte value) {
    need(1);
    data_[used_++] = value;
  }
  void push_back(char value) { push_back(static_cast<std::byte>(value)); }

  bytes take() {  // what was written since the last take; writing goes on behind it
    if (empty()) return {};
    bytes front(owner_ref(owner::acquire(block_)), data_ + start_, size());
    start_ = used_;
    return front;
  }
  bytes take(std::size_t count);  // only the first `count` bytes of it. Requires: count <= size()
  bytes freeze() && {             // as take(), and the builder lets go of the block
    if (empty()) {
      *this = bytes_builder();
      return {};
    }
    owner* const held = std::exchange(block_, nullptr);
    // Nothing was taken before: most likely nobody else holds the block.
    const owner_ref pinned = start_ == 0 ? owner_ref::first(*held) : owner_ref(held);
    bytes whole(pinned, data_ + start_, size());
    data_ = nullptr;
    start_ = used_ = capacity_ = 0;
    return whole;
  }

  // Cuts the builder in two that share the block: this one keeps the first `at` written bytes and
  // no spare room, the other gets what follows and the room. Requires: at <= size().
  bytes_builder split_off(std::size_t at);
  // Undoes split_off(): takes `next` back when it begins where this one ends on the same block.
  // Returns whether it did; else both stay as they are.
  bool try_unsplit(bytes_builder& next) noexcept;

  // Starts at the front again when nobody else holds a part of the block; returns whether it could.
  // Requires: size() == 0.
  bool try_rewind() noexcept;

 private:
  friend class bytes;  // try_unfreeze

  bytes_builder(owner* block, std::byte* data, std::size_t start, std::size_t used,
                std::size_t capacity) noexcept
      : block_(block), data_(data), start_(start), used_(used), capacity_(capacity) {}
  void swap(bytes_builder& other) noexcept;

  void need(std::size_t n) {
    if (n > capacity_ - used_) [[unlikely]]
      grow_to_append(n);
  }
  [[gnu::noinline]] void grow_to_append(std::size_t n);
  [[gnu::noinline]] void append_copy_grown(std::span<const std::byte> source);
  void grow(std::size_t n);
  std::size_t grown_capacity(std::size_t n) const noexcept;  // SIZE_MAX when there is none
  void move_to(heap_block& block, std::size_t capacity) noexcept;
  void start_over() noexcept;

  template <class T>
  void append_native(T value) {
    need(sizeof value);
    std::memcpy(data_ + used_, &value, sizeof value);
    used_ += sizeof value;
  }

  owner* block_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t start_ = 0;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace zc
