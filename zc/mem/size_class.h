// zc/mem/size_class.h - the sizes of blocks that a pool has: whole pages, 4 KiB to 256 MiB.
//
//     4 8 12 16 | 20 24 28 32 | 40 48 56 64 | 80 96 112 128 | ... 256 MiB
//
// Below 16 KiB every page count is a class; above, four classes per doubling, so that at most a
// quarter of a block (or less than a page) is lost to rounding. Whole pages, because only those can
// be given back.
#pragma once

#include <bit>
#include <cstddef>

#include "zc/base/units.h"
#include "zc/mem/pages.h"

namespace zc {

struct size_class {
  std::size_t index;
  std::size_t whole;  // of the block, in bytes

  static constexpr std::size_t linear_shift = 14;  // up to 16 KiB page by page
  static constexpr std::size_t linear = (std::size_t{1} << linear_shift) / page_bytes;
  static constexpr std::size_t largest_shift = 28;
  static constexpr std::size_t largest = std::size_t{1} << largest_shift;
  static constexpr std::size_t count = linear + (largest_shift - linear_shift) * 4;

  // The smallest class that holds `whole` bytes. Requires: 0 < whole <= largest.
  static constexpr size_class of(std::size_t whole) noexcept {
    if (whole <= std::size_t{1} << linear_shift) {
      const std::size_t pages = (whole + page_bytes - 1) / page_bytes;
      return {pages - 1, pages * page_bytes};
    }
    // 2^top < whole <= 2^(top+1)
    const auto top = static_cast<std::size_t>(std::bit_width(whole - 1)) - 1;
    const std::size_t step_shift = top - 2;
    const std::size_t past = whole - 1 - (std::size_t{1} << top);
    const std::size_t quarters = (past >> step_shift) + 1;  // 1..4
    return {linear + (top - linear_shift) * 4 + quarters - 1,
            (std::size_t{1} << top) + (quarters << step_shift)};
  }

  static constexpr size_class at(std::size_t index) noexcept {
    if (index < linear) return {index, (index + 1) * page_bytes};
    const std::size_t top = linear_shift + (index - linear) / 4;
    const std::size_t quarters = (index - linear) % 4 + 1;
    return {index, (std::size_t{1} << top) + (quarters << (top - 2))};
  }
};

}  // namespace zc
