// zc/wire/http2/allocator.h - small blocks for HTTP/2 sessions and streams, reused per thread.
//
// A request costs nghttp2 about a dozen small allocations that all die within the request; a free
// list per size class serves them in a few instructions.
//
// Threads  A block may be freed on any thread; it joins that thread's lists.
// Bounds   Kept for reuse: `cached_bytes_max` per thread. Blocks above `block_bytes_max` go
//          straight to malloc.
// Note     Under AddressSanitizer nothing is reused, so that it sees every use after free.
#pragma once

#include <cstddef>

namespace zc::http2 {

inline constexpr std::size_t block_bytes_max = 4096;
inline constexpr std::size_t cached_bytes_max = std::size_t{1} << 20;

// As malloc, free and realloc. Null when memory has run out.
void* allocate(std::size_t n) noexcept;
void release(void* block) noexcept;
void* resize(void* block, std::size_t n) noexcept;
void* allocate_zeroed(std::size_t count, std::size_t each) noexcept;  // as calloc

// Bytes that the calling thread keeps for reuse.
std::size_t cached_bytes() noexcept;

}  // namespace zc::http2
