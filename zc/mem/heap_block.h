// zc/mem/heap_block.h - header and payload in one allocation of operator new.
//
//     [ owner 24 B | 8 B | room .................... ]      room is aligned to 16
//
// Ownership  As every owner: make() returns the first reference.
// Cost       One allocation, nothing is zeroed.
// Errors     make() throws std::bad_alloc, try_make() returns null; also for sizes that no address
//            space holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "zc/mem/owner.h"

namespace zc {

class alignas(16) heap_block final : public owner {
 public:
  static heap_block& make(std::size_t room) {
    if (room > room_max()) throw std::bad_alloc();
    return *new (::operator new(sizeof(heap_block) + room)) heap_block(sizeof(heap_block) + room);
  }
  static heap_block* try_make(std::size_t room) noexcept {
    if (room > room_max()) return nullptr;
    void* memory = ::operator new(sizeof(heap_block) + room, std::nothrow);
    if (memory == nullptr) return nullptr;
    return new (memory) heap_block(sizeof(heap_block) + room);
  }
  // The largest room that can be asked for at all.
  static constexpr std::size_t room_max() noexcept { return PTRDIFF_MAX - sizeof(heap_block); }

  std::byte* payload() noexcept { return reinterpret_cast<std::byte*>(this) + sizeof(heap_block); }

 private:
  explicit heap_block(std::size_t whole) noexcept
      : owner(&free_block, whole,
              {.from = backing::heap, .writable = true, .header = sizeof(heap_block), .slack = 0}) {
  }
  static void free_block(owner* self) noexcept {
    auto* block = static_cast<heap_block*>(self);
    const std::size_t whole = block->retained();
    block->~heap_block();
    ::operator delete(block, whole);
  }
};

static_assert(sizeof(heap_block) == 32);

}  // namespace zc
