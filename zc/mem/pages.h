// zc/mem/pages.h - memory from the system in whole pages, and given back so that it counts no more.
//
//     map()      address space, zeroed; a page becomes resident when it is first touched
//     discard()  its pages go back to the system; the addresses stay, and read as zeros again
//     unmap()    the addresses go too
//
// What malloc is given back it may keep: resident memory then says nothing about what is in use. A
// discarded or unmapped page is gone when the call returns. Huge pages are switched off for such
// memory: with them one touched byte may cost 2 MiB, and a bound in bytes would not bound anything.
//
// Threads  Any. Cost  One system call each; the first touch of a page is a fault (about 0.25 us and
//          more on virtual machines). Errors  map() returns null when there are no addresses left.
#pragma once

#include <cstddef>

#include "zc/base/units.h"

namespace zc {

inline constexpr std::size_t page_bytes = 4_KiB;

// Where pages come from. Tests put a source of their own in place: one that refuses, or counts.
class page_source {
 public:
  virtual std::byte* map(std::size_t size) noexcept = 0;
  virtual void unmap(std::byte* memory, std::size_t size) noexcept = 0;
  virtual void discard(std::byte* memory, std::size_t size) noexcept = 0;

 protected:
  ~page_source() = default;
};

// The kernel. Sizes and addresses are multiples of page_bytes.
page_source& system_pages() noexcept;

}  // namespace zc
