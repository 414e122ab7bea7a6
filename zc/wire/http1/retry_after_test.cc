// What must hold of Retry-After: seconds and all three date forms, and never zero seconds from us.

#include "zc/wire/http1/retry_after.h"

#include <gtest/gtest.h>

namespace zc::http1 {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// Sun, 06 Nov 1994 08:49:37 GMT
const std::chrono::system_clock::time_point then{std::chrono::seconds(784'111'777)};

TEST(RetryAfterTest, SecondsAreSeconds) {
  EXPECT_EQ(parse_retry_after("0", then), nanoseconds(0));
  EXPECT_EQ(parse_retry_after(" 120 ", then), nanoseconds(120s));
  EXPECT_EQ(parse_retry_after("99999999999999999999999", then), nanoseconds(24h * 3650));
}

TEST(RetryAfterTest, AllThreeDateFormsAreTheSameMoment) {
  for (const std::string_view date :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(parse_retry_after(date, then - 90s), nanoseconds(90s)) << date;
    EXPECT_EQ(parse_retry_after(date, then), nanoseconds(0)) << date;
    EXPECT_EQ(parse_retry_after(date, then + 5s), nanoseconds(0)) << date;
  }
}

TEST(RetryAfterTest, FarDatesAreCut) {
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", then), nanoseconds(24h * 3650));
}

TEST(RetryAfterTest, OtherTextIsNothing) {
  for (const std::string_view bad :
       {"", " ", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov", "Sun Nov",
        "Sun, 06 Nov 1994 08:49:37 GMT+1"}) {
    EXPECT_EQ(parse_retry_after(bad, then), std::nullopt) << bad;
  }
}

TEST(RetryAfterTest, SecondsAreRoundedUpAndAtLeastOne) {
  EXPECT_EQ(retry_after_seconds(0ns), 1u);
  EXPECT_EQ(retry_after_seconds(-3s), 1u);
  EXPECT_EQ(retry_after_seconds(1ns), 1u);
  EXPECT_EQ(retry_after_seconds(1s), 1u);
  EXPECT_EQ(retry_after_seconds(1001ms), 2u);
}

}  // namespace
}  // namespace zc::http1
