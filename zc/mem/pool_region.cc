#include "zc/mem/pool_region.h"

#include <new>

namespace zc {
namespace {

// Addresses taken from the system at a time; blocks above a share of it have a region each.
constexpr std::size_t region_bytes = 2_MiB;
constexpr std::size_t shared_region_block_max = region_bytes / 8;

}  // namespace

pool::region* pool::region::open(size_class blocks, page_source& from) noexcept {
  const std::size_t whole = blocks.whole;
  const std::size_t count = whole <= shared_region_block_max ? region_bytes / whole : 1;
  void* header = ::operator new(sizeof(region) + count * sizeof(block),
                                std::align_val_t{pool_header_alignment}, std::nothrow);
  if (header == nullptr) return nullptr;
  std::byte* base = from.map(count * whole);
  if (base == nullptr) {
    ::operator delete(header, std::align_val_t{pool_header_alignment});
    return nullptr;
  }
  auto* r = new (header) region;
  r->base = base;
  r->whole = whole;
  r->count = static_cast<std::uint32_t>(count);
  r->lane = static_cast<std::uint32_t>(blocks.index);
  return r;
}

void pool::region::close(page_source& to) noexcept {
  unpoison(base, fresh * whole);
  to.unmap(base, count * whole);
  this->~region();
  ::operator delete(this, std::align_val_t{pool_header_alignment});
}

pool::block* pool::region::take(core* for_whom) noexcept {
  block* b = cold_list;
  if (b != nullptr) {
    cold_list = b->next;
    cold -= 1;
    unpoison(b->begin(), whole);  // its pages are new: no mark is left to look for
  } else {
    b = new (blocks() + fresh) block(for_whom, this, base + fresh * whole, whole, lane);
    fresh += 1;
  }
  return b;
}

std::uint32_t pool::region::cooling() noexcept {
  std::uint32_t n = 0;
  for (std::uint32_t i = 0; i < fresh; ++i) n += blocks()[i].is(block::place::cooling);
  return n;
}

void pool::region::settle(page_source& to) noexcept {
  block* const all = blocks();
  std::uint32_t run = 0;  // begins here
  for (std::uint32_t i = 0; i <= fresh; ++i) {
    if (i < fresh && all[i].is(block::place::cooling)) {
      all[i].put(block::place::cold);
      all[i].next = cold_list;
      cold_list = &all[i];
      cold += 1;
      continue;
    }
    if (i > run) to.discard(base + run * whole, (i - run) * whole);
    run = i + 1;
  }
}

}  // namespace zc
