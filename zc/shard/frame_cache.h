// zc/shard/frame_cache.h - the frames of ended coroutines, kept for the next ones of about their
// size.
//
// Every frame comes from operator new in a rounded size, so it may be given back to another shard's
// cache, or to operator delete where there is none.
//
// Threads  One shard.
// Cost     A pop or a push; a miss allocates. Under AddressSanitizer nothing is kept, so that a
//          frame used after its end is found.
// Bound    At most kept_max frames per class, frames above size_max are not kept.
#pragma once

#include <array>
#include <cstddef>

namespace zc {

class frame_cache {
 public:
  static constexpr std::size_t step = 64;
  static constexpr std::size_t size_max = 1024;
  static constexpr unsigned kept_max = 64;  // 16 classes * 64 * 544 on average: half a MiB

  static const bool keeps;  // anything at all

  frame_cache() noexcept = default;
  frame_cache(const frame_cache&) = delete;
  frame_cache& operator=(const frame_cache&) = delete;
  ~frame_cache();

  void* get(std::size_t size);  // std::bad_alloc
  void put(void* frame, std::size_t size) noexcept;

  // Where there is no cache.
  static void* get_anew(std::size_t size);
  static void give_up(void* frame, std::size_t size) noexcept;

 private:
  struct spare {
    spare* next;
  };
  struct shelf {
    spare* first = nullptr;
    unsigned count = 0;
  };
  static std::size_t rounded(std::size_t size) noexcept { return (size + step - 1) / step * step; }

  std::array<shelf, size_max / step> shelves_;
};

}  // namespace zc
