// zc/mem/shared_array.h - counted, read-only elements in one allocation.
//
//     shared_array  ---> [ refs, size | T T T T ... ]      one pointer; no second indirection
//     shared_span   ---> (array, data, size)               a part of it, which keeps all of it
//     unique_array  ---> the same block while it is filled: elements may be written
//
// Ownership  Handles hold one reference each; the last one destroys the elements, in reverse order,
//            on whichever thread that is.
// Threads    Elements never change once shared, so handles may be used from many threads, as far as
//            T allows it (`sendable` follows T). One handle is not synchronised.
// Cost       make: one allocation, whatever T's alignment. Copy: one relaxed increment; move,
//            view, index: free. An empty array allocates nothing.
// Errors     make throws std::bad_alloc, std::bad_array_new_length when the size would overflow,
//            or what T's constructor throws: the elements made before are destroyed, nothing leaks.
#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/base/lifetime.h"

namespace zc {

namespace detail {

// The block: this header, padding up to T's alignment, the elements.
template <class T>
class array_block {
 public:
  static constexpr std::size_t alignment = std::max(alignof(T), alignof(std::max_align_t));
  static constexpr std::size_t offset =
      (sizeof(std::size_t) + sizeof(std::uint32_t) + alignment - 1) / alignment * alignment;
  static constexpr std::size_t size_max =
      (std::numeric_limits<std::ptrdiff_t>::max() - offset) / sizeof(T);

  std::size_t size() const noexcept { return size_; }
  T* elements() noexcept {
    return std::launder(reinterpret_cast<T*>(reinterpret_cast<std::byte*>(this) + offset));
  }
  bool unique() const noexcept { return refs_.load(std::memory_order_acquire) == 1; }

  // `fill(place, made)` constructs the elements one behind the other and counts them in `made`, so
  // that those that are there are destroyed when one throws. Null for no elements.
  template <class Fill>
  static array_block* make(std::size_t size, Fill fill) {
    if (size == 0) return nullptr;
    if (size > size_max) throw std::bad_array_new_length();
    void* memory = ::operator new(offset + size * sizeof(T), std::align_val_t{alignment});
    auto* block = new (memory) array_block;
    struct on_failure {
      array_block* block;
      ~on_failure() {
        if (block != nullptr) free(block);
      }
    } guard{block};
    fill(reinterpret_cast<T*>(static_cast<std::byte*>(memory) + offset), block->size_);
    guard.block = nullptr;
    return block;
  }

  static array_block* acquire(array_block* b) noexcept {
    if (b == nullptr) return nullptr;
    // Relaxed: a new reference is always made from one that keeps the block alive.
    const std::uint32_t before = b->refs_.fetch_add(1, std::memory_order_relaxed);
    ZC_CHECK(before < refs_max);  // a leak stops the program long before the count can wrap
    return b;
  }
  static void release(array_block* b) noexcept {
    if (b == nullptr) return;
    // The last holder needs no read-modify-write. Acquire: what others read happened before.
    if (b->refs_.load(std::memory_order_acquire) == 1) return free(b);
    if (b->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) free(b);
  }
  void force_refs(std::uint32_t n) noexcept { refs_.store(n); }  // for the test of the bound

  static constexpr std::uint32_t refs_max = UINT32_MAX / 2;

 private:
  array_block() noexcept = default;
  ~array_block() = default;
  // Not inlined: compilers would see one handle free what another one uses, for they cannot count.
  [[gnu::noinline]] static void free(array_block* b) noexcept {
    T* const first = reinterpret_cast<T*>(reinterpret_cast<std::byte*>(b) + offset);
    for (std::size_t i = b->size_; i > 0; --i) std::destroy_at(first + i - 1);
    b->~array_block();
    ::operator delete(static_cast<void*>(b), std::align_val_t{alignment});
  }

  std::size_t size_ = 0;
  std::atomic<std::uint32_t> refs_{1};
};

}  // namespace detail

template <class T>
class shared_array;
template <class T>
class shared_span;

// Elements that only this handle has, to be written. share() makes them read-only.
template <class T>
class [[nodiscard]] unique_array {
  using block = detail::array_block<T>;

