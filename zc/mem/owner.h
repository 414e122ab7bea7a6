// zc/mem/owner.h - one counted claim on some memory: a heap block, a pool block, a mapping.
//
//     block   [ owner | header's rest | room ....................... | slack ]
//             '------------------------- retained() -----------------------'
//             ^ this                  ^ room(): where the payload of such a block may lie
//
//     apart   [ owner | room_ ] -----> [ room ....................... | slack ]
//             ^ this, an owner_apart   '--------------- retained() ----------'
//
// Ownership  Born with one reference, which belongs to whoever created it. The last reference to go
//            calls the free function, once.
// Threads    Any. The free function runs on the thread that lets go last.
// Cost       acquire: one relaxed increment. release: one decrement; release_likely_last: one load
//            for the last holder, a load more for any other. Many references at once cost one
//            update: acquire(o, n), release(o, n).
// Errors     2^31 references are a leak, and stop the program.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zc/base/check.h"

namespace zc {

// What kind of memory stands behind a handle.
enum class backing : std::uint8_t {
  static_storage,  // outlives every handle; there is no owner
  heap,            // header and payload in one allocation of operator new
  pool,            // a block of a pool
  mapped_file,     // pages of a file, read-only
  shared_memory,   // pages that another process may map as well
  foreign,         // somebody else's: a container that was moved in, or a deleter's
};

class owner_apart;

// Derive from it, keep the payload beside or inside the derived object, and pass a function that
// gives everything back. `retained` is the memory that the claim keeps from other use, in bytes:
// what a quota counts.
class owner {
 public:
  using free_fn = void (*)(owner*) noexcept;

  struct traits {
    backing from = backing::foreign;
    // A sole holder may write what it holds: the memory is neither read-only nor seen by others.
    bool writable = false;
    // Not 0: owner and payload are one block of `retained` bytes, all of it writable by a sole
    // holder but the first `header` and the last `slack` bytes. Multiples of 8, at most 2040.
    std::size_t header = 0;
    std::size_t slack = 0;
  };

  owner(free_fn free, std::size_t retained) noexcept : owner(free, retained, traits{}) {}
  owner(free_fn free, std::size_t retained, const traits& about) noexcept
      : from_(about.from),
        flags_(about.writable ? is_writable : std::uint8_t{0}),
        header_words_(static_cast<std::uint8_t>(about.header / word)),
        slack_words_(static_cast<std::uint8_t>(about.slack / word)),
        free_(free),
        retained_(retained) {
    ZC_REQUIRES(about.header % word == 0 && about.header <= words_max * word,
                "owner::traits::header is a multiple of 8, at most 2040");
    ZC_REQUIRES(about.slack % word == 0 && about.slack <= words_max * word,
                "owner::traits::slack is a multiple of 8, at most 2040");
    ZC_REQUIRES(about.header == 0 || about.header + about.slack <= retained,
                "owner: header and slack lie within the retained block");
  }
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;

  // `n` references more, or less. Both accept null, which stands for memory that nobody has to give
  // back.
  static owner* acquire(owner* shared, std::uint32_t n = 1) noexcept;
  static void release(owner* shared, std::uint32_t n = 1) noexcept;
  // The same for one that is likely the last: looks first, and if so saves the update.
  static void release_likely_last(owner* shared) noexcept;

  // True when the caller's reference is the only one. Meaningful only to a holder of a reference.
  // Acquire: what other holders did to the payload happens before the answer.
  bool unique() const noexcept { return refs_.load(std::memory_order_acquire) == 1; }

  std::size_t retained() const noexcept { return retained_; }
  backing from() const noexcept { return from_; }
  bool writable() const noexcept { return (flags_ & is_writable) != 0; }
  // All that a payload in this block may occupy; empty when that is not known.
  std::span<std::byte> room() noexcept;

 protected:
  ~owner() = default;
  // a pool hands it out again
  void revive() noexcept { refs_.store(1, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t refs_max = UINT32_MAX / 2;
  static constexpr std::size_t word = 8;
  static constexpr std::size_t words_max = UINT8_MAX;
  static constexpr std::uint8_t is_writable = 1;
  static constexpr std::uint8_t is_apart = 2;
  friend class owner_apart;

  std::atomic<std::uint32_t> refs_{1};
  backing from_;
  std::uint8_t flags_;
  std::uint8_t header_words_;
  std::uint8_t slack_words_;
  free_fn free_;
  std::size_t retained_;
};

static_assert(sizeof(owner) == 24, "three words: it stands before every payload");

// A claim on a block that lies elsewhere: `retained` bytes from `room` on, of which the last
// about.slack are no payload's.
class owner_apart : public owner {
 public:
  owner_apart(free_fn free, std::size_t retained, const traits& about, std::byte* room) noexcept
      : owner(free, retained, about), room_(room) {
    ZC_REQUIRES(about.header == 0 && about.slack <= retained,
                "owner_apart: no header, and slack within the retained block");
    flags_ |= is_apart;
  }

 protected:
  ~owner_apart() = default;
  std::byte* begin() const noexcept { return room_; }

 private:
  friend class owner;
  std::byte* const room_;
};

inline std::span<std::byte> owner::room() noexcept {
  const std::size_t slack = slack_words_ * word;
  if ((flags_ & is_apart) != 0) return {static_cast<owner_apart*>(this)->room_, retained_ - slack};
  if (header_words_ == 0) return {};
  const std::size_t header = header_words_ * word;
  return {reinterpret_cast<std::byte*>(this) + header, retained_ - header - slack};
}

inline owner* owner::acquire(owner* shared, std::uint32_t n) noexcept {
  if (shared == nullptr) return nullptr;
  // Relaxed: a new reference is always made from one that already keeps the owner alive.
  const std::uint32_t before = shared->refs_.fetch_add(n, std::memory_order_relaxed);
  // A leak stops the program long before the count can wrap. Not before + n: that sum can wrap.
  ZC_CHECK(before < refs_max && n <= refs_max - before);
  return shared;
}

inline void owner::release(owner* shared, std::uint32_t n) noexcept {
  if (shared == nullptr || n == 0) return;
  // Acquire-release: every use of the payload happens before `free_` runs.
  const std::uint32_t before = shared->refs_.fetch_sub(n, std::memory_order_acq_rel);
  ZC_DCHECK(before >= n);
  if (before == n) shared->free_(shared);
}

inline void owner::release_likely_last(owner* shared) noexcept {
  if (shared == nullptr) return;
  // The last holder needs no read-modify-write: nobody is left to race with.
  if (!shared->unique()) return release(shared);
  shared->free_(shared);
}

}  // namespace zc
