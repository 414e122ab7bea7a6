// gate/rig/dice.h - pseudo-random draws that are the same for a seed on every platform and standard
// library.
//
// Not for secrets. Cost: about a nanosecond a draw.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::rig {

// splitmix64's output function: spreads any bits over all 64.
inline constexpr std::uint64_t scramble(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

// Text in pieces, which are drawn in the order in which they are written: the operands of + are
// evaluated in the order that the compiler likes.
class phrase {
 public:
  phrase& add(std::string_view text) {
    text_ += text;
    return *this;
  }
  phrase& add(std::uint64_t number) { return add(std::to_string(number)); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

class dice {
 public:
  explicit dice(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept { return scramble(state_ += 0x9e3779b97f4a7c15U); }
  // Below `bound`, which is not 0. The bias of the multiplication is below 2^-32 for the bounds
  // used here.
  std::uint64_t below(std::uint64_t bound) noexcept {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {  // both included
    return low + below(high - low + 1);
  }
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  bool chance(double probability) noexcept { return unit() < probability; }

  template <std::size_t N>
  std::string_view pick(const std::array<std::string_view, N>& from) noexcept {
    return from[below(N)];
  }
  std::string hex(std::size_t digits) {
    std::string text(digits, '0');
    for (char& c : text) c = "0123456789abcdef"[next() & 15];
    return text;
  }
  std::string uuid() {
    phrase p;
    p.add(hex(8)).add("-").add(hex(4)).add("-4").add(hex(3)).add("-a").add(hex(3));
    return p.add("-").add(hex(12)).take();
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::rig