 public:
  unique_array() noexcept = default;
  unique_array(unique_array&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  unique_array& operator=(unique_array&& other) noexcept {
    unique_array taken(std::move(other));
    std::swap(block_, taken.block_);
    return *this;
  }
  ~unique_array() { block::release(block_); }

  std::size_t size() const noexcept { return block_ == nullptr ? 0 : block_->size(); }
  bool empty() const noexcept { return block_ == nullptr; }
  T* data() noexcept ZC_LIFETIMEBOUND { return block_ == nullptr ? nullptr : block_->elements(); }
  std::span<T> view() & noexcept ZC_LIFETIMEBOUND { return {data(), size()}; }
  std::span<T> view() && = delete;
  // Requires: index < size().
  T& operator[](std::size_t index) & noexcept ZC_LIFETIMEBOUND {
    ZC_REQUIRES(index < size(), "unique_array[] requires index < size()");
    return block_->elements()[index];
  }
  T* begin() & noexcept ZC_LIFETIMEBOUND { return data(); }
  T* end() & noexcept ZC_LIFETIMEBOUND { return data() + size(); }

  shared_array<T> share() && noexcept;

 private:
  friend class shared_array<T>;
  explicit unique_array(block* mine) noexcept : block_(mine) {}

  block* block_ = nullptr;
};

template <class T>
class [[nodiscard]] shared_array {
  using block = detail::array_block<T>;
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T>);

 public:
  using value_type = T;
  using const_iterator = const T*;

  shared_array() noexcept = default;  // empty; no allocation
  shared_array(std::initializer_list<T> list) : shared_array(from_range(list)) {}

  // `size` elements, each T(with...).
  template <class... Arguments>
    requires std::constructible_from<T, const Arguments&...>
  static unique_array<T> make(std::size_t size, const Arguments&... with) {
    return unique_array<T>(block::make(size, [&](T* at, std::size_t& made) {
      for (; made < size; ++made) std::construct_at(at + made, with...);
    }));
  }
  // The elements are default-initialised: of numbers, whatever was in memory. Write before reading.
  static unique_array<T> make_for_overwrite(std::size_t size) {
    return unique_array<T>(block::make(size, [&](T* at, std::size_t& made) {
      for (; made < size; ++made) ::new (static_cast<void*>(at + made)) T;
    }));
  }
  // What the range yields, converted to T (moved where the range yields rvalues). The range is
  // asked for its size first; one that changes its mind stops the program.
  template <std::ranges::input_range Range>
    requires std::ranges::sized_range<Range> || std::ranges::forward_range<Range>
  static shared_array from_range(Range&& range) {
    const auto size = static_cast<std::size_t>(std::ranges::distance(range));
    shared_array all;
    all.block_ = block::make(size, [&](T* at, std::size_t& made) {
      for (auto&& each : range) {
        ZC_CHECK(made < size);
        std::construct_at(at + made, std::forward<decltype(each)>(each));
        made += 1;
      }
      ZC_CHECK(made == size);
    });
    return all;
  }
  // A copy of `source`, counted in the ledger.
  static shared_array copy_of(std::span<const T> source) {
    ledger::count(ledger::reason::copy_of, source.size_bytes());
    return from_range(source);
  }

