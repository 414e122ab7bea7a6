// What must hold of size classes: the smallest that fits is chosen, little is lost to rounding, and
// index and size name each other.

#include "zc/mem/size_class.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace zc {
namespace {

TEST(SizeClassTest, IndexAndSizeNameEachOtherAndTheNextByteIsTheNextClass) {
  for (std::size_t i = 0; i < size_class::count; ++i) {
    const std::size_t whole = size_class::at(i).whole;
    EXPECT_EQ(whole % page_bytes, 0u);
    EXPECT_EQ(size_class::of(whole).index, i);
    EXPECT_EQ(size_class::of(whole).whole, whole);
    if (i + 1 < size_class::count) {
      EXPECT_EQ(size_class::of(whole + 1).index, i + 1);
      EXPECT_EQ(size_class::of(whole + 1).whole, size_class::at(i + 1).whole);
    }
  }
  EXPECT_EQ(size_class::of(1).index, 0u);
  EXPECT_EQ(size_class::at(size_class::count - 1).whole, size_class::largest);
}

TEST(SizeClassTest, AtMostAQuarterOrAPageIsLostToRounding) {
  for (std::size_t whole = 1; whole < 64_MiB; whole += 1 + whole / 37) {
    const std::size_t lost = size_class::of(whole).whole - whole;
    EXPECT_LT(lost, std::max(page_bytes, whole / 4 + 1)) << whole;
  }
}

}  // namespace
}  // namespace zc
