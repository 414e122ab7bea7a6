// gate/rig/sequences.h - exact sets of sequence numbers: what arrived, how often, and what is
// missing.
//
//     chunk of 65,536 numbers:  absent (none) | bitmap of 8 KiB (some) | full (all, no memory)
//
// Requests arrive out of order but leave no hole for long, so nearly all chunks are full and cost a
// few bytes.
//
// Threads  One. Sets of several threads are merged when they are done.
// Cost     insert O(count / 64) words; merge and ranges O(chunks).
// Bounds   bitmaps_max chunks that are neither empty nor full; chunks_max in all. What would exceed
// them is counted in
//          untracked() and nowhere else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "gate/otlp/signal.h"
#include "gate/rig/identity.h"

namespace sluice::rig {

struct sequence_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // included
  friend bool operator==(const sequence_range&, const sequence_range&) = default;
};

class sequence_set {
 public:
  static constexpr std::size_t bitmaps_max = 32'768;    // 256 MiB
  static constexpr std::size_t chunks_max = 1'048'576;  // 6.9e10 numbers

  // Adds the `count` numbers from `first` on. Those that were there already are counted as
  // repeated.
  void insert(std::uint64_t first, std::uint64_t count = 1);
  // Adds another set; numbers in both are counted as repeated, as are those that `other` had
  // counted.
  void merge(const sequence_set& other);

  bool contains(std::uint64_t number) const noexcept;
  bool empty() const noexcept { return distinct_ == 0; }
  std::uint64_t distinct() const noexcept { return distinct_; }
  std::uint64_t repeated() const noexcept {
    return repeated_;
  }  // arrivals beyond the first of each number
  std::uint64_t untracked() const noexcept {
    return untracked_;
  }  // arrivals without room to remember them
  std::uint64_t highest() const noexcept;        // 0 when empty
  std::uint64_t missing() const noexcept;        // below highest()
  std::uint64_t first_missing() const noexcept;  // the smallest number not in the set

  // The set as ranges in ascending order, at most `ranges_max` of them.
  std::vector<sequence_range> ranges(std::size_t ranges_max) const;
  // How many numbers of this set are not in `other`.
  std::uint64_t count_not_in(const sequence_set& other) const;

 private:
  static constexpr std::uint64_t chunk_size = 65'536;
  static constexpr std::size_t words = chunk_size / 64;
  using bitmap = std::array<std::uint64_t, words>;
  struct chunk {
    std::uint32_t used = 0;  // numbers in it; chunk_size: full, and no bitmap
    std::unique_ptr<bitmap> bits;
  };
  using chunk_map = std::map<std::uint64_t, chunk>;

  void insert_in_chunk(std::uint64_t key, std::uint32_t from, std::uint32_t to);
  chunk* room_for(std::uint64_t key);
  void added(chunk& c, std::uint64_t fresh, std::uint64_t again) noexcept;
  static std::uint64_t word_of(const chunk& c, std::size_t i) noexcept;

  chunk_map chunks_;
  std::size_t bitmaps_ = 0;
  std::uint64_t distinct_ = 0;
  std::uint64_t repeated_ = 0;
  std::uint64_t untracked_ = 0;
};

// Who sent a sequence.
struct source {
  std::uint64_t run = 0;
  std::uint32_t worker = 0;
  otlp::signal signal = otlp::signal::traces;
  friend auto operator<=>(const source&, const source&) = default;
};

// One set per source.
class tracker {
 public:
  static constexpr std::size_t sources_max = 65'536;

  tracker() = default;
  tracker(tracker&& other) noexcept
      : sets_(std::move(other.sets_)), untracked_(std::exchange(other.untracked_, 0)) {
    other.last_ = nullptr;
  }
  tracker& operator=(tracker&& other) noexcept {
    sets_ = std::move(other.sets_);
    untracked_ = std::exchange(other.untracked_, 0);
    last_ = other.last_ = nullptr;
    return *this;
  }

  void insert(otlp::signal s, const identity& first, std::uint64_t count);
  void merge(const tracker& other);

  const std::map<source, sequence_set>& sources() const noexcept { return sets_; }
  // Sums over all sources.
  std::uint64_t distinct() const noexcept;
  std::uint64_t repeated() const noexcept;
  std::uint64_t missing() const noexcept;
  std::uint64_t untracked() const noexcept;

 private:
  sequence_set* set_of(const source& from);

  std::map<source, sequence_set> sets_;
  std::uint64_t untracked_ = 0;   // items of sources beyond sources_max
  const source* last_ = nullptr;  // the source of the last insertion: the next is often the same
  sequence_set* last_set_ = nullptr;
};

}  // namespace sluice::rig
