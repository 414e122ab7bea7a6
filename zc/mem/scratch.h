// zc/mem/scratch.h - memory for the time of a call: taken by moving a pointer, given back all at
// once.
//
//     block   [ outer scope's | inner scope's | free .......... ] --> [ larger block ] --> null
//                             ^ mark          ^ next
//
//     zc::scratch_scope mine;                          // marks the thread's arena
//     std::pmr::vector<int> numbers(mine.memory());    // no malloc, no lock, no free
//                                                      // ~scratch_scope: back to the mark
//
// Ownership  Memory belongs to the innermost open scope and is gone when it ends. Destructors are
//            not run: objects in it end before their scope.
// Threads    An arena belongs to one thread; thread_scratch() is each thread's own.
// Cost       allocate: an addition and a comparison. A scope: two loads, two stores. Blocks are
//            kept, up to kept_max, so that the next call finds them.
// Bounds     bytes_max over all blocks. try_allocate() returns null there; memory() throws
//            std::bad_alloc, as pmr wants it.
// Misuse     Scopes end in the reverse order of their beginning: checked, which also catches a
//            scope that is held across a suspension. Memory behind the mark is poisoned when its
//            scope ends (AddressSanitizer; other debug builds overwrite it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <memory_resource>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "zc/base/check.h"
#include "zc/base/lifetime.h"
#include "zc/base/units.h"
#include "zc/mem/poison.h"
#if ZC_DCHECKS
#include <thread>
#endif

namespace zc {

class scratch_arena {
 public:
  struct options {
    std::size_t block_bytes = 16_KiB;  // of the first block; every further one is twice as large
    std::size_t bytes_max = 64_MiB;    // of all blocks
    std::size_t kept_max = 1_MiB;      // of blocks that stay when no scope is open
  };
  struct statistics {
    std::size_t held = 0;      // bytes of blocks now
    std::size_t used_max = 0;  // most bytes taken at once, gaps included
    std::uint64_t blocks = 0;  // taken from the system so far
    std::uint64_t refused = 0;
  };

  scratch_arena() noexcept : scratch_arena(options()) {}
  explicit scratch_arena(const options& how) noexcept : how_(how) {}
  scratch_arena(const scratch_arena&) = delete;
  scratch_arena& operator=(const scratch_arena&) = delete;
  ~scratch_arena();

  // Null at the bound, and when the system has no memory. Requires: an open scope, and an alignment
  // that is a power of two.
  void* try_allocate(std::size_t size, std::size_t alignment) noexcept {
    check_open();
    const auto at = reinterpret_cast<std::uintptr_t>(next_);
    ZC_DCHECK(alignment != 0 && (alignment & (alignment - 1)) == 0);
    const std::size_t gap = (0 - at) & (alignment - 1);
    const auto room = static_cast<std::size_t>(end_ - next_);
    if (gap > room || size > room - gap || next_ == nullptr) {
      return allocate_elsewhere(size, alignment);
    }
    std::byte* const taken = next_ + gap;
    next_ = taken + size;
    unpoison(taken, size);
    return taken;
  }
  // `count` elements without a value yet. Null data() when there is no memory.
  template <class T>
    requires std::is_trivially_destructible_v<T>
  std::span<T> try_array(std::size_t count) noexcept {
    if (count > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T)) return {};
    void* const at = try_allocate(count * sizeof(T), alignof(T));
    if (at == nullptr) return {};
    T* const first = static_cast<T*>(at);
    std::uninitialized_default_construct_n(first, count);
    return {first, count};
  }

  const statistics& read() const noexcept { return stats_; }
  unsigned open_scopes() const noexcept { return depth_; }

 private:
  friend class scratch_scope;

  struct block {
    block* next;
    std::size_t size;  // this header included
    std::byte* begin() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
    std::byte* end() noexcept { return reinterpret_cast<std::byte*>(this) + size; }
  };
  struct mark {
    block* at;
    std::byte* next;
  };
  class resource final : public std::pmr::memory_resource {
   public:
    explicit resource(scratch_arena& of) noexcept : of_(of) {}

   private:
    void* do_allocate(std::size_t size, std::size_t alignment) override {
      void* const at = of_.try_allocate(size, alignment);
      if (at == nullptr) throw std::bad_alloc();
      return at;
    }
    void do_deallocate(void* at, std::size_t size, std::size_t) override { of_.undo(at, size); }
    bool do_is_equal(const memory_resource& other) const noexcept override {
      return this == &other;
    }
    scratch_arena& of_;
  };

  void check_open() const noexcept {
    ZC_REQUIRES(depth_ > 0, "scratch: memory is taken inside of a scratch_scope");
#if ZC_DCHECKS
    check_thread();
#endif
  }
#if ZC_DCHECKS
  void check_thread() const noexcept {
    ZC_REQUIRES(made_on_ == std::this_thread::get_id(), "scratch: an arena belongs to one thread");
  }
  std::thread::id made_on_ = std::this_thread::get_id();
#endif
  mark enter() noexcept;
  void leave(const mark& to, unsigned depth) noexcept;
  void* allocate_elsewhere(std::size_t size, std::size_t alignment) noexcept;
  block* add_block(std::size_t size) noexcept;
  // The last piece that was taken is there again; others stay until the scope ends.
  void undo(void* at, std::size_t size) noexcept {
    if (static_cast<std::byte*>(at) + size != next_) return;
    next_ = static_cast<std::byte*>(at);
    spoil(next_, size);
  }
  static void spoil(std::byte* at, std::size_t size) noexcept;
  void note_use() noexcept;

  const options how_;
  block* first_ = nullptr;
  block* current_ = nullptr;  // what lies behind it in the chain is free
  std::byte* next_ = nullptr;
  std::byte* end_ = nullptr;
  std::size_t before_current_ = 0;  // bytes of the blocks before it
  unsigned depth_ = 0;
  statistics stats_;
  resource resource_{*this};
};

// Each thread's own arena.
scratch_arena& thread_scratch() noexcept;

// What is taken while this is the innermost scope is gone when it ends.
class [[nodiscard]] scratch_scope {
 public:
  explicit scratch_scope(scratch_arena& from = thread_scratch()) noexcept
      : arena_(from), mark_(from.enter()), depth_(from.depth_) {}
  scratch_scope(const scratch_scope&) = delete;
  scratch_scope& operator=(const scratch_scope&) = delete;
  ~scratch_scope() { arena_.leave(mark_, depth_); }

  // For std::pmr containers that live no longer than this scope.
  std::pmr::memory_resource* memory() const noexcept ZC_LIFETIMEBOUND { return &arena_.resource_; }
  template <class T>
  std::span<T> try_array(std::size_t count) noexcept ZC_LIFETIMEBOUND {
    return arena_.try_array<T>(count);
  }

  // A scope on the heap or in a coroutine's frame would not end in order.
  static void* operator new(std::size_t) = delete;
  static void* operator new[](std::size_t) = delete;

 private:
  scratch_arena& arena_;
  const scratch_arena::mark mark_;
  const unsigned depth_;
};

}  // namespace zc
