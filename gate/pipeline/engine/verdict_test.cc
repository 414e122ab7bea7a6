// What must hold of verdicts: failures keep their meaning on the way to the client.
#include "gate/pipeline/engine/verdict.h"

#include <gtest/gtest.h>

#include "gate/pipeline/engine/settings.h"

namespace sluice {
namespace {

using zc::grpc::code;

TEST(VerdictTest, RetryIsUnavailableWithItsDelay) {
  const auto s = verdict::retry("full", milliseconds(1500)).as_status();
  EXPECT_EQ(s.grpc, code::unavailable);
  EXPECT_EQ(s.http, 503);
  EXPECT_EQ(s.retry_after, zc::nanoseconds(milliseconds(1500)));
}

TEST(VerdictTest, ARefusalForGoodCarriesNoDelay) {
  verdict v = verdict::refuse(code::resource_exhausted, 413, "too large");
  v.delay = milliseconds(1);
  EXPECT_FALSE(v.as_status().retry_after);
}

TEST(VerdictTest, BadBytesAreRefusedForGoodAndWantOfMemoryIsNot) {
  EXPECT_EQ(verdict::of({zc::errc::malformed, "bad tag", 7, 0}, "batch").grpc,
            code::invalid_argument);
  EXPECT_EQ(verdict::of({zc::errc::malformed, "bad tag", 7, 0}, "batch").message,
            "batch: bad tag at byte 7");
  EXPECT_EQ(verdict::of({zc::errc::too_large, "x", 0, 0}, "b").http, 413);
  EXPECT_TRUE(verdict::of({zc::errc::exhausted, "no memory", 0, 0}, "b").retryable());
  EXPECT_TRUE(verdict::of({zc::errc::system, "disk", 0, 5}, "b").retryable());
}

TEST(VerdictTest, CodesCrossTheTransports) {
  EXPECT_EQ(http_of(code::unauthenticated), 401);
  EXPECT_EQ(http_of(code::permission_denied), 403);
  EXPECT_EQ(http_of(code::resource_exhausted), 413);  // never a retryable 429
  EXPECT_EQ(http_of(code::unknown), 500);
  EXPECT_EQ(grpc_of_http(400), code::invalid_argument);
  EXPECT_EQ(grpc_of_http(404), code::unimplemented);
  EXPECT_EQ(grpc_of_http(503), code::unavailable);
  EXPECT_EQ(grpc_of_http(418), code::unknown);
}

}  // namespace
}  // namespace sluice
