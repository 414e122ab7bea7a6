// zc/wire/http2/stream_table.h - which stream has this id: the open streams of one side.
//
// Linear probing. Ids of one side follow each other, so a multiplication spreads them: side by side
// they would make one long run of full slots, through all of which erase() had to look.
//
// Ownership  Of the pointers: none.
// Cost       O(1) mostly; grows by doubling, never shrinks: 16 bytes for each of at most twice the
//            streams that were ever open at once.
// Bounds     The caller's: as many entries as streams.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "zc/base/check.h"

namespace zc::http2 {

template <class Stream>
class stream_table {
 public:
  std::size_t size() const noexcept { return size_; }

  Stream* find(std::int32_t id) const noexcept {
    if (size_ == 0) return nullptr;
    for (std::size_t i = home(id);; i = after(i)) {
      if (slots_[i].stream == nullptr) return nullptr;
      if (slots_[i].id == id) return slots_[i].stream;
    }
  }

  // Requires: id > 0 is not in the table.
  void insert(std::int32_t id, Stream& s) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    put({id, &s});
    size_ += 1;
  }

  // No effect when it is not there.
  void erase(std::int32_t id) noexcept {
    if (size_ == 0) return;
    std::size_t i = home(id);
    while (slots_[i].stream != nullptr && slots_[i].id != id) i = after(i);
    if (slots_[i].stream == nullptr) return;
    size_ -= 1;
    // Entries behind the hole that may move into it do, so that no search ends too early.
    for (std::size_t j = after(i); slots_[j].stream != nullptr; j = after(j)) {
      const std::size_t from_home = (j - home(slots_[j].id)) & mask();
      const std::size_t from_hole = (j - i) & mask();
      if (from_home < from_hole) continue;
      slots_[i] = slots_[j];
      i = j;
    }
    slots_[i] = {};
  }

 private:
  struct slot {
    std::int32_t id = 0;
    Stream* stream = nullptr;  // null: free
  };
  static constexpr std::size_t slots_min = 32;

  std::size_t mask() const noexcept { return slots_.size() - 1; }
  std::size_t home(std::int32_t id) const noexcept {
    return (static_cast<std::uint32_t>(id) * 0x9e37'79b1u) >> shift_;  // Fibonacci hashing
  }
  std::size_t after(std::size_t i) const noexcept { return (i + 1) & mask(); }

  void put(slot s) noexcept {
    std::size_t i = home(s.id);
    while (slots_[i].stream != nullptr) {
      ZC_DCHECK(slots_[i].id != s.id);
      i = after(i);
    }
    slots_[i] = s;
  }

  void grow() {
    std::vector<slot> old(slots_.empty() ? slots_min : slots_.size() * 2);
    old.swap(slots_);
    shift_ = 32 - static_cast<unsigned>(std::countr_zero(slots_.size()));
    for (const slot& s : old) {
      if (s.stream != nullptr) put(s);
    }
  }

  std::vector<slot> slots_;  // a power of two, at least half of them free
  std::size_t size_ = 0;
  unsigned shift_ = 0;  // 32 less the bits of an index; there are fewer than 2^31 ids
};

}  // namespace zc::http2
