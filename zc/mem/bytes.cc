#include "zc/mem/bytes.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "zc/base/ledger.h"

namespace zc {
namespace {

// Header and payload in one allocation.
struct heap_block final : owner {
  explicit heap_block(std::size_t whole) noexcept : owner(&free_block, whole) {}
  static void free_block(owner* self) noexcept {
    auto* block = static_cast<heap_block*>(self);
    block->~heap_block();
    ::operator delete(block);
  }
  std::byte* payload() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
};

struct string_owner final : owner {
  explicit string_owner(std::string&& taken) noexcept
      : owner(&free_string, sizeof(string_owner) + taken.capacity()), text(std::move(taken)) {}
  static void free_string(owner* self) noexcept { delete static_cast<string_owner*>(self); }
  std::string text;
};

}  // namespace

bytes bytes::copy_of(std::span<const std::byte> source) {
  if (source.empty()) return {};
  ZC_CHECK(source.size() <= SIZE_MAX - sizeof(heap_block));
  const std::size_t whole = sizeof(heap_block) + source.size();
  auto* block = new (::operator new(whole)) heap_block(whole);
  std::memcpy(block->payload(), source.data(), source.size());
  ledger::count(ledger::reason::copy_of, source.size());
  return adopt(*block, {block->payload(), source.size()});
}

bytes bytes::from_string(std::string&& text) {
  if (text.empty()) return {};
  auto* holder = new string_owner(std::move(text));
  return adopt(*holder, std::as_bytes(std::span(holder->text)));
}

bytes bytes::adopt(owner& from, std::span<const std::byte> region) noexcept {
  if (!region.empty()) return {&from, region.data(), region.size()};
  owner::release(&from);  // an empty handle pins nothing
  return {};
}

bytes bytes::slice(std::size_t offset, std::size_t count) const& {
  ZC_CHECK(offset <= size_);
  ZC_CHECK(count <= size_ - offset);  // not offset + count: that sum can wrap
  if (count == 0) return {};
  return {owner::acquire(owner_), data_ + offset, count};
}

bytes bytes::slice(std::size_t offset, std::size_t count) && {
  ZC_CHECK(offset <= size_);
  ZC_CHECK(count <= size_ - offset);
  bytes taken(std::move(*this));
  if (count == 0) return {};
  taken.data_ += offset;
  taken.size_ = count;
  return taken;
}

bytes bytes::split_to(std::size_t count) {
  ZC_CHECK(count <= size_);
  if (count == size_) return std::move(*this);
  bytes front = slice(0, count);
  data_ += count;
  size_ -= count;
  return front;
}

void bytes::advance(std::size_t count) {
  ZC_CHECK(count <= size_);
  if (count == size_) {
    *this = bytes();
    return;
  }
  data_ += count;
  size_ -= count;
}

void bytes::truncate(std::size_t count) {
  if (count >= size_) return;
  if (count == 0) {
    *this = bytes();
    return;
  }
  size_ = count;
}

bool bytes::try_join(const bytes& next) noexcept {
  if (owner_ != next.owner_ || data_ == nullptr || data_ + size_ != next.data_) return false;
  // Two literals may happen to touch; without an owner there is nothing that says they belong
  // together.
  if (owner_ == nullptr) return false;
  size_ += next.size_;
  return true;
}

bool operator==(const bytes& a, const bytes& b) noexcept {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace zc
