// What must hold of nearest: a typing error finds its name, and strangers find nothing.
#include "gate/app/config/nearest.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

constexpr std::array<std::string_view, 5> names{"endpoint", "timeout", "tls", "headers",
                                                "compression"};

TEST(NearestTest, DistanceCountsOneForEachMistake) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("endpont", "endpoint"), 1u);
  EXPECT_EQ(edit_distance("teh", "the"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(NearestTest, ATypingErrorFindsItsName) {
  EXPECT_EQ(nearest("endpont", names), "endpoint");
  EXPECT_EQ(nearest("Timeout", names), "timeout");
  EXPECT_EQ(nearest("time_out", names), "timeout");
  EXPECT_EQ(nearest("tsl", names), "tls");
  EXPECT_EQ(nearest("compresion", names), "compression");
}

TEST(NearestTest, AStrangerFindsNothing) {
  EXPECT_EQ(nearest("queue", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest("ab", names), "");
  EXPECT_EQ(nearest(std::string(65, 'e'), names), "");
}

TEST(NearestTest, AHintContinuesASentence) {
  EXPECT_EQ(hint("endpont", names), "; did you mean \"endpoint\"?");
  EXPECT_EQ(hint("queue", names), "");
}

}  // namespace
}  // namespace sluice::config
