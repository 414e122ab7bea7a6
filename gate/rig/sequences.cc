#include "gate/rig/sequences.h"

#include <algorithm>
#include <bit>

namespace sluice::rig {
namespace {

// Bits [from, to) of one word, both below or equal to 64.
constexpr std::uint64_t mask(std::uint32_t from, std::uint32_t to) noexcept {
  const std::uint64_t upper = to == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << to) - 1;
  return upper & ~((std::uint64_t{1} << from) - 1);
}

std::uint64_t bits_in(std::uint64_t word) noexcept {
  return static_cast<std::uint64_t>(std::popcount(word));
}

}  // namespace

std::uint64_t sequence_set::word_of(const chunk& c, std::size_t i) noexcept {
  if (c.used == chunk_size) return ~std::uint64_t{0};
  return c.bits == nullptr ? 0 : (*c.bits)[i];
}

void sequence_set::insert(std::uint64_t first, std::uint64_t count) {
  if (first >= sequences_max || count > sequences_max - first) {
    untracked_ += count;
    return;
  }
  while (count > 0) {
    const auto from = static_cast<std::uint32_t>(first % chunk_size);
    const std::uint64_t here = std::min<std::uint64_t>(count, chunk_size - from);
    insert_in_chunk(first / chunk_size, from, from + static_cast<std::uint32_t>(here));
    first += here;
    count -= here;
  }
}

sequence_set::chunk* sequence_set::room_for(std::uint64_t key) {
  const auto found = chunks_.find(key);
  if (found != chunks_.end()) return &found->second;
  if (chunks_.size() == chunks_max || bitmaps_ == bitmaps_max) return nullptr;
  chunk& made = chunks_[key];
  made.bits = std::make_unique<bitmap>();
  bitmaps_ += 1;
  return &made;
}

void sequence_set::added(chunk& c, std::uint64_t fresh, std::uint64_t again) noexcept {
  c.used += static_cast<std::uint32_t>(fresh);
  distinct_ += fresh;
  repeated_ += again;
  if (c.used == chunk_size && c.bits != nullptr) {
    c.bits.reset();
    bitmaps_ -= 1;
  }
}

void sequence_set::insert_in_chunk(std::uint64_t key, std::uint32_t from, std::uint32_t to) {
  chunk* c = room_for(key);
  if (c == nullptr) {
    untracked_ += to - from;
    return;
  }
  if (c->used == chunk_size) {
    repeated_ += to - from;
    return;
  }
  std::uint64_t fresh = 0;
  for (std::uint32_t at = from; at < to;) {
    const std::uint32_t end = std::min(to, (at | 63) + 1);
    std::uint64_t& word = (*c->bits)[at / 64];
    const std::uint64_t wanted = mask(at % 64, end - (at & ~std::uint32_t{63}));
    fresh += bits_in(wanted & ~word);
    word |= wanted;
    at = end;
  }
  added(*c, fresh, (to - from) - fresh);
}

void sequence_set::merge(const sequence_set& other) {
  repeated_ += other.repeated_;
  untracked_ += other.untracked_;
  for (const auto& [key, theirs] : other.chunks_) {
    if (theirs.used == chunk_size && chunks_.find(key) == chunks_.end() &&
        chunks_.size() < chunks_max) {
      chunks_[key].used = theirs.used;  // full: no bitmap is needed
      distinct_ += theirs.used;
      continue;
    }
    chunk* mine = room_for(key);
    if (mine == nullptr) {
      untracked_ += theirs.used;
      continue;
    }
    if (mine->used == chunk_size) {
      repeated_ += theirs.used;
      continue;
    }
    std::uint64_t fresh = 0;
    for (std::size_t i = 0; i < words; ++i) {
      const std::uint64_t word = word_of(theirs, i);
      fresh += bits_in(word & ~(*mine->bits)[i]);
      (*mine->bits)[i] |= word;
    }
    added(*mine, fresh, theirs.used - fresh);
  }
}

bool sequence_set::contains(std::uint64_t number) const noexcept {
  const auto found = chunks_.find(number / chunk_size);
  if (found == chunks_.end()) return false;
  return (word_of(found->second, number % chunk_size / 64) >> (number % 64) & 1) != 0;
}

