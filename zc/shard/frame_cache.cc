#include "zc/shard/frame_cache.h"

#include <new>

namespace zc {
#if defined(__SANITIZE_ADDRESS__)
#define ZC_FRAMES_NOT_KEPT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ZC_FRAMES_NOT_KEPT
#endif
#endif
#ifdef ZC_FRAMES_NOT_KEPT
const bool frame_cache::keeps = false;
#else
const bool frame_cache::keeps = true;
#endif

frame_cache::~frame_cache() {
  for (std::size_t i = 0; i < shelves_.size(); ++i) {
    while (spare* s = shelves_[i].first) {
      shelves_[i].first = s->next;
      ::operator delete(s, (i + 1) * step);
    }
  }
}

void* frame_cache::get_anew(std::size_t size) {
  return ::operator new(rounded(size));
}

void frame_cache::give_up(void* frame, std::size_t size) noexcept {
  ::operator delete(frame, rounded(size));
}

void* frame_cache::get(std::size_t size) {
  if (size == 0 || size > size_max) return get_anew(size);
  shelf& of = shelves_[(size - 1) / step];
  spare* s = of.first;
  if (s == nullptr) return get_anew(size);
  of.first = s->next;
  of.count -= 1;
  return s;
}

void frame_cache::put(void* frame, std::size_t size) noexcept {
  if (!keeps || size == 0 || size > size_max) return give_up(frame, size);
  shelf& of = shelves_[(size - 1) / step];
  if (of.count == kept_max) return give_up(frame, size);
  of.first = ::new (frame) spare{of.first};
  of.count += 1;
}

}  // namespace zc
