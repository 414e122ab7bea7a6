// What must hold of `endpoint`: every form the configuration allows parses and prints back, nothing
// else does.

#include "zc/shard/poller.h"

#include <string>

#include <gtest/gtest.h>

namespace zc {
namespace {

TEST(EndpointTest, EveryFormParsesAndPrintsBack) {
  struct {
    const char* text;
    const char* host;
    int port;
    const char* path;
    const char* printed;
  } const cases[] = {
      {"localhost:4317", "localhost", 4317, "", "localhost:4317"},
      {"127.0.0.1:0", "127.0.0.1", 0, "", "127.0.0.1:0"},
      {"[::1]:4318", "::1", 4318, "", "[::1]:4318"},
      {"[fe80::1%eth0]:1", "fe80::1%eth0", 1, "", "[fe80::1%eth0]:1"},
      {":65535", "", 65535, "", ":65535"},
      {"unix:/run/s.sock", "", 0, "/run/s.sock", "unix:/run/s.sock"},
      {"unix:///run/s.sock", "", 0, "/run/s.sock", "unix:/run/s.sock"},
      {"unix:////odd", "", 0, "//odd", "unix:////odd"},
      {"unix:here.sock", "", 0, "here.sock", "unix:here.sock"},
  };
  for (const auto& c : cases) {
    const auto made = endpoint::parse(c.text);
    ASSERT_TRUE(made) << c.text << ": " << made.error().reason;
    EXPECT_EQ(made->host, c.host);
    EXPECT_EQ(made->port, c.port);
    EXPECT_EQ(made->unix_path, c.path);
    EXPECT_EQ(made->text(), c.printed);
  }
}

TEST(EndpointTest, WhatIsNoEndpointSaysWhyAndWhere) {
  struct {
    std::string text;
    std::size_t offset;
  } const cases[] = {
      {"", 0},
      {"localhost", 9},
      {"localhost:", 10},
      {"localhost:http", 10},
      {"localhost:65536", 10},
      {"localhost:-1", 10},
      {"localhost:1x", 10},
      {"::1:4317", 0},
      {"[::1]", 5},
      {"[::1", 4},
      {"[::1]4317", 5},
      {"[host]:1", 1},
      {"http://host:1", 4},
      {"a b:1", 1},
      {"user@host:1", 4},
      {"unix:", 5},
      {"unix://relative", 7},
      {std::string("unix:/a\0b", 9), 5},
      {"unix:/" + std::string(107, 'x'), 5},
      {std::string(254, 'x') + ":1", 0},
  };
  for (const auto& c : cases) {
    const auto made = endpoint::parse(c.text);
    ASSERT_FALSE(made) << c.text;
    EXPECT_EQ(made.error().offset, c.offset) << c.text << ": " << made.error().reason;
  }
}

}  // namespace
}  // namespace zc