  shared_array(const shared_array& other) noexcept : block_(block::acquire(other.block_)) {}
  shared_array(shared_array&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  shared_array& operator=(const shared_array& other) noexcept {
    shared_array kept(other);
    swap(kept);
    return *this;
  }
  shared_array& operator=(shared_array&& other) noexcept {
    shared_array taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~shared_array() { block::release(block_); }

  std::size_t size() const noexcept { return block_ == nullptr ? 0 : block_->size(); }
  bool empty() const noexcept { return block_ == nullptr; }
  const T* data() const noexcept ZC_LIFETIMEBOUND {
    return block_ == nullptr ? nullptr : block_->elements();
  }
  std::span<const T> view() const& noexcept ZC_LIFETIMEBOUND { return {data(), size()}; }
  std::span<const T> view() const&& = delete;
  // Requires: index < size().
  const T& operator[](std::size_t index) const& noexcept ZC_LIFETIMEBOUND {
    ZC_REQUIRES(index < size(), "shared_array[] requires index < size()");
    return block_->elements()[index];
  }
  const T& operator[](std::size_t index) const&& = delete;
  const T* begin() const& noexcept ZC_LIFETIMEBOUND { return data(); }
  const T* end() const& noexcept ZC_LIFETIMEBOUND { return data() + size(); }

  // The `count` elements from `offset`, which keep the whole array. An empty one keeps nothing.
  // Requires: offset <= size() and count <= size() - offset.
  shared_span<T> slice(std::size_t offset, std::size_t count) const;

  bool shares_with(const shared_array& other) const noexcept { return block_ == other.block_; }
  // True when no other handle has the elements. Meaningful only to the one who has this handle.
  bool unique() const noexcept { return block_ != nullptr && block_->unique(); }
  // The elements to be written: the same ones when no other handle has them, else a copy of them,
  // counted. Leaves this empty.
  unique_array<T> to_mut() &&
    requires std::copy_constructible<T>
  {
    shared_array mine(std::move(*this));
    if (mine.block_ != nullptr && !mine.unique()) mine = copy_of(mine.view());
    return unique_array<T>(std::exchange(mine.block_, nullptr));
  }

  void swap(shared_array& other) noexcept { std::swap(block_, other.block_); }

  friend bool operator==(const shared_array& a, const shared_array& b)
    requires std::equality_comparable<T>
  {
    return a.block_ == b.block_ || std::ranges::equal(a.view(), b.view());
  }

 private:
  friend class unique_array<T>;
  friend struct shared_array_probe;  // of the test
  explicit shared_array(block* one) noexcept : block_(one) {}

  block* block_ = nullptr;
};

// A part of a shared array: what slice() gives.
template <class T>
class [[nodiscard]] shared_span {
 public:
  using value_type = T;

  shared_span() noexcept = default;
  // NOLINTNEXTLINE(google-explicit-constructor): the whole is a part
  shared_span(shared_array<T> all) noexcept
      : of_(std::move(all)), data_(of_.data()), size_(of_.size()) {}

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const T* data() const noexcept ZC_LIFETIMEBOUND { return data_; }
  std::span<const T> view() const& noexcept ZC_LIFETIMEBOUND { return {data_, size_}; }
  std::span<const T> view() const&& = delete;
  // Requires: index < size().
  const T& operator[](std::size_t index) const& noexcept ZC_LIFETIMEBOUND {
    ZC_REQUIRES(index < size_, "shared_span[] requires index < size()");
    return data_[index];
  }
  const T& operator[](std::size_t index) const&& = delete;
  const T* begin() const& noexcept ZC_LIFETIMEBOUND { return data_; }
  const T* end() const& noexcept ZC_LIFETIMEBOUND { return data_ + size_; }

  // Requires: offset <= size() and count <= size() - offset.
  shared_span slice(std::size_t offset, std::size_t count) const {
    ZC_REQUIRES(offset <= size_ && count <= size_ - offset,
                "shared_span::slice requires offset <= size() and count <= size() - offset");
    shared_span part;
    if (count == 0) return part;
    part.of_ = of_;
    part.data_ = data_ + offset;
    part.size_ = count;
    return part;
  }
  bool shares_with(const shared_array<T>& all) const noexcept { return of_.shares_with(all); }

 private:
  shared_array<T> of_;
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

template <class T>
shared_array<T> unique_array<T>::share() && noexcept {
  return shared_array<T>(std::exchange(block_, nullptr));
}
template <class T>
shared_span<T> shared_array<T>::slice(std::size_t offset, std::size_t count) const {
  ZC_REQUIRES(offset <= size() && count <= size() - offset,
              "shared_array::slice requires offset <= size() and count <= size() - offset");
  return shared_span<T>(*this).slice(offset, count);
}

static_assert(sizeof(shared_array<int>) == sizeof(void*));
static_assert(sizeof(shared_span<int>) == 3 * sizeof(void*));

}  // namespace zc
