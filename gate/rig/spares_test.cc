// What must hold of spares: what was put of a template comes back for it, the oldest first, when
// nobody else holds it; and never are there more than the bound.
#include "gate/rig/spares.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::rig {
namespace {

zc::bytes request(char of) {
  return zc::bytes::copy_of(std::string(600, of));
}

TEST(SparesTest, EachTemplateGetsItsOwnBackTheOldestFirst) {
  spare_requests s(2, 4);
  s.put(0, request('a'));
  s.put(1, request('b'));
  s.put(0, request('c'));
  EXPECT_TRUE(s.take(0) == request('a'));
  EXPECT_TRUE(s.take(0) == request('c'));
  EXPECT_TRUE(s.take(0).empty());
  EXPECT_TRUE(s.take(1) == request('b'));
  EXPECT_TRUE(s.take(1).empty());
}

TEST(SparesTest, WhatSomebodyHoldsStillWaits) {
  spare_requests s(1, 4);
  zc::bytes under_way = request('a');
  s.put(0, zc::bytes(under_way));
  EXPECT_TRUE(s.take(0).empty());
  s.put(0, request('b'));
  EXPECT_TRUE(s.take(0) == request('b'));
  under_way.clear();
  EXPECT_TRUE(s.take(0) == request('a'));
  EXPECT_EQ(s.size(), 0u);
}

TEST(SparesTest, NeverMoreThanTheBound) {
  for (const std::size_t templates : {1UL, 3UL, 8UL}) {
    for (const std::size_t in_flight : {1UL, 4UL, 8UL, 100UL}) {
      spare_requests s(templates, in_flight);
      for (std::size_t i = 0; i < 500; ++i) {
        s.put(i % templates, request('x'));
        ASSERT_LE(s.size(), in_flight + templates);
      }
      // All that may be under way find one when their templates take turns.
      for (std::size_t i = 0; i < in_flight; ++i) EXPECT_FALSE(s.take(i % templates).empty());
    }
  }
}

TEST(SparesTest, WhatIsBeyondTheBoundGoesAtOnce) {
  int gone = 0;
  static constexpr std::byte memory[8]{};
  spare_requests s(1, 2);
  for (int i = 0; i < 5; ++i) s.put(0, zc::bytes::adopt(memory, [&gone] { ++gone; }));
  EXPECT_EQ(gone, 2);
}

TEST(SparesTest, NothingIsNotKept) {
  spare_requests s(1, 2);
  s.put(0, zc::bytes());
  EXPECT_EQ(s.size(), 0u);
  spare_requests none(0, 8);
  EXPECT_EQ(none.size(), 0u);
}

}  // namespace
}  // namespace sluice::rig
