// zc/wire/http2/hostile_server_for_tests.h - our client beside a server whose frames are made by
// hand, and what the client says to it. For tests of this room.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "zc/wire/http2/sessions_for_tests.h"

namespace zc::http2::for_tests {

inline const std::string ok_block = "\x88";  // :status 200
inline const std::string status_100(
    "\x08\x03"
    "100",
    5);

class hostile_server : public ::testing::Test {
 public:
  hostile_server() { begin(); }
  void begin(const limits& l = {}) {
    // The streams that the old one knows go with it.
    one = nullptr;
    client = std::make_unique<client_side>(l);
    says(frame(settings, 0, 0, {}));
    one = &client->ask(bytes_of("body"));
    drain();
    said.clear();
  }
  void drain() {
    bytes_chain out;
    client->s.collect(out, 1_MiB);
    said += as_text(out);
  }
  void says(std::string text) { fed = client->s.feed(bytes_of(std::move(text)), now); }
  // The frames that the client sent since begin(), as (type, id, code).
  struct sent {
    unsigned type;
    std::uint32_t id;
    std::string payload;
    std::uint32_t code() const {
      const std::size_t at = type == goaway ? 4 : 0;
      std::uint32_t n = 0;
      for (std::size_t i = at; i < at + 4; ++i) n = n << 8 | static_cast<unsigned char>(payload[i]);
      return n;
    }
  };
  std::vector<sent> frames() {
    drain();
    std::vector<sent> all;
    for (std::string_view left = said; left.size() >= 9;) {
      const auto byte = [&](std::size_t i) {
        return std::uint32_t{static_cast<unsigned char>(left[i])};
      };
      const std::size_t n = byte(0) << 16 | byte(1) << 8 | byte(2);
      all.push_back({byte(3), byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8),
                     std::string(left.substr(9, n))});
      left.remove_prefix(9 + n);
    }
    return all;
  }
  // The session failed, and its last word is a GOAWAY with this code.
  void expect_end(error_code why, const char* what) {
    EXPECT_FALSE(fed) << what;
    EXPECT_TRUE(client->s.finished_reading()) << what;
    EXPECT_FALSE(client->s.may_request()) << what;
    const auto all = frames();
    ASSERT_FALSE(all.empty()) << what;
    EXPECT_EQ(all.back().type, goaway) << what;
    EXPECT_EQ(all.back().code(), static_cast<std::uint32_t>(why)) << what;
    EXPECT_FALSE(client->s.wants_output()) << what;
    EXPECT_FALSE(client->s.feed(bytes_of("more"), now)) << what;
  }
  void expect_reset(error_code why, const char* what) {
    EXPECT_TRUE(fed) << what;
    EXPECT_TRUE(one->closed) << what;
    EXPECT_EQ(one->why, why) << what;
    const auto all = frames();
    ASSERT_FALSE(all.empty()) << what;
    EXPECT_EQ(all.back().type, rst_stream) << what;
    EXPECT_EQ(all.back().id, 1u) << what;
    EXPECT_EQ(all.back().code(), static_cast<std::uint32_t>(why)) << what;
    EXPECT_EQ(client->s.own_resets(), 1u) << what;
    EXPECT_TRUE(client->s.may_request()) << what;
  }

  std::chrono::nanoseconds now{1'000'000};
  std::unique_ptr<client_side> client;
  asked* one = nullptr;
  result<void> fed;
  std::string said;
};

}  // namespace zc::http2::for_tests
