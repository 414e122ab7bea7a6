// zc/base/units.h - sizes in the units people think in: 64_KiB, 4_MiB.
#pragma once

#include <cstddef>

namespace zc {

inline namespace literals {
consteval std::size_t operator""_KiB(unsigned long long n) {
  return static_cast<std::size_t>(n) << 10;
}
consteval std::size_t operator""_MiB(unsigned long long n) {
  return static_cast<std::size_t>(n) << 20;
}
consteval std::size_t operator""_GiB(unsigned long long n) {
  return static_cast<std::size_t>(n) << 30;
}
}  // namespace literals

// What two cores must not share: a cache line and its neighbour, which x86-64 prefetches with it.
inline constexpr std::size_t destructive_size = 128;

}  // namespace zc
