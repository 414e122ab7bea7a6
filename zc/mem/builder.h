// zc/mem/builder.h - memory that is written once, front to back, and handed out as `bytes` without
// a copy.
//
//     block  [ header | taken already | written, not taken | spare ............ ]
//                                     ^start_              ^used_               ^capacity_
//
// Ownership  The builder holds one reference on its block; every `bytes` taken from it holds
//            another. What was taken is never written again.
// Threads    One. The bytes taken may go anywhere.
// Cost       spare, commit, take, freeze: O(1), no allocation. append_copy is counted in the
//            ledger.
// Errors     Writing past capacity() aborts; ask spare().size() first, or reserve().
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "zc/mem/bytes.h"

namespace zc {

class [[nodiscard]] bytes_builder {
 public:
  bytes_builder() noexcept = default;  // no block, capacity 0
  // A heap block of `capacity` bytes, outside every pool and quota: for small, short-lived pieces.
  static bytes_builder with_capacity(std::size_t capacity);
  // Takes over the caller's reference on `block`, whose writable memory is `room`.
  static bytes_builder over(owner& block, std::span<std::byte> room) noexcept;

  bytes_builder(bytes_builder&& b) noexcept { swap(b); }
  bytes_builder& operator=(bytes_builder&& b) noexcept {
    bytes_builder taken(std::move(b));
    swap(taken);
    return *this;
  }
  ~bytes_builder() { owner::release(block_); }

  explicit operator bool() const noexcept { return block_ != nullptr; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return used_ - start_; }  // written and not taken yet
  std::size_t retained_size() const noexcept { return block_ == nullptr ? 0 : block_->retained(); }

  // Where to write next. Valid until the builder changes.
  std::span<std::byte> spare() noexcept { return {data_ + used_, capacity_ - used_}; }
  void commit(std::size_t n);  // n bytes of spare() were written. Requires: n <= spare().size()
  void append_copy(std::span<const std::byte> source);  // Requires: it fits into spare()
  void append_copy(std::string_view text) { append_copy(std::as_bytes(std::span(text))); }

  bytes take();       // what was written since the last take; writing goes on behind it
  bytes freeze() &&;  // the same, and the builder lets go of the block

  // Starts at the front again when nobody else holds a part of the block; returns whether it could.
  // Requires: size() == 0.
  bool try_rewind() noexcept;

 private:
  void swap(bytes_builder& other) noexcept;

  owner* block_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t start_ = 0;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace zc
