// zc/mem/pool.h - blocks of memory by size class, reused, charged to a quota, and really given
// back.
//
//     region   2 MiB of addresses: blocks of one class       (a larger block is one of its own)
//       block  [ room ............................... | slack 64 B ]
//                ^ page-aligned                         readable and writable, never payload:
//                                                       vector loads and stores may overshoot
//
//     out    somebody holds it                 charged, resident as far as touched
//     kept   free, its pages still there       charged, resident; the next take() is a pointer move
//     cold   free, addresses only              neither charged nor resident
//
// What the quota counts is therefore what can be resident: a block goes cold by giving its pages
// back to the kernel, not to an allocator that may keep them. Counts and links live beside the
// regions, not in the blocks, so cold blocks cost nothing and payload starts on a page.
//
// How much is kept: never more than `cached_bytes_max`, nor than this pool's share of the quota
// (a sixteenth of the limit, divided by the number of pools); nothing while somebody waits for
// memory; and blocks that two looks of tend() in a row found idle go cold, so that a pool keeps
// what the last seconds needed.
//
// Ownership  A block is owned by the builder and the `bytes` made from it; the last one to go gives
//            it back. Giving back twice stops the program.
// Threads    The pool belongs to the thread that made it. Blocks may be given back on any thread:
//            foreign ones go through a lock-free list that take() and tend() drain; a
//            give_back_batch makes one hand-over of many. The pool object may die before its
//            blocks; the quota must outlive both.
// Cost       Hit: a few nanoseconds, no atomic read-modify-write. Miss: one quota charge and the
//            page faults of what is touched. Give-back: as a hit; from another thread three
//            read-modify-writes per hand-over.
// Bounds     All blocks: the quota. Largest block: `block_bytes_max`.
// Errors     take() returns an empty builder when the quota is exhausted or the system has nothing
//            left; other pools are asked to give back what they keep before it says so.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "zc/base/units.h"
#include "zc/mem/builder.h"
#include "zc/mem/pages.h"
#include "zc/mem/quota.h"
#include "zc/mem/size_class.h"

namespace zc {

class pool {
 public:
  static constexpr std::size_t block_bytes_min = 4_KiB;
  static constexpr std::size_t block_bytes_max = size_class::largest;
  static constexpr std::size_t slack = 64;
  static constexpr std::size_t classes = size_class::count;

  struct class_statistics {
    std::uint64_t hits = 0;    // served from the kept blocks
    std::uint64_t misses = 0;  // pages taken from the system
    std::size_t out = 0;       // blocks that somebody holds
    std::size_t kept = 0;      // free blocks with their pages
  };
  struct statistics {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t refused = 0;   // the quota said no
    std::uint64_t foreign = 0;   // given back by another thread
    std::uint64_t returned = 0;  // blocks that went cold: their pages went back to the system
    std::uint64_t called = 0;    // how often others asked for the memory that is kept here
    std::size_t cached_bytes = 0;
    std::size_t blocks_out = 0;
    std::array<class_statistics, classes> of{};  // by size_class::index
  };

  explicit pool(quota& limits, std::size_t cached_bytes_max = 16_MiB,
                page_source& from = system_pages());
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;
  ~pool();

  // A builder with at least `room` bytes of spare space; empty when the quota is exhausted.
  // Rounded up to the size class, so capacity() may be up to a quarter (or a page) larger.
  // Requires: room <= block_bytes_max - 2 * slack.
  bytes_builder take(std::size_t room, urgency need = urgency::ordinary);

  // Gives kept blocks back to the system until at most `keep` bytes stay.
  void trim(std::size_t keep = 0) noexcept;

  // Now and then, with a time that goes forward: takes over what other threads gave back, answers
  // the quota's call for memory, and once per `look_every` lets go of what nobody needed. Returns
  // the time of the next look, or the largest time when nothing is kept. A few nanoseconds when
  // nothing is due; a shard calls it every turn.
  std::chrono::nanoseconds tend(std::chrono::nanoseconds now) noexcept;
  static constexpr std::chrono::nanoseconds look_every = std::chrono::seconds(1);

  // Called on any thread when the quota wants the memory that this pool keeps, for an owner that
  // sleeps: it must wake it, so that it calls tend(), and do no more.
  void on_called(std::function<void()> wake);
  bool called() const noexcept;  // and has not answered yet

  // Sampling, to find who holds blocks for long: every n-th take() leaves a record of where it came
  // from while its block is out. At most samples_max at a time; 0: none.
  static constexpr std::size_t samples_max = 1024;
  static constexpr std::size_t frames_max = 8;
  struct sample {
    std::size_t bytes = 0;        // of the block
    const char* label = nullptr;  // of the innermost pool::label at the take, or null
    std::chrono::nanoseconds age{0};
    std::array<void*, frames_max> frames{};  // return addresses, null after the last
  };
  void sample_every(std::uint64_t takes) noexcept;
  // The sampled blocks that are out for longer, the oldest first. By the time that tend() was told.
  std::vector<sample> held_longer_than(std::chrono::nanoseconds age) const;
  struct oldest_sample {
    std::size_t held = 0;  // sampled blocks that are out
    std::chrono::nanoseconds age{0};
  };
  oldest_sample oldest() const noexcept;
  // What take() is for, in the records of samples, while it lives. `what` has static storage.
  class label;

  // While one lives, blocks of other threads' pools that this thread lets go of are handed over
  // together. The innermost one collects. Keep it short, or flush(): until then they are charged.
  class give_back_batch;

  statistics read() const noexcept;  // owning thread only
  quota& limits() noexcept;

 private:
  struct core;
  struct block;
  struct region;
  core* core_;
};

class [[nodiscard]] pool::label {
 public:
  label(pool& of, const char* what) noexcept;
  label(const label&) = delete;
  label& operator=(const label&) = delete;
  ~label();

 private:
  core* const of_;
  const char* const outer_;
};

class [[nodiscard]] pool::give_back_batch {
 public:
  static constexpr std::size_t blocks_max = 64;
  static constexpr std::size_t bytes_max = 256_KiB;

  give_back_batch() noexcept;
  give_back_batch(const give_back_batch&) = delete;
  give_back_batch& operator=(const give_back_batch&) = delete;
  ~give_back_batch();
  void flush() noexcept;

 private:
  friend struct pool::core;
  void add(block& b) noexcept;

  give_back_batch* const outer_;
  core* home_ = nullptr;  // of all blocks collected
  block* first_ = nullptr;
  block* last_ = nullptr;
  std::size_t blocks_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace zc
