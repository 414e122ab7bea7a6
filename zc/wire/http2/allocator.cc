#include "zc/wire/http2/allocator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace zc::http2 {
namespace {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool reuse = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool reuse = false;
#else
inline constexpr bool reuse = true;
#endif
#else
inline constexpr bool reuse = true;
#endif

// In front of every block; sixteen bytes keep malloc's alignment.
struct alignas(16) header {
  std::size_t room;  // bytes behind the header
  header* next;      // in a free list
};

// Classes 32, 64 ... 4096, header included.
inline constexpr std::size_t smallest_shift = 5;
inline constexpr std::size_t classes = 8;
static_assert(std::size_t{1} << (smallest_shift + classes - 1) == block_bytes_max);

std::size_t class_of(std::size_t whole) noexcept {
  if (whole <= (std::size_t{1} << smallest_shift)) return 0;
  return static_cast<std::size_t>(std::bit_width(whole - 1)) - smallest_shift;
}

// Trivially destructible, so that it may still be used while a thread ends; `ended` then turns
// reuse off.
struct free_lists {
  std::array<header*, classes> first{};
  std::size_t bytes = 0;
  bool ended = false;
};
thread_local constinit free_lists mine;

// Gives the lists back when the thread ends.
struct list_reaper {
  ~list_reaper() {
    mine.ended = true;
    mine.bytes = 0;
    for (header*& list : mine.first) {
      while (list != nullptr) {
        header* const next = list->next;
        std::free(list);
        list = next;
      }
    }
  }
};

void keep(header* block, std::size_t whole, std::size_t index) noexcept {
  thread_local list_reaper reaper;
  static_cast<void>(&reaper);  // made on first use, runs at the end of the thread
  block->next = mine.first[index];
  mine.first[index] = block;
  mine.bytes += whole;
}

}  // namespace

void* allocate(std::size_t n) noexcept {
  if (n > SIZE_MAX - sizeof(header)) return nullptr;
  std::size_t whole = n + sizeof(header);
  if (reuse && whole <= block_bytes_max) {
    const std::size_t index = class_of(whole);
    whole = std::size_t{1} << (index + smallest_shift);
    if (header* const kept = mine.first[index]; kept != nullptr) {
      mine.first[index] = kept->next;
      mine.bytes -= whole;
      return kept + 1;
    }
  }
  auto* const fresh = static_cast<header*>(std::malloc(whole));
  if (fresh == nullptr) return nullptr;
  fresh->room = whole - sizeof(header);
  return fresh + 1;
}

void release(void* block) noexcept {
  if (block == nullptr) return;
  header* const head = static_cast<header*>(block) - 1;
  const std::size_t whole = head->room + sizeof(header);
  if (!reuse || whole > block_bytes_max || mine.ended || whole > cached_bytes_max - mine.bytes) {
    std::free(head);
    return;
  }
  keep(head, whole, class_of(whole));
}

void* resize(void* block, std::size_t n) noexcept {
  if (block == nullptr) return allocate(n);
  const std::size_t room = (static_cast<header*>(block) - 1)->room;
  if (n <= room && n >= room / 4) return block;
  void* const fresh = allocate(n);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, block, std::min(n, room));
  release(block);
  return fresh;
}

void* allocate_zeroed(std::size_t count, std::size_t each) noexcept {
  if (each != 0 && count > SIZE_MAX / each) return nullptr;
  void* const block = allocate(count * each);
  if (block != nullptr) std::memset(block, 0, count * each);
  return block;
}

std::size_t cached_bytes() noexcept {
  return mine.bytes;
}

}  // namespace zc::http2
