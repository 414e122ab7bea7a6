#include "zc/shard/page_latch.h"

#include <atomic>
#include <cstring>

#include "zc/base/check.h"

namespace zc {
namespace {

using word = std::uint64_t;
// Another process uses the same words: a lock of the library's would be in one of the two only.
static_assert(std::atomic_ref<word>::is_always_lock_free);

constexpr std::size_t size_at = sizeof(word);  // in the head, behind the count

bool aligned(const void* at) noexcept {
  return reinterpret_cast<std::uintptr_t>(at) % std::atomic_ref<word>::required_alignment == 0;
}

std::atomic_ref<word> word_at(std::byte* at) noexcept {
  return std::atomic_ref<word>(*reinterpret_cast<word*>(at));
}

// For loads only, which write nothing: the page may be mapped read-only.
std::atomic_ref<word> word_at(const std::byte* at) noexcept {
  return word_at(const_cast<std::byte*>(at));
}

std::size_t slot_of(std::uint64_t number, std::size_t page_size) noexcept {
  return page_latch::head_bytes + (number & 1) * page_size;
}

}  // namespace

void page_latch::store(std::byte* to, std::span<const std::byte> from) noexcept {
  for (std::size_t i = 0; i < from.size(); i += sizeof(word)) {
    word w;
    std::memcpy(&w, from.data() + i, sizeof w);
    word_at(to + i).store(w, std::memory_order_relaxed);
  }
}

void page_latch::load(std::span<std::byte> to, const std::byte* from) noexcept {
  for (std::size_t i = 0; i < to.size(); i += sizeof(word)) {
    const word w = word_at(from + i).load(std::memory_order_relaxed);
    std::memcpy(to.data() + i, &w, sizeof w);
  }
}

page_latch::writer::writer(std::span<std::byte> room, std::size_t page_size) noexcept
    : room_(room), page_size_(page_size) {
  ZC_REQUIRES(page_size > 0 && page_size % sizeof(word) == 0, "a latch's page is whole words");
  ZC_REQUIRES(aligned(room.data()), "a latch's room is aligned");
  ZC_REQUIRES(room.size() >= head_bytes && page_size <= (room.size() - head_bytes) / 2,
              "a latch's room holds two pages");
  completed_ = word_at(room_.data()).load(std::memory_order_relaxed);
  word_at(room_.data() + size_at).store(page_size, std::memory_order_relaxed);
}

// Why a reader that saw a word of page n + 2 in the place of page n notices: the words of n + 2 are
// stored behind the fence, which stands behind the count n + 1. The reader's fence stands behind its
// loads. A load that saw such a word makes the two fences synchronise, so the look at the count
// behind the reader's fence sees n + 1 at least, and not n.
void page_latch::writer::publish(std::span<const std::byte> page) noexcept {
  ZC_REQUIRES(page.size() == page_size_, "publish() takes a whole page");
  std::atomic_thread_fence(std::memory_order_release);
  store(room_.data() + slot_of(completed_ + 1, page_size_), page);
  completed_ += 1;
  // Release: who sees the count sees the page.
  word_at(room_.data()).store(completed_, std::memory_order_release);
}

result<page_latch::reader> page_latch::reader::over(std::span<const std::byte> room) noexcept {
  if (room.size() < head_bytes) return fail(errc::truncated, "no room for the head", room.size());
  if (!aligned(room.data())) return fail(errc::malformed, "a latch that is not aligned");
  const word size = word_at(room.data() + size_at).load(std::memory_order_relaxed);
  if (size == 0 || size % sizeof(word) != 0) {
    return fail(errc::malformed, "no size of a latch's page", size_at);
  }
  if (size > (room.size() - head_bytes) / 2) {
    return fail(errc::truncated, "no room for the pages", size_at);
  }
  return reader(room, static_cast<std::size_t>(size));
}

std::uint64_t page_latch::reader::completed() const noexcept {
  return word_at(room_.data()).load(std::memory_order_relaxed);
}

result<std::uint64_t> page_latch::reader::read(std::span<std::byte> to) const noexcept {
  ZC_REQUIRES(to.size() == page_size_, "read() copies a whole page");
  for (unsigned i = 0; i < tries; ++i) {
    const std::uint64_t before = word_at(room_.data()).load(std::memory_order_acquire);
    if (before == 0) return fail(errc::closed, "no page is complete yet");
    load(to, room_.data() + slot_of(before, page_size_));
    std::atomic_thread_fence(std::memory_order_acquire);
    if (completed() == before) return before;
  }
  return fail(errc::timed_out, "pages are written faster than they are read");
}

}  // namespace zc
