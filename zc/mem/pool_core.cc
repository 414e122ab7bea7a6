#include "zc/mem/pool_core.h"

#include <algorithm>
#include <utility>

#include "zc/base/check.h"

namespace zc {

// ------------------------------------------------------------------------------------------ taking

bool pool::core::charge(std::size_t whole, urgency need) noexcept {
  if (limits.try_charge(whole, need)) return true;
  // Kept blocks of other sizes count too: give them back and try once more.
  if (cached_bytes > 0) {
    shrink(0);
    if (limits.try_charge(whole, need)) return true;
  }
  limits.call_in();  // comes too late for this one
  return false;
}

pool::block* pool::core::take_cold(std::size_t index) noexcept {
  lane& l = lanes[index];
  region* r = l.open;
  if (r == nullptr) {
    r = region::open(size_class::at(index), pages);
    if (r == nullptr) return nullptr;
    l.empties += 1;
    list(r);
  }
  if (r->all_cold()) l.empties -= 1;
  block* b = r->take(this);
  if (!r->has_cold()) unlist(r);
  l.misses += 1;
  return b;
}

// ------------------------------------------------------------------------------------- giving back

inline void pool::core::keep(block* b) noexcept {
  lane& l = lanes[b->lane];
  const std::size_t whole = b->retained();
  b->put(block::place::kept);
  if (b->sampled != 0) samples.forget(b->sampled);
  b->forbid();
  l.out -= 1;
  b->next = l.hot;
  l.hot = b;
  l.kept += 1;
  cached_bytes += whole;
  // What may be kept now.
  const std::size_t most = limits.wanted() ? 0 : std::min(cached_bytes_max, limits.cache_share());
  if (cached_bytes <= most) return;
  // Some more than needed, so that the next ones do not have to go one by one.
  const std::size_t target = most - most / 4;
  if (whole > target) {
    cool(l, 1);
    settle();
  }
  if (cached_bytes > most) shrink(target);
}

void pool::core::drain_foreign() noexcept {
  // Acquire: what the givers did to the blocks happens before we reuse them.
  block* b = foreign.exchange(nullptr, std::memory_order_acquire);
  while (b != nullptr) {
    block* next = b->next;
    foreign_blocks += 1;
    keep(b);
    b = next;
  }
}

void pool::core::answer_call() noexcept {
  asking->answered();
  called += 1;
  shrink(0);
}

void pool::block::give_back(owner* self) noexcept {
  auto* b = static_cast<block*>(self);
  ZC_REQUIRES(b->is(place::out),
              "owner::release requires a reference: this pool block was given back already");
  core* home = b->home;
  if (home->here() && !home->gone.load(std::memory_order_relaxed)) {
    home->keep(b);
    return;
  }
  b->put(place::kept);
  home->give_back_from_outside(b);
}

// -------------------------------------------------------------------------------------- going cold

void pool::core::list(region* r) noexcept {
  lane& l = lanes[r->lane];
  r->previous = nullptr;
  r->next = l.open;
  if (l.open != nullptr) l.open->previous = r;
  l.open = r;
  r->listed = true;
}

void pool::core::unlist(region* r) noexcept {
  (r->previous != nullptr ? r->previous->next : lanes[r->lane].open) = r->next;
  if (r->next != nullptr) r->next->previous = r->previous;
  r->listed = false;
}

void pool::core::cool(lane& l, std::size_t n) noexcept {
  if (n == 0) return;
  block** from = &l.hot;
  for (std::size_t stay = l.kept - n; stay > 0; --stay) from = &(*from)->next;
  block* b = std::exchange(*from, nullptr);
  l.kept -= n;
  l.low -= std::min(l.low, n);
  l.low_before -= std::min(l.low_before, n);
  while (b != nullptr) {
    block* next = b->next;
    region* r = b->in;
    b->put(block::place::cooling);
    cached_bytes -= r->whole;
    if (!r->dirty) {
      r->dirty = true;
      r->next_dirty = dirty;
      dirty = r;
    }
    b = next;
  }
}

void pool::core::settle(region* r) noexcept {
  lane& l = lanes[r->lane];
  const std::uint32_t cooled = r->cooling();
  const std::size_t freed = cooled * r->whole;
  const bool had_cold = r->has_cold();
  const bool empties = r->cold + cooled + (r->count - r->fresh) == r->count;
  if (empties && (r->count == 1 || l.empties > 0)) {
    if (r->listed) unlist(r);
    r->close(pages);
  } else {
    r->settle(pages);
    if (empties) l.empties += 1;
    if (!had_cold) list(r);
  }
  returned += cooled;
  limits.release(freed);
}

void pool::core::settle() noexcept {
  while (dirty != nullptr) {
    region* r = dirty;
    dirty = r->next_dirty;
    r->dirty = false;
    settle(r);
  }
}

void pool::core::shrink(std::size_t target) noexcept {
  for (const bool idle_only : {true, false}) {
    for (std::size_t i = classes; i-- > 0 && cached_bytes > target;) {
      lane& l = lanes[i];
      const std::size_t most = idle_only ? l.low : l.kept;
      if (most == 0) continue;
      const std::size_t whole = size_class::at(i).whole;
      const std::size_t needed = (cached_bytes - target + whole - 1) / whole;
      cool(l, std::min(most, needed));
    }
  }
  settle();
}

void pool::core::cool_idle() noexcept {
  for (lane& l : lanes) {
    const std::size_t idle = std::min(l.low, l.low_before);
    cool(l, idle);
    l.low_before = l.low;
    l.low = l.kept;
  }
  settle();
  for (lane& l : lanes) {
    if (l.empties == 0 || l.kept > 0) continue;
    for (region *r = l.open, *next = nullptr; r != nullptr; r = next) {
      next = r->next;
      if (!r->all_cold()) continue;
      unlist(r);
      l.empties -= 1;
      r->close(pages);
    }
  }
}

}  // namespace zc
