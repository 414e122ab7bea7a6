#include "zc/mem/chain.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "zc/base/ledger.h"
#include "zc/mem/heap_block.h"

namespace zc {
namespace {

// A handle is three words and nothing points to it: moving it is moving its words, and what is left
// behind is raw memory. The places may overlap.
void relocate(const bytes* from, std::size_t count, bytes* to) noexcept {
  // NOLINTNEXTLINE(bugprone-undefined-memory-manipulation)
  if (count > 0) std::memmove(static_cast<void*>(to), from, count * sizeof(bytes));
}

}  // namespace

bytes_chain& bytes_chain::operator=(const bytes_chain& other) {
  bytes_chain shared(other);
  reset();
  steal(shared);
  return *this;
}

bytes_chain& bytes_chain::operator=(bytes_chain&& other) noexcept {
  if (this == &other) return *this;
  reset();
  steal(other);
  return *this;
}

void bytes_chain::swap(bytes_chain& other) noexcept {
  bytes_chain taken(std::move(other));
  other = std::move(*this);
  *this = std::move(taken);
}

void bytes_chain::steal(bytes_chain& other) noexcept {
  if (other.heap_ != nullptr) {
    heap_ = std::exchange(other.heap_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    head_ = std::exchange(other.head_, 0);
  } else {
    relocate(other.inline_items() + other.head_, other.count_, inline_items());
    head_ = 0;
    other.head_ = 0;
  }
  count_ = std::exchange(other.count_, 0);
  size_ = std::exchange(other.size_, 0);
}

void bytes_chain::reset() noexcept {
  bytes::drop_run(items() + head_, count_);
  if (heap_ != nullptr) ::operator delete(heap_);
  heap_ = nullptr;
  capacity_ = head_ = count_ = 0;
  size_ = 0;
}

void bytes_chain::clear() noexcept {
  bytes::drop_run(items() + head_, count_);
  head_ = count_ = 0;
  size_ = 0;
}

void bytes_chain::make_room(std::size_t more, side at) {
  const std::size_t there = at == side::front ? head_ : capacity() - head_ - count_;
  if (more > there) move_items(more, at);
}

// Moves the pieces so that `more` fit at one side. At least half of the free room goes to that
// side, and at least as much as there are pieces is free after a move on the heap: any mixture of
// additions at both ends stays amortised O(1).
void bytes_chain::move_items(std::size_t more, side at) {
  ZC_CHECK(more <= UINT32_MAX / 4);
  const std::size_t have = capacity();
  const std::size_t free_now = have - count_;
  const bool fits = more <= free_now && (heap_ == nullptr || count_ <= free_now);
  const std::size_t want = fits ? have : std::max(have * 2, count_ + more);
  ZC_CHECK(want <= UINT32_MAX);
  const std::size_t free_then = want - count_;
  const std::size_t other_side = at == side::back ? head_ : have - head_ - count_;
  const std::size_t kept = std::min(other_side, (free_then - more) / 2);
  const std::size_t head = at == side::back ? kept : free_then - kept;
  bytes* const from = items() + head_;
  if (fits) {
    relocate(from, count_, items() + head);
  } else {
    auto* const fresh = static_cast<bytes*>(::operator new(want * sizeof(bytes)));
    relocate(from, count_, fresh + head);
    if (heap_ != nullptr) ::operator delete(heap_);
    heap_ = fresh;
    capacity_ = static_cast<std::uint32_t>(want);
  }
  head_ = static_cast<std::uint32_t>(head);
}

void bytes_chain::push_back(bytes&& piece) {
  make_room(1, side::back);
  size_ += piece.size();
  new (items() + head_ + count_) bytes(std::move(piece));
  ++count_;
}

void bytes_chain::append(bytes piece) {
  if (piece.empty()) return;
  if (count_ > 0 && items()[head_ + count_ - 1].try_join(piece)) {
    size_ += piece.size();
    return;
  }
  push_back(std::move(piece));
}

void bytes_chain::append(const bytes_chain& other) {
  if (this == &other) {
    append(bytes_chain(other));
    return;
  }
  if (other.empty()) return;
  make_room(other.count_, side::back);
  const bool joins = count_ > 0 && items()[head_ + count_ - 1].try_join(*other.begin());
  bytes::share_run(other.begin() + joins, other.count_ - joins, items() + head_ + count_);
  count_ += other.count_ - joins;
  size_ += other.size_;
}

void bytes_chain::append(bytes_chain&& other) {
  if (this == &other) {  // appending a chain to itself doubles it
    append(std::as_const(other));
    return;
  }
  if (count_ == 0) {
    *this = std::move(other);
    return;
  }
  if (other.count_ == 0) return;
  make_room(other.count_, side::back);
  bytes* from = other.items() + other.head_;
  const bool joins = items()[head_ + count_ - 1].try_join(*from);
  if (joins) *from = bytes();
  relocate(from + joins, other.count_ - joins, items() + head_ + count_);
  count_ += other.count_ - joins;
  size_ += other.size_;
  other.count_ = 0;  // its pieces are ours now
  other.reset();
}

void bytes_chain::prepend(bytes piece) {
  if (piece.empty()) return;
  const std::size_t more = piece.size();
  if (count_ > 0 && piece.try_join(items()[head_])) {
    size_ += more;
    items()[head_] = std::move(piece);
    return;
  }
  make_room(1, side::front);
  size_ += more;
  --head_;
  ++count_;
  new (items() + head_) bytes(std::move(piece));
}

void bytes_chain::prepend(bytes_chain other) {
  if (other.count_ == 0) return;
  make_room(other.count_, side::front);
  head_ -= other.count_;
  relocate(other.items() + other.head_, other.count_, items() + head_);
  count_ += other.count_;
  size_ += other.size_;
  other.count_ = 0;
}

bytes_chain::place bytes_chain::locate(std::size_t offset) const noexcept {
  std::size_t piece = 0;
  for (const bytes* p = begin(); piece < count_ && offset >= p->size(); ++p, ++piece)
    offset -= p->size();
  return {piece, offset};
}

void bytes_chain::insert(std::size_t offset, bytes_chain other) {
  ZC_REQUIRES(offset <= size_, "bytes_chain::insert requires offset <= size()");
  if (other.count_ == 0) return;
  if (offset == size_) return append(std::move(other));
  if (offset == 0) return prepend(std::move(other));
  const place cut = locate(offset);
  const std::size_t halves = cut.at > 0;  // the piece that is cut becomes two
  make_room(other.count_ + halves, side::back);
  bytes* const all = items() + head_;
  const std::size_t front = cut.piece + halves;
  relocate(all + front, count_ - front, all + front + other.count_ + halves);
  if (halves > 0) {
    new (all + front + other.count_) bytes();
    all[front + other.count_] = all[cut.piece].split_off(cut.at);
  }
  relocate(other.items() + other.head_, other.count_, all + front);
  count_ += other.count_ + static_cast<std::uint32_t>(halves);
  size_ += other.size_;
  other.count_ = 0;
}

void bytes_chain::append_copy(std::span<const std::byte> source) {
  if (source.empty()) return;
  bytes* const last = count_ > 0 ? items() + head_ + count_ - 1 : nullptr;
  if (std::byte* to = last != nullptr ? last->room_behind(source.size()) : nullptr) {
    std::memcpy(to, source.data(), source.size());
    last->size_ += source.size();
    size_ += source.size();
  } else {
    make_room(1, side::back);
    heap_block& block = heap_block::make(std::max(source.size(), coalesce_block_bytes));
    std::memcpy(block.payload(), source.data(), source.size());
    push_back(bytes::adopt(block, {block.payload(), source.size()}));
  }
  ledger::count(ledger::reason::coalesce, source.size());
}

void bytes_chain::prepend_copy(std::span<const std::byte> source) {
  if (source.empty()) return;
  bytes* const first = count_ > 0 ? items() + head_ : nullptr;
  if (std::byte* to = first != nullptr ? first->room_before(source.size()) : nullptr) {
    std::memcpy(to, source.data(), source.size());
    first->data_ = to;
    first->size_ += source.size();
    size_ += source.size();
  } else {
    make_room(1, side::front);
    const std::size_t room = std::max(source.size(), coalesce_block_bytes);
    heap_block& block = heap_block::make(room);
    std::byte* const at = block.payload() + (room - source.size());  // headroom for the next one
    std::memcpy(at, source.data(), source.size());
    prepend(bytes::adopt(block, {at, source.size()}));
  }
  ledger::count(ledger::reason::coalesce, source.size());
}

void bytes_chain::append_or_copy(bytes piece) {
  const bool small = piece.size() <= bytes::copy_small_max;
  const bool continues = count_ > 0 && items()[head_ + count_ - 1].continued_by(piece);
  if (small && !continues) return append_copy(piece.view());
  append(std::move(piece));
}

void bytes_chain::append_or_copy(const bytes_chain& other) {
  // Also when it is this chain. NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
  const bytes_chain shared(other);
  const std::size_t before = size_;
  try {
    for (const bytes& piece : shared) append_or_copy(piece);
  } catch (...) {  // no memory half-way: as it was
    truncate(before);
    throw;
  }
}

void bytes_chain::prepend_or_copy(bytes piece) {
  if (piece.size() <= bytes::copy_small_max) return prepend_copy(piece.view());
  prepend(std::move(piece));
}

void bytes_chain::consume(std::size_t count) {
  ZC_REQUIRES(count <= size_, "bytes_chain::consume requires count <= size()");
  const place cut = locate(count);
  size_ -= count;
  if (cut.piece > 0) {
    bytes::drop_run(items() + head_, cut.piece);
    count_ -= static_cast<std::uint32_t>(cut.piece);
    head_ = count_ == 0 ? 0 : head_ + static_cast<std::uint32_t>(cut.piece);
  }
  if (cut.at > 0) items()[head_].advance(cut.at);
}

void bytes_chain::truncate(std::size_t count) {
  while (size_ > count) {
    bytes& last = items()[head_ + count_ - 1];
    const std::size_t more = size_ - count;
    if (more < last.size()) {
      last.truncate(last.size() - more);
      size_ = count;
      return;
    }
    size_ -= last.size();
    std::destroy_at(&last);
    --count_;
  }
  if (count_ == 0) head_ = 0;
}

bytes_chain bytes_chain::split_to(std::size_t count) {
  ZC_REQUIRES(count <= size_, "bytes_chain::split_to requires count <= size()");
  if (count == size_) return std::move(*this);
  if (count == 0) return {};
  const place cut = locate(count);
  const std::size_t halves = cut.at > 0;
  bytes_chain front;
  front.make_room(cut.piece + halves, side::back);  // nothing below can fail
  relocate(items() + head_, cut.piece, front.items() + front.head_);
  front.count_ = static_cast<std::uint32_t>(cut.piece);
  head_ += front.count_;
  count_ -= front.count_;
  if (halves > 0) {
    new (front.items() + front.head_ + front.count_) bytes(items()[head_].split_to(cut.at));
    ++front.count_;
  }
  front.size_ = count;
  size_ -= count;
  return front;
}

bytes_chain bytes_chain::split_off(std::size_t at) {
  ZC_REQUIRES(at <= size_, "bytes_chain::split_off requires at <= size()");
  bytes_chain front = split_to(at);
  swap(front);
  return front;
}

bytes_chain bytes_chain::slice(std::size_t offset, std::size_t count) const {
  ZC_REQUIRES(offset <= size_, "bytes_chain::slice requires offset <= size()");
  // Not offset + count: that sum can wrap.
  ZC_REQUIRES(count <= size_ - offset, "bytes_chain::slice requires count <= size() - offset");
  if (count == 0) return {};
  const place first = locate(offset);
  const bytes* const from = begin() + first.piece;
  std::size_t pieces = 0;
  std::size_t seen = 0;
  for (; seen < first.at + count; ++pieces) seen += from[pieces].size();
  bytes_chain part;
  part.make_room(pieces, side::back);
  bytes* const to = part.items() + part.head_;
  bytes::share_run(from, pieces, to);
  part.count_ = static_cast<std::uint32_t>(pieces);
  // The ends are cut; neither becomes empty.
  to[0].data_ += first.at;
  to[0].size_ -= first.at;
  to[pieces - 1].size_ -= seen - first.at - count;
  part.size_ = count;
  return part;
}

std::size_t bytes_chain::gather(std::size_t offset, std::span<io_slice> out) const noexcept {
  ZC_REQUIRES(offset <= size_, "bytes_chain::gather requires offset <= size()");
  std::size_t used = 0;
  for (const bytes& piece : *this) {
    if (used == out.size()) break;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    out[used++] = {piece.data() + offset, piece.size() - offset};
    offset = 0;
  }
  return used;
}

void bytes_chain::copy_to(std::size_t offset, std::span<std::byte> out) const noexcept {
  ZC_REQUIRES(offset <= size_, "bytes_chain::copy_to requires offset <= size()");
  ZC_REQUIRES(out.size() <= size_ - offset,
              "bytes_chain::copy_to requires out.size() <= size() - offset");
  if (out.empty()) return;
  ledger::count(ledger::reason::straddle, out.size());
  const place first = locate(offset);
  const bytes* piece = begin() + first.piece;
  offset = first.at;
  for (std::byte* to = out.data(); to != out.data() + out.size(); ++piece, offset = 0) {
    const auto left = static_cast<std::size_t>(out.data() + out.size() - to);
    const std::size_t here = std::min(left, piece->size() - offset);
    std::memcpy(to, piece->data() + offset, here);
    to += here;
  }
}

bytes bytes_chain::flatten_copy() const {
  if (count_ == 0) return {};
  if (count_ == 1) return *begin();
  heap_block& block = heap_block::make(size_);
  std::byte* to = block.payload();
  for (const bytes& piece : *this) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  }
  ledger::count(ledger::reason::contiguous, size_);
  return bytes::adopt(block, {block.payload(), size_});
}

std::span<const std::byte> bytes_chain::view_or_copy(std::span<std::byte> scratch) const& {
  if (count_ == 0) return {};
  if (count_ == 1) return begin()->view();
  ZC_REQUIRES(size_ <= scratch.size(),
              "bytes_chain::view_or_copy requires one piece or size() <= scratch.size()");
  copy_to(0, scratch.first(size_));
  return scratch.first(size_);
}

std::size_t bytes_chain::retained_size() const noexcept {
  std::size_t sum = 0;
  const bytes* before = nullptr;
  for (const bytes& piece : *this) {
    if (before == nullptr || !piece.shares_owner_with(*before)) sum += piece.retained_size();
    before = &piece;
  }
  return sum;
}

bytes_chain bytes_chain::compact_copy(const compact_policy& policy) const {
  bytes_chain made;
  const bytes* piece = begin();
  while (piece != end()) {
    const bytes* const first = piece;
    std::size_t used = 0;
    for (; piece != end() && piece->shares_owner_with(*first); ++piece) used += piece->size();
    const bool copies = policy.wasteful(used, first->retained_size());
    for (const bytes* p = first; p != piece; ++p) {
      if (copies)
        made.append_copy(p->view());
      else
        made.append(*p);
    }
  }
  return made;
}

}  // namespace zc
