#include "zc/mem/scratch.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace zc {
namespace {
constexpr std::align_val_t block_alignment{64};
}

scratch_arena& thread_scratch() noexcept {
  thread_local scratch_arena mine;
  return mine;
}

scratch_arena::~scratch_arena() {
  ZC_REQUIRES(depth_ == 0, "scratch: an arena outlives its scopes");
  while (first_ != nullptr) {
    block* const b = std::exchange(first_, first_->next);
    unpoison(b, b->size);
    ::operator delete(b, block_alignment);
  }
}

void scratch_arena::spoil(std::byte* at, std::size_t size) noexcept {
#if ZC_DCHECKS
  if (!poison_is_seen) std::memset(at, 0xdd, size);
#endif
  poison(at, size);
}

scratch_arena::mark scratch_arena::enter() noexcept {
#if ZC_DCHECKS
  check_thread();
#endif
  depth_ += 1;
  return {current_, next_};
}

void scratch_arena::leave(const mark& to, unsigned depth) noexcept {
  ZC_REQUIRES(depth == depth_, "scratch: scopes end in the reverse order of their beginning");
#if ZC_DCHECKS
  check_thread();
#endif
  note_use();
  depth_ -= 1;
  // Blocks that were begun after the mark, then the rest of the marked one.
  block* const back = to.at != nullptr ? to.at : first_;
  if (back == nullptr) return;
  std::byte* const from = to.at != nullptr ? to.next : first_->begin();
  for (block* b = back->next; b != nullptr && current_ != back; b = b->next) {
    spoil(b->begin(), static_cast<std::size_t>((b == current_ ? next_ : b->end()) - b->begin()));
    if (b == current_) break;
  }
  std::byte* const used_to = current_ == back ? next_ : back->end();
  // A container of an outer scope may have given its last piece back meanwhile.
  if (used_to > from) spoil(from, static_cast<std::size_t>(used_to - from));
  if (current_ != back) {
    before_current_ = 0;
    for (block* b = first_; b != back; b = b->next) before_current_ += b->size;
  }
  current_ = back;
  next_ = from;
  end_ = back->end();
  if (depth_ > 0) return;
  // Nobody has any: let go of what is more than should be kept, largest (last) blocks first.
  std::size_t kept = 0;
  for (block** link = &first_; *link != nullptr;) {
    block* const b = *link;
    if (b->size <= how_.kept_max - kept) {
      kept += b->size;
      link = &b->next;
      continue;
    }
    *link = b->next;
    stats_.held -= b->size;
    unpoison(b, b->size);
    ::operator delete(b, block_alignment);
  }
  current_ = first_;
  next_ = first_ != nullptr ? first_->begin() : nullptr;
  end_ = first_ != nullptr ? first_->end() : nullptr;
}

void scratch_arena::note_use() noexcept {
  if (current_ == nullptr) return;
  const std::size_t used = before_current_ + static_cast<std::size_t>(next_ - current_->begin());
  stats_.used_max = std::max(stats_.used_max, used);
}

scratch_arena::block* scratch_arena::add_block(std::size_t size) noexcept {
  void* const memory = ::operator new(size, block_alignment, std::nothrow);
  if (memory == nullptr) return nullptr;
  auto* const b = new (memory) block{nullptr, size};
  stats_.held += size;
  stats_.blocks += 1;
  spoil(b->begin(), size - sizeof(block));
  return b;
}

void* scratch_arena::allocate_elsewhere(std::size_t size, std::size_t alignment) noexcept {
  // More than any block can be: the sum below cannot wrap.
  if (size > how_.bytes_max || alignment > how_.bytes_max) {
    stats_.refused += 1;
    return nullptr;
  }
  const std::size_t needed = sizeof(block) + alignment + size;
  // A free block further on that is large enough; smaller ones are passed over until the rewind.
  block* last = current_;
  block* fit = current_ != nullptr ? current_->next : nullptr;
  std::size_t before = before_current_ + (current_ != nullptr ? current_->size : 0);
  while (fit != nullptr && fit->size < needed) {
    before += fit->size;
    last = fit;
    fit = fit->next;
  }
  if (fit == nullptr) {
    const std::size_t doubled = last != nullptr ? last->size * 2 : how_.block_bytes;
    const std::size_t left = how_.bytes_max - std::min(stats_.held, how_.bytes_max);
    const std::size_t wanted = std::max(needed, std::min(doubled, left));
    if (wanted > left) {
      stats_.refused += 1;
      return nullptr;
    }
    fit = add_block(wanted);
    if (fit == nullptr) {
      stats_.refused += 1;
      return nullptr;
    }
    (last != nullptr ? last->next : first_) = fit;
  }
  note_use();
  before_current_ = before;
  current_ = fit;
  next_ = fit->begin();
  end_ = fit->end();
  return try_allocate(size, alignment);
}

}  // namespace zc