std::uint64_t sequence_set::highest() const noexcept {
  if (empty()) return 0;
  const auto& [key, c] = *chunks_.rbegin();
  for (std::size_t i = words; i-- > 0;) {
    const std::uint64_t word = word_of(c, i);
    if (word == 0) continue;
    const auto top = static_cast<std::uint64_t>(63 - std::countl_zero(word));
    return key * chunk_size + i * 64 + top;
  }
  return 0;
}

std::uint64_t sequence_set::missing() const noexcept {
  return empty() ? 0 : highest() + 1 - distinct_;
}

std::uint64_t sequence_set::first_missing() const noexcept {
  std::uint64_t expected = 0;
  for (const auto& [key, c] : chunks_) {
    if (key != expected) return expected * chunk_size;
    expected += 1;
    if (c.used == chunk_size) continue;
    for (std::size_t i = 0; i < words; ++i) {
      const std::uint64_t word = word_of(c, i);
      if (~word == 0) continue;
      return key * chunk_size + i * 64 + static_cast<std::uint64_t>(std::countr_one(word));
    }
  }
  return expected * chunk_size;
}

std::vector<sequence_range> sequence_set::ranges(std::size_t ranges_max) const {
  std::vector<sequence_range> all;
  // Appends [first, last]; says whether there was room.
  const auto add = [&](std::uint64_t first, std::uint64_t last) {
    if (!all.empty() && all.back().last + 1 == first) {
      all.back().last = last;
      return true;
    }
    if (all.size() == ranges_max) return false;
    all.push_back({first, last});
    return true;
  };
  for (const auto& [key, c] : chunks_) {
    if (c.used == chunk_size) {
      if (!add(key * chunk_size, key * chunk_size + chunk_size - 1)) return all;
      continue;
    }
    for (std::size_t i = 0; i < words; ++i) {
      for (std::uint64_t word = word_of(c, i); word != 0;) {
        const auto from = static_cast<std::uint32_t>(std::countr_zero(word));
        const auto size = static_cast<std::uint32_t>(std::countr_one(word >> from));
        const std::uint64_t base = key * chunk_size + i * 64;
        if (!add(base + from, base + from + size - 1)) return all;
        word &= ~mask(from, from + size);
      }
    }
  }
  return all;
}

std::uint64_t sequence_set::count_not_in(const sequence_set& other) const {
  std::uint64_t count = 0;
  for (const auto& [key, c] : chunks_) {
    const auto found = other.chunks_.find(key);
    if (found == other.chunks_.end()) {
      count += c.used;
      continue;
    }
    if (found->second.used == chunk_size) continue;
    for (std::size_t i = 0; i < words; ++i) {
      count += bits_in(word_of(c, i) & ~word_of(found->second, i));
    }
  }
  return count;
}

sequence_set* tracker::set_of(const source& from) {
  if (last_ != nullptr && *last_ == from) return last_set_;
  auto found = sets_.find(from);
  if (found == sets_.end()) {
    if (sets_.size() == sources_max) return nullptr;
    found = sets_.try_emplace(from).first;
  }
  last_ = &found->first;  // nodes of a map stay where they are
  last_set_ = &found->second;
  return last_set_;
}

void tracker::insert(otlp::signal s, const identity& first, std::uint64_t count) {
  sequence_set* set = set_of({first.run, first.worker, s});
  if (set == nullptr) {
    untracked_ += count;
    return;
  }
  set->insert(first.sequence, count);
}

void tracker::merge(const tracker& other) {
  untracked_ += other.untracked_;
  for (const auto& [from, theirs] : other.sets_) {
    if (sequence_set* mine = set_of(from); mine != nullptr) {
      mine->merge(theirs);
    } else {
      untracked_ += theirs.distinct() + theirs.repeated() + theirs.untracked();
    }
  }
}

std::uint64_t tracker::distinct() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [from, set] : sets_) sum += set.distinct();
  return sum;
}

std::uint64_t tracker::repeated() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [from, set] : sets_) sum += set.repeated();
  return sum;
}

std::uint64_t tracker::missing() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [from, set] : sets_) sum += set.missing();
  return sum;
}

std::uint64_t tracker::untracked() const noexcept {
  std::uint64_t sum = untracked_;
  for (const auto& [from, set] : sets_) sum += set.untracked();
  return sum;
}

}  // namespace sluice::rig
