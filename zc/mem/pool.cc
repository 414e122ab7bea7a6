#include "zc/mem/pool.h"

#include <array>
#include <atomic>
#include <bit>
#include <new>

#include "zc/base/check.h"

namespace zc {
namespace {

inline constexpr std::size_t header_bytes = 64;
inline constexpr std::size_t alignment = 64;

// Four classes per doubling from 4 KiB up: at most a quarter of a block is lost to rounding.
inline constexpr std::size_t first_shift = 12;
inline constexpr std::size_t last_shift = 28;
inline constexpr std::size_t classes = (last_shift - first_shift) * 4 + 1;

struct size_class {
  std::size_t index;
  std::size_t whole;  // header and slack included
};

size_class class_of(std::size_t room) noexcept {
  const std::size_t whole = room + header_bytes + pool::slack;
  if (whole <= pool::block_bytes_min) return {0, pool::block_bytes_min};
  // 2^top < whole <= 2^(top+1)
  const auto top = static_cast<std::size_t>(std::bit_width(whole - 1)) - 1;
  const std::size_t step = std::size_t{1} << (top - 2);
  const std::size_t quarters = (whole - (std::size_t{1} << top) + step - 1) / step;  // 1..4
  return {(top - first_shift) * 4 + quarters, (std::size_t{1} << top) + quarters * step};
}

// Its address names the thread; cheaper than std::this_thread::get_id().
thread_local char thread_mark;

}  // namespace

struct pool::block final : owner {
  block(core* from, std::uint32_t index, std::size_t whole) noexcept
      : owner(&give_back, whole,
              {.from = backing::pool, .writable = true, .header = header_bytes, .slack = slack}),
        home(from),
        size_index(index) {}
  void reuse() noexcept { revive(); }
  std::span<std::byte> room() noexcept {
    return {reinterpret_cast<std::byte*>(this) + header_bytes, retained() - header_bytes - slack};
  }
  static void give_back(owner* self) noexcept;

  core* home;
  block* next = nullptr;
  std::uint32_t size_index;
};

// Outlives the pool object while blocks are out.
struct pool::core {
  core(quota& q, std::size_t cached) noexcept
      : limits(q), cached_bytes_max(cached), owner_thread(&thread_mark) {}

  void keep(block* b) noexcept;
  void destroy(block* b) noexcept;
  void drain_foreign() noexcept;
  void drop() noexcept {
    if (holders.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  quota& limits;
  const std::size_t cached_bytes_max;
  const char* const owner_thread;
  std::array<block*, classes> free{};
  statistics stats;
  alignas(destructive_size) std::atomic<block*> foreign{nullptr};
  std::atomic<std::size_t> holders{1};  // the pool object, and each block that is not free
  std::atomic<bool> pool_gone{false};
};

void pool::core::keep(block* b) noexcept {
  if (stats.cached_bytes + b->retained() > cached_bytes_max) {
    destroy(b);
    return;
  }
  stats.cached_bytes += b->retained();
  b->next = free[b->size_index];
  free[b->size_index] = b;
}

void pool::core::destroy(block* b) noexcept {
  const std::size_t whole = b->retained();
  b->~block();
  ::operator delete(b, std::align_val_t{alignment});
  limits.release(whole);
}

void pool::core::drain_foreign() noexcept {
  if (foreign.load(std::memory_order_relaxed) == nullptr) return;
  // Acquire: what the giver did to the block happens before we reuse it.
  block* b = foreign.exchange(nullptr, std::memory_order_acquire);
  while (b != nullptr) {
    block* next = b->next;
    stats.foreign += 1;
    stats.blocks_out -= 1;
    keep(b);
    b = next;
    drop();
  }
}

void pool::block::give_back(owner* self) noexcept {
  auto* b = static_cast<block*>(self);
  core* home = b->home;
  if (home->owner_thread == &thread_mark && !home->pool_gone.load(std::memory_order_relaxed)) {
    home->stats.blocks_out -= 1;
    home->keep(b);
    home->drop();
    return;
  }
  // Our own claim: once the block is on the list, others may take it and drop the last holder but
  // us.
  home->holders.fetch_add(1, std::memory_order_relaxed);
  // After the pool is gone nobody drains the list; its last act was to take over what is there.
  // The order "push, then look whether the pool has gone" and "go, then drain" leaves no block
  // behind.
  block* head = home->foreign.load(std::memory_order_relaxed);
  do {
    b->next = head;
  } while (!home->foreign.compare_exchange_weak(head, b, std::memory_order_seq_cst));
  if (home->pool_gone.load(std::memory_order_seq_cst)) {
    block* orphan = home->foreign.exchange(nullptr, std::memory_order_acquire);
    while (orphan != nullptr) {
      block* next = orphan->next;
      home->destroy(orphan);
      orphan = next;
      home->drop();
    }
  }
  home->drop();
}

pool::pool(quota& limits, std::size_t cached_bytes_max)
    : core_(new core(limits, cached_bytes_max)) {
  static_assert(sizeof(block) <= header_bytes);
}

pool::~pool() {
  core_->drain_foreign();
  trim(0);
  core_->pool_gone.store(true, std::memory_order_seq_cst);
  block* orphan = core_->foreign.exchange(nullptr, std::memory_order_acquire);
  while (orphan != nullptr) {
    block* next = orphan->next;
    core_->destroy(orphan);
    orphan = next;
    core_->drop();
  }
  core_->drop();
}

bytes_builder pool::take(std::size_t room, urgency need) {
  ZC_CHECK(room <= block_bytes_max - header_bytes - slack);
  ZC_DCHECK(core_->owner_thread == &thread_mark);
  core& c = *core_;
  c.drain_foreign();
  const size_class fit = class_of(room);
  block* b = c.free[fit.index];
  if (b != nullptr) {
    c.free[fit.index] = b->next;
    c.stats.cached_bytes -= b->retained();
    c.stats.hits += 1;
    b->reuse();
  } else {
    if (!c.limits.try_charge(fit.whole, need)) {
      // Free blocks of other sizes count too: give them back and try once more.
      if (c.stats.cached_bytes > 0) trim(0);
      if (!c.limits.try_charge(fit.whole, need)) {
        c.stats.refused += 1;
        return {};
      }
    }
    void* memory = ::operator new(fit.whole, std::align_val_t{alignment}, std::nothrow);
    if (memory == nullptr) {
      c.limits.release(fit.whole);
      c.stats.refused += 1;
      return {};
    }
    b = new (memory) block(&c, static_cast<std::uint32_t>(fit.index), fit.whole);
    c.stats.misses += 1;
  }
  c.stats.blocks_out += 1;
  c.holders.fetch_add(1, std::memory_order_relaxed);
  return bytes_builder::over(*b, b->room());
}

void pool::trim(std::size_t keep) noexcept {
  core& c = *core_;
  c.drain_foreign();
  // Largest first: few large blocks are given back rather than many small ones.
  for (std::size_t i = classes; i-- > 0 && c.stats.cached_bytes > keep;) {
    while (c.free[i] != nullptr && c.stats.cached_bytes > keep) {
      block* b = c.free[i];
      c.free[i] = b->next;
      c.stats.cached_bytes -= b->retained();
      c.destroy(b);
    }
  }
}

pool::statistics pool::read() const noexcept {
  return core_->stats;
}
quota& pool::limits() noexcept {
  return core_->limits;
}

}  // namespace zc
