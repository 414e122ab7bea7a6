// What must hold of scalars: durations are Go's, numbers are YAML's, and nothing wraps.
#include "gate/app/config/scalar.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST(ScalarTest, DurationsAreReadAsGoReadsThem) {
  const struct {
    const char* text;
    std::int64_t ns;
  } table[] = {{"0", 0},
               {"+0", 0},
               {"5s", 5'000'000'000},
               {"200ms", 200'000'000},
               {"1.5s", 1'500'000'000},
               {".5m", 30'000'000'000},
               {"1.h", 3'600'000'000'000},
               {"1h30m", 5'400'000'000'000},
               {"2h0m0.001s", 7'200'001'000'000},
               {"1us2ns", 1'002},
               {"3\xc2\xb5s", 3'000},
               {"-1s", -1'000'000'000},
               {"9223372036854775807ns", INT64_MAX}};
  for (const auto& each : table) {
    const auto parsed = parse_duration(each.text);
    ASSERT_TRUE(parsed) << each.text;
    EXPECT_EQ(parsed->count(), each.ns) << each.text;
  }
}

TEST(ScalarTest, WhatIsNoDurationSaysWhy) {
  const struct {
    const char* text;
    const char* reason;
  } table[] = {{"", "it is empty"},
               {"-", "it is empty"},
               {"5", "the unit is missing"},
               {"1s5", "the unit is missing"},
               {"s", "a number is missing"},
               {".s", "a number is missing"},
               {"5 s", "the units are ns, us, ms, s, m and h"},
               {"5d", "the units are ns, us, ms, s, m and h"},
               {"9223372036854775808ns", "it is too long"},
               {"9999999999999999999999h", "it is too long"},
               {"9223372036s1h", "it is too long"}};
  for (const auto& each : table) {
    const auto parsed = parse_duration(each.text);
    ASSERT_FALSE(parsed) << each.text;
    EXPECT_STREQ(parsed.error().reason, each.reason) << each.text;
  }
}

TEST(ScalarTest, MillisecondsNeverRoundSomethingToNothing) {
  EXPECT_EQ(in_milliseconds(nanoseconds(0)), milliseconds(0));
  EXPECT_EQ(in_milliseconds(nanoseconds(1)), milliseconds(1));
  EXPECT_EQ(in_milliseconds(nanoseconds(1'000'000)), milliseconds(1));
  EXPECT_EQ(in_milliseconds(nanoseconds(1'000'001)), milliseconds(2));
  EXPECT_EQ(in_milliseconds(nanoseconds(-1)), milliseconds(-1));
  EXPECT_EQ(in_milliseconds(nanoseconds::max()), milliseconds(INT64_MAX / 1'000'000 + 1));
}

TEST(ScalarTest, ByteSizesAreNumbersWithOrWithoutAUnit) {
  EXPECT_EQ(parse_byte_size("0"), 0u);
  EXPECT_EQ(parse_byte_size("20971520"), 20'971'520u);
  EXPECT_EQ(parse_byte_size("64MiB"), 67'108'864u);
  EXPECT_EQ(parse_byte_size("64 MiB"), 67'108'864u);
  EXPECT_EQ(parse_byte_size("1KB"), 1'000u);
  EXPECT_EQ(parse_byte_size("16777215TiB"), 16'777'215ull << 40);
  EXPECT_STREQ(parse_byte_size("16777216TiB").error().reason, "it is too large");
  EXPECT_STREQ(parse_byte_size("MiB").error().reason, "a number is missing");
  EXPECT_STREQ(parse_byte_size("-1").error().reason, "a number is missing");
  EXPECT_FALSE(parse_byte_size("1mib"));
}

TEST(ScalarTest, WholeNumbersHaveYamlsForms) {
  EXPECT_EQ(parse_integer("10"), 10);
  EXPECT_EQ(parse_integer("-3"), -3);
  EXPECT_EQ(parse_integer("+7"), 7);
  EXPECT_EQ(parse_integer("1_000"), 1'000);
  EXPECT_EQ(parse_integer("0x1F"), 31);
  EXPECT_EQ(parse_integer("0o17"), 15);
  EXPECT_EQ(parse_integer("017"), 15);
  EXPECT_EQ(parse_integer("0b11"), 3);
  EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
  for (const char* bad : {"", "-", "1.0", "a", "0x", "08", "9223372036854775808", "1 ", "_1"}) {
    EXPECT_FALSE(parse_integer(bad)) << bad;
  }
  EXPECT_FALSE(parse_integer(std::string(1'000, '1')));
}

TEST(ScalarTest, NumbersAreFinite) {
  EXPECT_EQ(parse_number("0.5"), 0.5);
  EXPECT_EQ(parse_number("-1e3"), -1000);
  EXPECT_EQ(parse_number("+.5"), 0.5);
  for (const char* bad : {"", "nan", "inf", ".inf", "1e999", "1x", "--1", "+-1"}) {
    EXPECT_FALSE(parse_number(bad)) << bad;
  }
}

TEST(ScalarTest, OnlyTrueAndFalseAreFlags) {
  EXPECT_EQ(parse_flag("True"), true);
  EXPECT_EQ(parse_flag("FALSE"), false);
  EXPECT_FALSE(parse_flag("yes"));
  EXPECT_FALSE(parse_flag("on"));
}

}  // namespace
}  // namespace sluice::config
