#include "zc/mem/builder.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace zc {

void bytes_builder::swap(bytes_builder& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(data_, other.data_);
  std::swap(start_, other.start_);
  std::swap(used_, other.used_);
  std::swap(capacity_, other.capacity_);
}

// Sole holder: the whole block is ours again, whatever part of it this builder had.
void bytes_builder::start_over() noexcept {
  const std::span<std::byte> room = block_->room();
  if (!room.empty()) {
    data_ = room.data();
    capacity_ = room.size();
  }
  start_ = used_ = 0;
}

bool bytes_builder::try_rewind() noexcept {
  ZC_REQUIRES(size() == 0, "bytes_builder::try_rewind requires that all was taken");
  if (block_ == nullptr || !block_->unique()) return false;
  start_over();
  return true;
}

bool bytes_builder::try_reclaim(std::size_t n) noexcept {
  if (n <= capacity_ - used_) return true;
  if (block_ == nullptr || !block_->unique()) return false;
  std::span<std::byte> room = block_->room();
  if (room.empty()) room = {data_, capacity_};
  const std::size_t live = size();
  if (n > room.size() - live) return false;
  const std::byte* const from = data_ + start_;
  // Moving pays only when it frees as much as it moves; else appending would cost O(n) each.
  if (static_cast<std::size_t>(from - room.data()) < live) return false;
  start_over();
  if (live > 0) {
    std::memcpy(data_, from, live);
    used_ = live;
    ledger::count(ledger::reason::copy_of, live);
  }
  return true;
}

std::size_t bytes_builder::grown_capacity(std::size_t n) const noexcept {
  const std::size_t most = heap_block::room_max();
  if (n > most - std::min(size(), most)) return SIZE_MAX;
  const std::size_t twice = capacity_ > most / 2 ? most : capacity_ * 2;
  const std::size_t fourfold = std::min(capacity_, fourfold_capacity_max / 4) * 4;
  return std::max({size() + n, twice, fourfold, first_capacity});
}

void bytes_builder::move_to(heap_block& block, std::size_t capacity) noexcept {
  const std::size_t live = size();
  if (live > 0) {
    std::memcpy(block.payload(), data_ + start_, live);
    ledger::count(ledger::reason::copy_of, live);
  }
  owner::release_likely_last(std::exchange(block_, &block));
  data_ = block.payload();
  start_ = 0;
  used_ = live;
  capacity_ = capacity;
}

void bytes_builder::grow(std::size_t n) {
  const std::size_t capacity = grown_capacity(n);
  move_to(heap_block::make(capacity), capacity);
}

void bytes_builder::grow_to_append(std::size_t n) {
  if (try_reclaim(n)) return;
  ZC_REQUIRES(grows(),
              "bytes_builder: what is appended fits into spare(), or the block is on the heap");
  grow(n);
}

void bytes_builder::append_copy_grown(std::span<const std::byte> source) {
  // The source may lie in this very block: it must not go, or be written over, before it is read.
  // As numbers: only pointers into one array may be compared as pointers.
  const auto first = reinterpret_cast<std::uintptr_t>(data_);
  const auto from = reinterpret_cast<std::uintptr_t>(source.data());
  const bool inside = block_ != nullptr && from >= first && from - first < capacity_;
  const bytes kept = inside ? bytes::share(*block_, {data_, capacity_}) : bytes();
  grow_to_append(source.size());
  append_copy(source);
}

bool bytes_builder::try_reserve(std::size_t n) noexcept {
  if (try_reclaim(n)) return true;
  const std::size_t capacity = grown_capacity(n);
  heap_block* const block = heap_block::try_make(capacity);
  if (block == nullptr) return false;
  move_to(*block, capacity);
  return true;
}

bytes bytes_builder::take(std::size_t count) {
  ZC_REQUIRES(count <= size(), "bytes_builder::take requires count <= size()");
  if (count == 0) return {};
  bytes front(owner_ref(owner::acquire(block_)), data_ + start_, count);
  start_ += count;
  return front;
}

bytes_builder bytes_builder::split_off(std::size_t at) {
  ZC_REQUIRES(at <= size(), "bytes_builder::split_off requires at <= size()");
  if (block_ == nullptr) return {};
  const std::size_t cut = start_ + at;
  bytes_builder back(owner::acquire(block_), data_ + cut, 0, used_ - cut, capacity_ - cut);
  used_ = capacity_ = cut;
  return back;
}

bool bytes_builder::try_unsplit(bytes_builder& next) noexcept {
  if (block_ == nullptr || block_ != next.block_ || this == &next) return false;
  // Its written part must follow ours without a gap, in memory and in what is still to be taken.
  if (used_ != capacity_ || data_ + capacity_ != next.data_ || next.start_ != 0) return false;
  used_ += next.used_;
  capacity_ += next.capacity_;
  next = bytes_builder();
  return true;
}

std::expected<bytes_builder, bytes> bytes::try_unfreeze() && {
  if (!owner_ || !owner_->writable() || !owner_->unique()) return std::unexpected(std::move(*this));
  std::span<std::byte> room = owner_->room();
  // Without a known room only what the handle shows. Writable memory was never const.
  if (room.empty()) room = {const_cast<std::byte*>(data_), size_};
  const auto start = static_cast<std::size_t>(data_ - room.data());
  bytes_builder again(owner_.get(), room.data(), start, start + size_, room.size());
  owner_ = owner_ref();
  clear();
  return again;
}

}  // namespace zc
