// What must hold of the writer: commas stand between values and nowhere else, and text is escaped.
#include "gate/rig/json.h"

#include <limits>

#include <gtest/gtest.h>

namespace sluice::rig {
namespace {

TEST(JsonTest, CommasStandBetweenValuesOnly) {
  json_writer w;
  w.begin_object().field("a", 1u).key("b").begin_array();
  w.value(2u).begin_array().end_array().begin_object().field("c", true).end_object();
  w.end_array().field("d", 0.5).key("e").begin_object().end_object().end_object();
  EXPECT_EQ(w.text(), R"({"a":1,"b":[2,[],{"c":true}],"d":0.5,"e":{}})");
}

TEST(JsonTest, TextIsEscaped) {
  json_writer w;
  w.begin_object().field("a\"b", "c\\d\n\x01\xc3\xa9").end_object();
  EXPECT_EQ(w.text(), "{\"a\\\"b\":\"c\\\\d\\u000a\\u0001\xc3\xa9\"}");
}

TEST(JsonTest, NumbersAreAlwaysNumbers) {
  json_writer w;
  w.begin_array().value(std::numeric_limits<double>::infinity()).value(1e300);
  w.value(std::numeric_limits<std::uint64_t>::max()).end_array();
  EXPECT_EQ(w.text(), "[0,1e+300,18446744073709551615]");
}

}  // namespace
}  // namespace sluice::rig
