// What must hold of addresses: every spelling the Collector takes leads to the right place, and
// others say why not.
#include "gate/app/config/address.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

TEST(AddressTest, ListenersTakeAHostAndAPort) {
  const auto v6 = parse_host_port("[::1]:4317", true);
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->port, 4317);
  EXPECT_TRUE(parse_host_port(":4317", true));
  EXPECT_TRUE(parse_host_port("localhost:0", true));
  EXPECT_EQ(parse_host_port("localhost:0", false).error(),
            "expected host:port such as localhost:4317, got \"localhost:0\" (the port is 0)");
  EXPECT_EQ(parse_host_port("http://localhost:1", true).error(),
            "expected host:port such as localhost:4317, got \"http://localhost:1\" (no scheme "
            "belongs here)");
  for (const char* bad : {"", "localhost", "localhost:", "localhost:99999", "localhost:grpc",
                          "::1:4317", "a b:1", "unix:/x"}) {
    EXPECT_FALSE(parse_host_port(bad, true)) << bad;
  }
}

TEST(AddressTest, UnixPathsFitTheirStructure) {
  EXPECT_EQ(parse_unix_path("/run/s.sock")->unix_path, "/run/s.sock");
  EXPECT_EQ(parse_unix_path("unix:///run/s.sock")->unix_path, "/run/s.sock");
  EXPECT_EQ(parse_unix_path("unix:s.sock")->unix_path, "s.sock");
  EXPECT_TRUE(parse_unix_path(std::string(107, 'x')));
  EXPECT_FALSE(parse_unix_path(std::string(108, 'x')));
  EXPECT_FALSE(parse_unix_path(""));
}

TEST(AddressTest, GrpcTargetsHaveManySpellings) {
  const struct {
    const char* text;
    const char* to;
    const char* authority;
    bool clear_text;
  } table[] = {{"host:4317", "host:4317", "host:4317", false},
               {"http://host:4317", "host:4317", "host:4317", true},
               {"HTTP://host:4317", "host:4317", "host:4317", true},
               {"dns:///host:4317", "host:4317", "host:4317", false},
               {"dns:host:4317", "host:4317", "host:4317", false},
               {"dns:4317", "dns:4317", "dns:4317", false},
               {"passthrough:///[::1]:4317", "[::1]:4317", "[::1]:4317", false},
               {"unix:///run/x", "unix:/run/x", "localhost", false}};
  for (const auto& each : table) {
    const auto parsed = parse_grpc_target(each.text);
    ASSERT_TRUE(parsed) << each.text << " " << parsed.error();
    EXPECT_EQ(parsed->to.text(), each.to);
    EXPECT_EQ(parsed->authority, each.authority);
    EXPECT_EQ(parsed->clear_text, each.clear_text);
  }
}

TEST(AddressTest, BadGrpcTargetsSayWhy) {
  EXPECT_EQ(parse_grpc_target("https://host:4317").error(),
            "TLS is not supported yet: start the endpoint with http:// to send in clear text");
  EXPECT_EQ(parse_grpc_target("host:4317/v1").error(),
            "expected host:port such as localhost:4317, got \"host:4317/v1\" (gRPC takes no path)");
  EXPECT_EQ(
      parse_grpc_target("xds:///host:1").error(),
      "expected host:port such as localhost:4317, got \"xds:///host:1\" (the scheme is not known)");
  EXPECT_EQ(parse_grpc_target(":4317").error(),
            "expected host:port such as localhost:4317, got \":4317\" (the host is missing)");
  for (const char* bad : {"", "host", "http://", "dns://8.8.8.8/host:1", "host:0", "unix:"}) {
    EXPECT_FALSE(parse_grpc_target(bad)) << bad;
  }
}

TEST(AddressTest, UrlsHaveAnAuthorityAndAPath) {
  const struct {
    const char* text;
    bool base;
    const char* to;
    const char* authority;
    const char* path;
  } table[] = {{"http://host:4318", true, "host:4318", "host:4318", ""},
               {"http://host:4318/", true, "host:4318", "host:4318", ""},
               {"http://host/otlp/", true, "host:80", "host", "/otlp"},
               {"http://host:80/otlp", true, "host:80", "host", "/otlp"},
               {"http://[::1]:4318/a", true, "[::1]:4318", "[::1]:4318", "/a"},
               {"http://[::1]", true, "[::1]:80", "[::1]", ""},
               {"http://host", false, "host:80", "host", "/"},
               {"http://host?k=v", false, "host:80", "host", "/?k=v"},
               {"http://host/v1/logs/?k=v", false, "host:80", "host", "/v1/logs/?k=v"}};
  for (const auto& each : table) {
    const auto parsed = parse_http_url(each.text, each.base);
    ASSERT_TRUE(parsed) << each.text << " " << parsed.error();
    EXPECT_EQ(parsed->to.text(), each.to);
    EXPECT_EQ(parsed->authority, each.authority);
    EXPECT_EQ(parsed->path, each.path);
  }
}

TEST(AddressTest, BadUrlsSayWhy) {
  EXPECT_EQ(parse_http_url("host:4318", true).error(),
            "expected a URL such as http://localhost:4318, got \"host:4318\" (it has to start with "
            "http://)");
  EXPECT_EQ(parse_http_url("http://u:p@host", true).error(),
            "a user and password in the URL are not supported yet: write an authorization header");
  for (const char* bad :
       {"https://host", "http://", "http://:80", "http://host:0", "http://host:x", "http://::1/",
        "http://host/a b", "http://host/#f", "http://host?x=1", "http://[::1"}) {
    EXPECT_FALSE(parse_http_url(bad, true)) << bad;
  }
}

}  // namespace
}  // namespace sluice::config
