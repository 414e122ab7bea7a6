// zc/mem/aligned.h - memory that starts where hardware wants it: cache lines, pages.
//
//     padded<T>             zc/base/padded.h: a counter with its cache lines to itself
//     cache_aligned_vector  a vector whose first element starts a cache line (64 B)
//     per_core<T>           one padded T per shard: written without false sharing, added up to read
//     aligned_buffer        a writable block on a page boundary, for direct and pinned I/O, which
//                           becomes a bytes_builder, and so `bytes`, without a copy
//     prefetch_*            a hint; harmless on any address
//
// Ownership  aligned_buffer owns its memory until it is made a builder of; then the bytes do.
// Threads    As a vector.
// Cost       aligned_buffer: one allocation; nothing is cleared unless asked for.
// Errors     try_make() returns an empty buffer when there is no memory. Vectors throw.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/base/lifetime.h"
#include "zc/base/padded.h"
#include "zc/base/units.h"
#include "zc/mem/builder.h"

namespace zc {

inline constexpr std::size_t cache_line = 64;
// What direct I/O asks for on every medium we know; less is often enough (statx tells).
inline constexpr std::size_t io_alignment = 4_KiB;

// For containers whose memory starts on a boundary of `Alignment`.
template <class T, std::size_t Alignment>
struct aligned_allocator {
  static_assert(Alignment >= alignof(T) && (Alignment & (Alignment - 1)) == 0);
  using value_type = T;
  template <class Other>
  struct rebind {
    using other = aligned_allocator<Other, Alignment>;
  };

  aligned_allocator() noexcept = default;
  template <class Other>
  // NOLINTNEXTLINE(google-explicit-constructor): allocators convert
  aligned_allocator(const aligned_allocator<Other, Alignment>&) noexcept {}

  T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T)) {
      throw std::bad_array_new_length();
    }
    return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{Alignment}));
  }
  void deallocate(T* at, std::size_t) noexcept {
    ::operator delete(static_cast<void*>(at), std::align_val_t{Alignment});
  }
  friend bool operator==(const aligned_allocator&, const aligned_allocator&) noexcept {
    return true;
  }
};

template <class T>
using cache_aligned_vector = std::vector<T, aligned_allocator<T, std::max(cache_line, alignof(T))>>;

// One T per writer, each in cache lines of its own.
template <class T>
using per_core = std::vector<padded<T>>;

class [[nodiscard]] aligned_buffer {
 public:
  aligned_buffer() noexcept = default;  // empty
  // `size` bytes on a boundary of `alignment`, a power of two. Contents: anything. Empty when there
  // is no memory. Requires: size > 0.
  static aligned_buffer try_make(std::size_t size, std::size_t alignment = io_alignment) noexcept;
  static aligned_buffer try_make_zeroed(std::size_t size,
                                        std::size_t alignment = io_alignment) noexcept;

  aligned_buffer(aligned_buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        alignment_(other.alignment_) {}
  aligned_buffer& operator=(aligned_buffer&& other) noexcept {
    aligned_buffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    std::swap(alignment_, taken.alignment_);
    return *this;
  }
  ~aligned_buffer();

  explicit operator bool() const noexcept { return data_ != nullptr; }
  std::byte* data() noexcept ZC_LIFETIMEBOUND { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t alignment() const noexcept { return alignment_; }
  std::span<std::byte> view() & noexcept ZC_LIFETIMEBOUND { return {data_, size_}; }
  std::span<std::byte> view() && = delete;

  // A builder over this memory, of which the first `written` bytes are committed. Empties this.
  // Requires: not empty, written <= size().
  bytes_builder into_builder(std::size_t written = 0) &&;

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t alignment_ = io_alignment;
};

// Asks for the cache line of `at` before it is read or written; `once`: it will not be needed again
// soon, so it should not push others out. Worth it only where a benchmark says so.
inline void prefetch_read(const void* at) noexcept {
  __builtin_prefetch(at, 0, 3);
}
// Takes the line away from a core that has written it.
inline void prefetch_write(const void* at) noexcept {
#if defined(__x86_64__)
  // The builtin asks for a line to read, unless the program is compiled for later processors only.
  // Those that do not know this instruction take it for none.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(at)));
#else
  __builtin_prefetch(at, 1, 3);
#endif
}
inline void prefetch_once(const void* at) noexcept {
  __builtin_prefetch(at, 0, 0);
}

}  // namespace zc
