// zc/mem/poison.h - tells AddressSanitizer which memory nobody may touch for now.
//
// What is kept for reuse (an idle object, the rest of an arena) is poisoned, so that use after
// give-back is reported as use after free is. Without the sanitizer both calls are nothing.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define ZC_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ZC_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef ZC_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace zc {

#ifdef ZC_ADDRESS_SANITIZER
inline constexpr bool poison_is_seen = true;
inline void poison(const void* at, std::size_t size) noexcept {
  __asan_poison_memory_region(at, size);
}
inline void unpoison(const void* at, std::size_t size) noexcept {
  __asan_unpoison_memory_region(at, size);
}
#else
inline constexpr bool poison_is_seen = false;
inline void poison(const void* /*at*/, std::size_t /*size*/) noexcept {}
inline void unpoison(const void* /*at*/, std::size_t /*size*/) noexcept {}
#endif

}  // namespace zc
