// Looking into a chain across its pieces: find, compare, single bytes.
#include <algorithm>
#include <cstring>

#include "zc/mem/chain.h"

namespace zc {
namespace {

// As memmem, which is slow for short needles: jumps from one first byte to the next as long as
// those are rare, and leaves the rest to memmem (linear, whatever the bytes) when they are not.
const std::byte* find_within(std::span<const std::byte> piece, std::span<const std::byte> what) {
  constexpr std::size_t misses_free = 16;
  constexpr std::size_t bytes_per_miss = 32;
  const std::byte* const begin = piece.data();
  std::size_t misses = 0;
  while (piece.size() >= what.size()) {
    const void* hit =
        std::memchr(piece.data(), std::to_integer<int>(what[0]), piece.size() - what.size() + 1);
    if (hit == nullptr) return nullptr;
    const auto* const at = static_cast<const std::byte*>(hit);
    if (std::memcmp(at, what.data(), what.size()) == 0) return at;
    piece = piece.subspan(static_cast<std::size_t>(at + 1 - piece.data()));
    if (++misses > misses_free + static_cast<std::size_t>(at - begin) / bytes_per_miss)
      return static_cast<const std::byte*>(
          ::memmem(piece.data(), piece.size(), what.data(), what.size()));
  }
  return nullptr;
}

}  // namespace

std::byte bytes_chain::operator[](std::size_t at) const {
  ZC_REQUIRES(at < size_, "bytes_chain[at] requires at < size()");
  const place here = locate(at);
  return begin()[here.piece].data()[here.at];
}

// Whether `what` lies at `from`, however it is cut. Reading ends where the chain ends.
bool bytes_chain::matches(place from, std::span<const std::byte> what) const noexcept {
  for (const bytes* piece = begin() + from.piece; !what.empty(); ++piece, from.at = 0) {
    if (piece == end()) return false;
    const std::size_t here = std::min(what.size(), piece->size() - from.at);
    if (std::memcmp(piece->data() + from.at, what.data(), here) != 0) return false;
    what = what.subspan(here);
  }
  return true;
}

bool bytes_chain::starts_with(std::span<const std::byte> what) const noexcept {
  return what.size() <= size_ && matches({0, 0}, what);
}

std::optional<std::size_t> bytes_chain::find(std::byte what, std::size_t from) const {
  return find(std::span(&what, 1), from);
}

std::optional<std::size_t> bytes_chain::find(std::span<const std::byte> what,
                                             std::size_t from) const {
  ZC_REQUIRES(from <= size_, "bytes_chain::find requires from <= size()");
  if (what.empty()) return from;
  if (what.size() > size_ - from) return std::nullopt;
  const place first = locate(from);
  std::size_t before = from - first.at;  // the bytes of all pieces before this one
  std::size_t at = first.at;
  for (std::size_t i = first.piece; i < count_; before += begin()[i].size(), ++i, at = 0) {
    const std::span<const std::byte> piece = begin()[i].view();
    // Whole inside of this piece ...
    if (const std::byte* hit = find_within(piece.subspan(at), what))
      return before + static_cast<std::size_t>(hit - piece.data());
    // ... or beginning in its last bytes and going on in the next ones.
    std::size_t tail = std::max(at, piece.size() - std::min(piece.size(), what.size() - 1));
    while (tail < piece.size()) {
      const void* hit =
          std::memchr(piece.data() + tail, std::to_integer<int>(what[0]), piece.size() - tail);
      if (hit == nullptr) break;
      tail = static_cast<std::size_t>(static_cast<const std::byte*>(hit) - piece.data());
      if (matches({i, tail}, what)) return before + tail;
      ++tail;
    }
  }
  return std::nullopt;
}

std::strong_ordering bytes_chain::compare(std::span<const bytes> a,
                                          std::span<const bytes> b) noexcept {
  std::size_t at_a = 0;
  std::size_t at_b = 0;
  while (!a.empty() && !b.empty()) {
    const std::size_t here = std::min(a[0].size() - at_a, b[0].size() - at_b);
    const int order = std::memcmp(a[0].data() + at_a, b[0].data() + at_b, here);
    if (order != 0) return order <=> 0;
    at_a += here;
    at_b += here;
    if (at_a == a[0].size()) a = a.subspan(1), at_a = 0;
    if (at_b == b[0].size()) b = b.subspan(1), at_b = 0;
  }
  return !a.empty() <=> !b.empty();
}

}  // namespace zc
