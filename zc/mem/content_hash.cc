#include "zc/mem/content_hash.h"

#include <algorithm>
#include <cstring>

namespace zc {
namespace {

__extension__ using wide = unsigned __int128;

std::uint64_t word_at(const std::byte* p) noexcept {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// Both halves of the product: no bit of a or b is lost.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  const wide product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Odd, half of the bits set: the digits of pi.
constexpr std::uint64_t first_key = 0x243f6a8885a308d3u;
constexpr std::uint64_t second_key = 0x13198a2e03707345u;
constexpr std::uint64_t last_key = 0xa4093822299f31d1u;

}  // namespace

void content_hash::mix(const std::byte* sixteen) noexcept {
  // The state goes in after the product too: a factor that happens to be 0 must not forget it.
  state_ = fold(word_at(sixteen) ^ first_key, word_at(sixteen + 8) ^ second_key ^ state_) ^
           (state_ << 1 | state_ >> 63);
}

void content_hash::update(std::span<const std::byte> part) noexcept {
  if (part.empty()) return;
  length_ += part.size();
  if (held_ > 0) {
    const std::size_t more = std::min(part.size(), block - held_);
    std::memcpy(tail_.data() + held_, part.data(), more);
    held_ += more;
    part = part.subspan(more);
    if (held_ < block) return;
    mix(tail_.data());
    held_ = 0;
  }
  while (part.size() >= block) {
    mix(part.data());
    part = part.subspan(block);
  }
  if (!part.empty()) std::memcpy(tail_.data(), part.data(), part.size());
  held_ = part.size();
}

std::uint64_t content_hash::finish() noexcept {
  if (held_ > 0) {
    std::memset(tail_.data() + held_, 0, block - held_);  // the length tells padding from content
    mix(tail_.data());
  }
  return fold(state_ ^ last_key, length_ ^ second_key ^ (state_ >> 32));
}

}  // namespace zc
