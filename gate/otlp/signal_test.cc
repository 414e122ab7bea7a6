// What must hold of signal names: each is found again by what it is called, and nothing else is.

#include "gate/otlp/signal.h"

#include <gtest/gtest.h>

namespace sluice::otlp {
namespace {

TEST(SignalTest, NamesAndPathsAreThoseOfTheProtocol) {
  EXPECT_EQ(name_of(signal::traces), "traces");
  EXPECT_EQ(items_of(signal::metrics), "metric_points");
  EXPECT_EQ(items_of(signal::logs), "log_records");
  EXPECT_EQ(grpc_path(signal::logs), "/opentelemetry.proto.collector.logs.v1.LogsService/Export");
  EXPECT_EQ(grpc_path(signal::profiles),
            "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export");
  EXPECT_EQ(http_path(signal::traces), "/v1/traces");
  EXPECT_EQ(http_path(signal::profiles), "/v1development/profiles");
}

TEST(SignalTest, EverySignalIsFoundByItsNameAndPath) {
  for (const signal s : all_signals) {
    EXPECT_EQ(signal_named(name_of(s)), s);
    EXPECT_EQ(signal_of_grpc_path(grpc_path(s)), s);
  }
}

TEST(SignalTest, OtherNamesAndPathsAreNobodys) {
  EXPECT_FALSE(signal_named("").has_value());
  EXPECT_FALSE(signal_named("Traces").has_value());
  EXPECT_FALSE(signal_named("trace").has_value());
  EXPECT_FALSE(signal_of_grpc_path("/v1/traces").has_value());
  EXPECT_FALSE(
      signal_of_grpc_path("/opentelemetry.proto.collector.logs.v1.LogsService").has_value());
}

}  // namespace
}  // namespace sluice::otlp
