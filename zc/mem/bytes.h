// zc/mem/bytes.h - a shared, read-only run of contiguous memory.
//
//     owner   [ refs | free | . . . . . payload . . . . . ]
//                               ^              ^
//     bytes a  (data, size) ----'              |      two handles, one owner, no copy
//     bytes b  (data, size) -------------------'
//
// Ownership  A handle holds one reference on its owner. The last handle to go gives the memory
//            back, on whichever thread that is.
// Threads    The payload never changes, so handles on one owner may be used from many threads.
//            One handle is not synchronised: treat it as you would a std::shared_ptr.
// Cost       copy and slice: one relaxed increment. move and view: free. Only copy_of() allocates.
// Errors     Only copy_of() can fail (std::bad_alloc). Breaking a "Requires" aborts in every build.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "zc/mem/owner.h"

namespace zc {

class [[nodiscard]] bytes {
 public:
  bytes() noexcept = default;  // empty, and pins nothing

  // A fresh heap copy of `source`, counted in the ledger. The only function here that copies
  // payload.
  static bytes copy_of(std::span<const std::byte> source);
  static bytes copy_of(std::string_view source) {
    return copy_of(std::as_bytes(std::span(source)));
  }

  // Takes over the caller's reference on `from`, which must keep `region` valid and unchanged.
  static bytes adopt(owner& from, std::span<const std::byte> region) noexcept;

  // Adds a reference on `from`, which must keep `region` valid and unchanged.
  static bytes share(owner& from, std::span<const std::byte> region) noexcept {
    return adopt(*owner::acquire(&from), region);
  }

  // Memory that outlives every handle: literals, tables. No owner, no counting.
  static bytes from_static(std::string_view text) noexcept {
    return {nullptr, reinterpret_cast<const std::byte*>(text.data()), text.size()};
  }

  // A heap copy of a string is avoided: the string itself becomes the owner's payload.
  static bytes from_string(std::string&& text);

  bytes(const bytes& b) noexcept : bytes(owner::acquire(b.owner_), b.data_, b.size_) {}
  bytes(bytes&& b) noexcept
      : owner_(std::exchange(b.owner_, nullptr)),
        data_(std::exchange(b.data_, nullptr)),
        size_(std::exchange(b.size_, 0)) {}  // leaves `b` empty
  bytes& operator=(const bytes& b) noexcept {
    bytes kept(b);
    swap(kept);
    return *this;
  }
  bytes& operator=(bytes&& b) noexcept {
    bytes taken(std::move(b));
    swap(taken);
    return *this;
  }
  ~bytes() { owner::release(owner_); }

  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  // Borrows; valid while this handle lives. Refused on a temporary, which would dangle.
  std::span<const std::byte> view() const& noexcept { return {data_, size_}; }
  std::span<const std::byte> view() const&& = delete;
  std::string_view text() const& noexcept { return {reinterpret_cast<const char*>(data_), size_}; }
  std::string_view text() const&& = delete;

  // The `count` bytes from `offset`, on the same owner. O(1). An empty slice pins nothing.
  // Requires: offset <= size() and count <= size() - offset.
  bytes slice(std::size_t offset, std::size_t count) const&;
  bytes slice(std::size_t offset, std::size_t count) &&;  // reuses this reference

  // Cuts the first `count` bytes off and returns them. Requires: count <= size().
  bytes split_to(std::size_t count);

  // Drops bytes at the front or keeps only the front; no reference changes hands unless it becomes
  // empty.
  void advance(std::size_t count);   // Requires: count <= size()
  void truncate(std::size_t count);  // no effect when count >= size()

  // Extends this handle over `next` when both lie side by side on one owner. Returns whether it
  // did.
  bool try_join(const bytes& next) noexcept;

  bool shares_owner_with(const bytes& b) const noexcept { return owner_ == b.owner_; }
  // Memory that this handle keeps from other use: the whole block, not the slice.
  std::size_t retained_size() const noexcept { return owner_ == nullptr ? 0 : owner_->retained(); }
  bool unique() const noexcept { return owner_ != nullptr && owner_->unique(); }

  void swap(bytes& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

 private:
  bytes(owner* pinned, const std::byte* data, std::size_t size) noexcept
      : owner_(pinned), data_(data), size_(size) {}

  owner* owner_ = nullptr;  // null for empty handles and for static storage
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Content equality, O(n). Handles on different owners may be equal.
bool operator==(const bytes& a, const bytes& b) noexcept;

// "abc"_bytes: static storage, no owner, no counting.
inline namespace literals {
inline bytes operator""_bytes(const char* text, std::size_t size) noexcept {
  return bytes::from_static({text, size});
}
}  // namespace literals

static_assert(sizeof(bytes) == 3 * sizeof(void*), "chains store handles inline; keep them small");

}  // namespace zc
