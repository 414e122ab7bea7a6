// zc/mem/pool_region.h - addresses for blocks of one size, and the blocks' headers beside them.
//
//     header  [ region | block | block | block | ..... ]     of operator new
//     memory  [        | room  | room  | cold  | fresh ]     of a page_source, not touched before use
//
// A block is out, kept, cooling or cold; blocks from `fresh` on were never handed out and have no
// header yet. The memory of those that are not out is poisoned.
//
// Ownership  Of the pool's core, which opens and closes regions; a block that is out keeps its region.
// Threads    The pool's, but for block::at, and for what give-backs after the pool's end do under its
//            lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "zc/base/check.h"
#include "zc/mem/owner.h"
#include "zc/mem/pages.h"
#include "zc/mem/poison.h"
#include "zc/mem/pool.h"
#include "zc/mem/size_class.h"

namespace zc {

inline constexpr std::size_t pool_header_alignment = 64;

struct alignas(pool_header_alignment) pool::block final : owner_apart {
  enum class place : std::uint8_t { out, kept, cooling, cold };
#ifdef NDEBUG
  static constexpr std::size_t marked_bytes = 0;
#else
  static constexpr std::size_t marked_bytes = poison_is_seen ? 0 : 256;
#endif
  static constexpr int mark = 0xdb;

  block(core* from, region* of, std::byte* at_first, std::size_t whole, std::size_t index) noexcept
      : owner_apart(&give_back, whole, {.from = backing::pool, .writable = true, .slack = slack},
                    at_first),
        home(from),
        in(of),
        lane(static_cast<std::uint16_t>(index)) {}
  void reuse() noexcept {
    revive();
    put(place::out);
  }
  using owner_apart::begin;
  bool is(place here) const noexcept { return at.load(std::memory_order_relaxed) == here; }
  void put(place here) noexcept { at.store(here, std::memory_order_relaxed); }
  // Between the two nobody may touch its memory: a stale handle that writes is caught by the
  // sanitizer at once, and without it by allow(), in builds with debug checks.
  void forbid() noexcept {
    // NOLINTNEXTLINE(bugprone-suspicious-memset-usage): in builds that mark nothing
    if constexpr (marked_bytes > 0) std::memset(begin(), mark, marked_bytes);
    poison(begin(), retained());
  }
  void allow() noexcept {
    unpoison(begin(), retained());
    for (std::size_t i = 0; i < marked_bytes; ++i) {
      ZC_REQUIRES(begin()[i] == std::byte{mark},
                  "a pool block must not be written after its last handle has gone");
    }
  }
  static void give_back(owner* self) noexcept;

  core* const home;
  region* const in;
  block* next = nullptr;  // in the one list that `at` names
  const std::uint16_t lane;
  std::uint16_t sampled = 0;  // 1 + its place among the samples
  // Atomic: the owner looks over a whole region while others give back what is out of it.
  std::atomic<place> at{place::out};
};

struct alignas(pool_header_alignment) pool::region {
  // Null when nothing is left. Its blocks are neither charged nor resident.
  static region* open(size_class blocks, page_source& from) noexcept;
  // Gives the addresses back. Requires: nothing of it is out or charged.
  void close(page_source& to) noexcept;
  // A block that is cold or was never handed out. Requires: has_cold().
  block* take(core* for_whom) noexcept;
  std::uint32_t cooling() noexcept;
  // Makes the cooling ones cold: gives their pages back, with one call for neighbours.
  void settle(page_source& to) noexcept;

  block* blocks() noexcept { return reinterpret_cast<block*>(this + 1); }
  bool has_cold() const noexcept { return cold_list != nullptr || fresh < count; }
  bool all_cold() const noexcept { return cold + (count - fresh) == count; }

  std::byte* base = nullptr;
  std::size_t whole = 0;
  std::uint32_t count = 0;
  std::uint32_t fresh = 0;
  std::uint32_t cold = 0;  // of those before `fresh`
  std::uint32_t lane = 0;
  block* cold_list = nullptr;
  region* next = nullptr;  // among the lane's regions with cold blocks
  region* previous = nullptr;
  region* next_dirty = nullptr;
  bool listed = false;
  bool dirty = false;
};

}  // namespace zc
