// zc/testing/allocations.h - how often, and for how many bytes, this thread asked operator new.
//
// Replaces the global operators of the program: include it in one source file of a test or a
// benchmark. Further files of the same program define ZC_ALLOCATIONS_ELSEWHERE before they include
// it (or failing_allocator.h, which stands on it). What is asked of malloc or mmap directly is not
// seen.
//
// ThreadSanitizer brings operators of its own that cannot be replaced: then nothing is counted, and
// allocations_are_counted is false, for tests to skip with a word.
//
// Threads  Each counts for itself.
// Cost     Two plain adds per allocation, and a look at whether failing_allocator.h wants to know.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace zc::testing {

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define ZC_ALLOCATIONS_NOT_COUNTED
#endif
#endif
#ifdef ZC_ALLOCATIONS_NOT_COUNTED
inline constexpr bool allocations_are_counted = false;
#else
inline constexpr bool allocations_are_counted = true;
#endif

struct allocated {
  std::uint64_t times = 0;
  std::uint64_t bytes = 0;
};

namespace detail {
inline thread_local allocated mine;
// Set by failing_allocator.h on the threads it watches: false means "this one fails".
inline thread_local bool (*may_allocate)(std::size_t) noexcept = nullptr;
// Blocks that are out, of all threads; counted while somebody watches.
inline std::atomic<unsigned> watchers{0};
inline std::atomic<std::int64_t> blocks_out{0};

inline void count_out(std::int64_t n) noexcept {
  if (watchers.load(std::memory_order_relaxed) != 0)
    blocks_out.fetch_add(n, std::memory_order_relaxed);
}

inline void* get_memory(std::size_t size, std::size_t alignment) noexcept {
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size == 0 ? 1 : size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
inline void* get(std::size_t size, std::size_t alignment) noexcept {
  mine.times += 1;
  mine.bytes += size;
  if (may_allocate != nullptr && !may_allocate(size)) return nullptr;
  void* memory = get_memory(size, alignment);
  if (memory != nullptr) count_out(1);
  return memory;
}
inline void put(void* memory) noexcept {
  if (memory == nullptr) return;
  count_out(-1);
  std::free(memory);
}
inline void* get_or_throw(std::size_t size, std::size_t alignment) {
  void* memory = get(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace detail

// Since the thread began.
inline allocated allocations() noexcept {
  return detail::mine;
}

}  // namespace zc::testing

#if !defined(ZC_ALLOCATIONS_NOT_COUNTED) && !defined(ZC_ALLOCATIONS_ELSEWHERE)
// NOLINTBEGIN(misc-definitions-in-headers): one program, one translation unit includes this.
// Not inlined, or the compiler sees new meet free and warns.
#define ZC_REPLACED [[gnu::noinline]]
ZC_REPLACED void* operator new(std::size_t n) {
  return zc::testing::detail::get_or_throw(n, 1);
}
ZC_REPLACED void* operator new(std::size_t n, std::align_val_t a) {
  return zc::testing::detail::get_or_throw(n, static_cast<std::size_t>(a));
}
ZC_REPLACED void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  return zc::testing::detail::get(n, 1);
}
ZC_REPLACED void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return zc::testing::detail::get(n, static_cast<std::size_t>(a));
}
ZC_REPLACED void operator delete(void* p) noexcept {
  zc::testing::detail::put(p);
}
ZC_REPLACED void operator delete(void* p, std::size_t) noexcept {
  zc::testing::detail::put(p);
}
ZC_REPLACED void operator delete(void* p, std::align_val_t) noexcept {
  zc::testing::detail::put(p);
}
ZC_REPLACED void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  zc::testing::detail::put(p);
}
// Arrays too: the standard library's forms call those above, AddressSanitizer's do not.
ZC_REPLACED void* operator new[](std::size_t n) {
  return zc::testing::detail::get_or_throw(n, 1);
}
ZC_REPLACED void* operator new[](std::size_t n, std::align_val_t a) {
  return zc::testing::detail::get_or_throw(n, static_cast<std::size_t>(a));
}
ZC_REPLACED void* operator new[](std::size_t n, const std::nothrow_t&) noexcept {
  return zc::testing::detail::get(n, 1);
}
ZC_REPLACED void* operator new[](std::size_t n, std::align_val_t a,
                                 const std::nothrow_t&) noexcept {
  return zc::testing::detail::get(n, static_cast<std::size_t>(a));
}
ZC_REPLACED void operator delete[](void* p) noexcept {
  zc::testing::detail::put(p);
}
ZC_REPLACED void operator delete[](void* p, std::size_t) noexcept {
  zc::testing::detail::put(p);
}
ZC_REPLACED void operator delete[](void* p, std::align_val_t) noexcept {
  zc::testing::detail::put(p);
}
ZC_REPLACED void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
  zc::testing::detail::put(p);
}
// NOLINTEND(misc-definitions-in-headers)
#undef ZC_REPLACED
#endif
