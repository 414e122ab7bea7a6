#include "zc/mem/bytes.h"

#include <cstring>
#include <new>

#include "zc/base/ledger.h"
#include "zc/mem/heap_block.h"

namespace zc {

bytes bytes::copy_of(std::span<const std::byte> source) {
  if (source.empty()) return {};
  heap_block& block = heap_block::make(source.size());
  std::memcpy(block.payload(), source.data(), source.size());
  ledger::count(ledger::reason::copy_of, source.size());
  return {owner_ref::first(block), block.payload(), source.size()};
}

bytes bytes::from_string(std::string&& text) {
  return from_container(std::move(text));
}

bytes bytes::slice_or_copy(std::size_t offset, std::size_t count) const {
  require_within(offset, count);
  const std::size_t copy = count + sizeof(heap_block);
  if (count > copy_small_max || retained_size() / 2 < copy) return slice(offset, count);
  return copy_of(view().subspan(offset, count));
}

bytes::claims::claims(owner* from, std::size_t n)
    : from_(from), left_(static_cast<std::uint32_t>(n)) {
  ZC_REQUIRES(n <= UINT32_MAX / 2, "bytes: one block is split into fewer than 2^31 pieces");
  owner::acquire(from, left_);
}

void bytes::release_all(std::span<bytes> handles) noexcept {
  drop_run(handles.data(), handles.size());
  for (bytes& handle : handles) new (&handle) bytes();
}

void bytes::share_run(const bytes* from, std::size_t count, bytes* to) noexcept {
  for (std::size_t i = 0; i < count;) {
    const owner_ref shared(from[i].owner_.get());
    const std::size_t first = i;
    for (; i < count && from[i].owner_ == shared; ++i)
      new (to + i) bytes(shared, from[i].data_, from[i].size_);
    owner::acquire(shared.get(), static_cast<std::uint32_t>(i - first));
  }
}

void bytes::drop_run(bytes* handles, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count;) {
    const owner_ref shared = handles[i].owner_;
    const std::size_t first = i;
    while (i < count && handles[i].owner_ == shared) ++i;
    if (i - first == 1)
      shared.release();
    else
      owner::release(shared.get(), static_cast<std::uint32_t>(i - first));
  }
}

std::byte* bytes::room_behind(std::size_t n) const noexcept {
  if (!owner_ || !owner_->writable() || !owner_->unique()) return nullptr;
  const std::span<std::byte> room = owner_->room();
  if (room.empty()) return nullptr;
  // The only handle: what lies behind it in the block belongs to nobody any more.
  std::byte* const behind = room.data() + (data_ - room.data()) + size_;
  return n <= static_cast<std::size_t>(room.data() + room.size() - behind) ? behind : nullptr;
}

std::byte* bytes::room_before(std::size_t n) const noexcept {
  if (!owner_ || !owner_->writable() || !owner_->unique()) return nullptr;
  const std::span<std::byte> room = owner_->room();
  if (room.empty()) return nullptr;
  const auto before = static_cast<std::size_t>(data_ - room.data());
  return n <= before ? room.data() + (before - n) : nullptr;
}

}  // namespace zc
