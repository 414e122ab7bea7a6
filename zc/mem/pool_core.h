// zc/mem/pool_core.h - what a pool and its blocks share: kept blocks by size class, the regions that
// have cold ones, and the list of what other threads gave back.
//
// Ownership  Outlives the pool object while blocks are out: `life` counts the claims.
// Threads    The owner's, but for what is marked "any thread".
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "zc/base/units.h"
#include "zc/mem/pages.h"
#include "zc/mem/pool.h"
#include "zc/mem/pool_region.h"
#include "zc/mem/pool_samples.h"
#include "zc/mem/quota.h"

namespace zc {

struct pool::core {
  struct lane {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::size_t out = 0;
    std::size_t kept = 0;
    // The fewest that were kept since the last look of tend(), and between the two before it: so
    // many were not needed.
    std::size_t low = 0;
    std::size_t low_before = 0;
    unsigned empties = 0;  // regions that are all cold, and still addresses
    block* hot = nullptr;
    region* open = nullptr;  // regions with cold blocks
  };

  // Asked by the quota, on any thread.
  struct caller final : quota::cache {
    explicit caller(quota& of) noexcept : cache(of) {}
    void on_asked() noexcept override {
      const std::scoped_lock lock(guard);
      if (wake) wake();
    }
    std::mutex guard;
    std::function<void()> wake;
  };

  core(quota& q, std::size_t most, page_source& from) noexcept
      : owner_thread(&thread_mark), limits(q), cached_bytes_max(most), pages(from), asking(q) {}

  bool here() const noexcept { return owner_thread == &thread_mark; }  // any thread

  block* take_kept(lane& l) noexcept;
  block* take_cold(std::size_t index) noexcept;  // already charged
  bool charge(std::size_t whole, urgency need) noexcept;
  void keep(block* b) noexcept;
  void drain_foreign() noexcept;
  void answer_call() noexcept;

  // Until at most `target` bytes are kept: first what nobody has needed since the last look, then
  // whatever there is; large blocks before small ones, few rather than many.
  void shrink(std::size_t target) noexcept;
  // What was not needed between two looks, nor between the two before, goes.
  void cool_idle() noexcept;
  // The n blocks of the lane that have been kept for the longest. settle() must follow.
  void cool(lane& l, std::size_t n) noexcept;
  void settle() noexcept;
  void settle(region* r) noexcept;
  void list(region* r) noexcept;
  void unlist(region* r) noexcept;

  // Any thread. A block that this thread, not the owner, gives back: at once or with others.
  void give_back_from_outside(block* b) noexcept;
  // Any thread. Blocks of this pool, linked from first to last.
  void take_back(block* first, block* last) noexcept;
  // Any thread. What has come back after the pool has gone; whoever comes by does it.
  void reap() noexcept;
  void drop(std::size_t n) noexcept {  // any thread
    if (life.fetch_sub(n, std::memory_order_acq_rel) == n) delete this;
  }

  // Its address names the thread; cheaper than std::this_thread::get_id().
  static constinit inline thread_local char thread_mark = 0;

  const char* const owner_thread;
  quota& limits;
  const std::size_t cached_bytes_max;
  std::size_t cached_bytes = 0;
  pool_samples samples;
  std::array<lane, classes> lanes{};
  region* dirty = nullptr;
  page_source& pages;
  std::optional<caller> asking;  // until the pool goes

  std::uint64_t refused = 0;
  std::uint64_t foreign_blocks = 0;
  std::uint64_t returned = 0;
  std::uint64_t called = 0;

  std::chrono::nanoseconds now{0};
  std::chrono::nanoseconds next_look{0};

  alignas(destructive_size) std::atomic<block*> foreign{nullptr};
  // Claims on this object: the pool's, one of each thread that is giving back from outside, and
  // once the pool has gone one per block that is out. Until then the owner's counts do for those,
  // and neither take nor a give-back at home writes here.
  std::atomic<std::size_t> life{1};
  std::atomic<bool> gone{false};
  std::mutex orphans;  // regions, once the pool has gone
};

}  // namespace zc
