#include "zc/mem/builder.h"

#include <cstring>
#include <new>
#include <utility>

#include "zc/base/ledger.h"

namespace zc {
namespace {

struct heap_room final : owner {
  explicit heap_room(std::size_t whole) noexcept : owner(&free_room, whole) {}
  static void free_room(owner* self) noexcept {
    auto* room = static_cast<heap_room*>(self);
    room->~heap_room();
    ::operator delete(room);
  }
};

}  // namespace

bytes_builder bytes_builder::with_capacity(std::size_t capacity) {
  if (capacity == 0) return {};
  ZC_CHECK(capacity <= SIZE_MAX - sizeof(heap_room));
  const std::size_t whole = sizeof(heap_room) + capacity;
  auto* room = new (::operator new(whole)) heap_room(whole);
  return over(*room, {reinterpret_cast<std::byte*>(room + 1), capacity});
}

bytes_builder bytes_builder::over(owner& block, std::span<std::byte> room) noexcept {
  bytes_builder b;
  b.block_ = &block;
  b.data_ = room.data();
  b.capacity_ = room.size();
  return b;
}

void bytes_builder::swap(bytes_builder& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(data_, other.data_);
  std::swap(start_, other.start_);
  std::swap(used_, other.used_);
  std::swap(capacity_, other.capacity_);
}

void bytes_builder::commit(std::size_t n) {
  ZC_CHECK(n <= capacity_ - used_);
  used_ += n;
}

void bytes_builder::append_copy(std::span<const std::byte> source) {
  if (source.empty()) return;
  ZC_CHECK(source.size() <= capacity_ - used_);
  std::memcpy(data_ + used_, source.data(), source.size());
  used_ += source.size();
  ledger::count(ledger::reason::copy_of, source.size());
}

bytes bytes_builder::take() {
  if (size() == 0) return {};
  bytes written = bytes::share(*block_, {data_ + start_, used_ - start_});
  start_ = used_;
  return written;
}

bytes bytes_builder::freeze() && {
  bytes_builder last(std::move(*this));
  if (last.size() == 0) return {};
  const std::span<const std::byte> written{last.data_ + last.start_, last.size()};
  return bytes::adopt(*std::exchange(last.block_, nullptr), written);
}

bool bytes_builder::try_rewind() noexcept {
  ZC_CHECK(size() == 0);
  if (block_ == nullptr || !block_->unique()) return false;
  start_ = used_ = 0;
  return true;
}

}  // namespace zc
