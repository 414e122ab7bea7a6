#include "zc/mem/chain.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "zc/base/ledger.h"

namespace zc {

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

void bytes_chain::steal(bytes_chain& other) noexcept {
  if (other.heap_ != nullptr) {
    heap_ = std::exchange(other.heap_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    head_ = std::exchange(other.head_, 0);
  } else {
    std::uninitialized_move_n(other.inline_items() + other.head_, other.count_, inline_items());
    std::destroy_n(other.inline_items() + other.head_, other.count_);
    head_ = 0;
    other.head_ = 0;
  }
  count_ = std::exchange(other.count_, 0);
  size_ = std::exchange(other.size_, 0);
}

void bytes_chain::reset() noexcept {
  std::destroy_n(items() + head_, count_);
  if (heap_ != nullptr) ::operator delete(heap_);
  heap_ = nullptr;
  capacity_ = head_ = count_ = 0;
  size_ = 0;
}

void bytes_chain::clear() noexcept {
  std::destroy_n(items() + head_, count_);
  head_ = count_ = 0;
  size_ = 0;
}

void bytes_chain::make_room() {
  if (head_ + count_ < capacity()) return;
  if (head_ >= count_ && head_ > 0) {  // half is dead: slide, so that growth stays amortised
    bytes* all = items();
    std::uninitialized_move_n(all + head_, count_, all);
    std::destroy_n(all + head_, count_);
    head_ = 0;
    return;
  }
  ZC_CHECK(capacity() <= UINT32_MAX / 2);
  const auto grown = static_cast<std::uint32_t>(capacity() * 2);
  auto* fresh = static_cast<bytes*>(::operator new(grown * sizeof(bytes)));
  std::uninitialized_move_n(items() + head_, count_, fresh);
  std::destroy_n(items() + head_, count_);
  if (heap_ != nullptr) ::operator delete(heap_);
  heap_ = fresh;
  capacity_ = grown;
  head_ = 0;
}

void bytes_chain::append(bytes piece) {
  if (piece.empty()) return;
  size_ += piece.size();
  if (count_ > 0 && items()[head_ + count_ - 1].try_join(piece)) return;
  make_room();
  new (items() + head_ + count_) bytes(std::move(piece));
  ++count_;
}

void bytes_chain::append(const bytes_chain& other) {
  if (this == &other) {
    append(bytes_chain(other));
    return;
  }
  for (const bytes& piece : other) append(piece);
}

void bytes_chain::append(bytes_chain&& other) {
  if (this == &other) {  // appending a chain to itself doubles it
    append(std::as_const(other));
    return;
  }
  if (empty()) {
    *this = std::move(other);
    return;
  }
  for (std::uint32_t i = 0; i < other.count_; ++i)
    append(std::move(other.items()[other.head_ + i]));
  other.reset();
}

void bytes_chain::prepend(bytes piece) {
  if (piece.empty()) return;
  if (head_ == 0) {
    bytes_chain rest(std::move(*this));
    append(std::move(piece));
    append(std::move(rest));
    return;
  }
  size_ += piece.size();
  --head_;
  ++count_;
  new (items() + head_) bytes(std::move(piece));
}

void bytes_chain::pop_front() noexcept {
  std::destroy_at(items() + head_);
  ++head_;
  --count_;
  if (count_ == 0) head_ = 0;
}

void bytes_chain::consume(std::size_t count) {
  ZC_CHECK(count <= size_);
  size_ -= count;
  while (count > 0) {
    bytes& first = items()[head_];
    if (count < first.size()) {
      first.advance(count);
      return;
    }
    count -= first.size();
    pop_front();
  }
}

bytes_chain bytes_chain::split_to(std::size_t count) {
  ZC_CHECK(count <= size_);
  if (count == size_) return std::move(*this);
  bytes_chain front;
  while (count > 0) {
    bytes& first = items()[head_];
    if (count < first.size()) {
      front.append(first.split_to(count));
      size_ -= count;
      break;
    }
    count -= first.size();
    size_ -= first.size();
    front.append(std::move(first));
    pop_front();
  }
  return front;
}

bytes_chain bytes_chain::slice(std::size_t offset, std::size_t count) const {
  ZC_CHECK(offset <= size_);
  ZC_CHECK(count <= size_ - offset);
  bytes_chain part;
  for (const bytes& piece : *this) {
    if (count == 0) break;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    const std::size_t here = std::min(count, piece.size() - offset);
    part.append(piece.slice(offset, here));
    count -= here;
    offset = 0;
  }
  return part;
}

std::size_t bytes_chain::gather(std::size_t offset, std::span<io_slice> out) const noexcept {
  ZC_CHECK(offset <= size_);
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
  ZC_CHECK(offset <= size_);
  ZC_CHECK(out.size() <= size_ - offset);
  if (out.empty()) return;
  ledger::count(ledger::reason::straddle, out.size());
  std::byte* to = out.data();
  std::size_t left = out.size();
  for (const bytes& piece : *this) {
    if (left == 0) break;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    const std::size_t here = std::min(left, piece.size() - offset);
    std::memcpy(to, piece.data() + offset, here);
    to += here;
    left -= here;
    offset = 0;
  }
}

bytes bytes_chain::flatten_copy() const {
  if (count_ == 0) return {};
  if (count_ == 1) return *begin();
  std::string whole(size_, '\0');
  char* to = whole.data();
  for (const bytes& piece : *this) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  }
  ledger::count(ledger::reason::contiguous, size_);
  return bytes::from_string(std::move(whole));
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

bool operator==(const bytes_chain& a, const bytes_chain& b) noexcept {
  if (a.size() != b.size()) return false;
  const bytes* pa = a.begin();
  const bytes* pb = b.begin();
  std::size_t at_a = 0;
  std::size_t at_b = 0;
  for (std::size_t left = a.size(); left > 0;) {
    const std::size_t here = std::min(pa->size() - at_a, pb->size() - at_b);
    if (std::memcmp(pa->data() + at_a, pb->data() + at_b, here) != 0) return false;
    left -= here;
    at_a += here;
    at_b += here;
    if (at_a == pa->size()) ++pa, at_a = 0;
    if (at_b == pb->size()) ++pb, at_b = 0;
  }
  return true;
}

}  // namespace zc
