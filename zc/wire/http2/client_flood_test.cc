// What must hold of `client_session` however much a server sends: frames without progress, heads,
// settings and answers in too many frames end in an error instead of in work and memory, and what
// good servers do is no flood.
//
// Method: frames made by hand, one kind at a time, until the client has had enough.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/wire/http2/hostile_server_for_tests.h"

namespace zc::http2 {
namespace {

using namespace std::chrono_literals;
using namespace for_tests;

class ClientFloodTest : public hostile_server {
 public:
  // How many of them it takes until the client has had enough.
  int until_refused(const std::function<std::string(int)>& next, int at_most, bool read = true) {
    for (int i = 0; i < at_most; ++i) {
      says(next(i));
      if (!fed) return i;
      if (read) {
        drain();
        said.clear();
      }
    }
    return at_most;
  }
};

TEST_F(ClientFloodTest, FramesWithoutProgressEndTheSession) {
  const std::vector<std::pair<const char*, std::string>> floods{
      {"PING", frame(ping, 0, 0, "12345678")},
      {"PING acknowledgements", frame(ping, 1, 0, "12345678")},
      {"SETTINGS", frame(settings, 0, 0, {})},
      {"SETTINGS acknowledgements", frame(settings, 1, 0, {})},
      {"WINDOW_UPDATE", frame(window_update, 0, 0, number(1))},
      {"WINDOW_UPDATE of a stream", frame(window_update, 0, 1, number(1))},
      {"PRIORITY", frame(priority, 0, 1, "abcde")},
      {"unknown frames", frame(0x42, 0, 0, "what")},
      {"GOAWAY", frame(goaway, 0, 0, number(99) + number(0))},
      {"informational heads", frame(headers, end_headers, 1, status_100)},
  };
  for (const auto& [what, bytes] : floods) {
    begin();
    const int n = until_refused([&](int) { return bytes; }, 10'000);
    EXPECT_GE(n, 100) << what;
    EXPECT_LE(n, 500) << what;
    expect_end(error_code::enhance_your_calm, what);
  }
}

TEST_F(ClientFloodTest, EmptyAndPaddedDataEndTheSession) {
  for (const std::string& bytes :
       {frame(data, 0, 1, {}), frame(data, padded, 1, std::string("\x05\0\0\0\0\0", 6))}) {
    begin();
    says(frame(headers, end_headers, 1, ok_block));
    EXPECT_LE(until_refused([&](int) { return bytes; }, 10'000), 500);
  }
}

TEST_F(ClientFloodTest, HeadsOfStreamsThatAreGoneEndTheSession) {
  client->s.reset(*one, error_code::cancel);
  EXPECT_LE(until_refused([](int) { return frame(headers, end_headers, 1, ok_block); }, 10'000),
            500);
}

TEST_F(ClientFloodTest, AcknowledgementsThatNobodyReadsEndTheSession) {
  limits l;
  l.idle_frames_burst = 100'000;
  begin(l);
  const int n = until_refused([](int) { return frame(ping, 0, 0, "12345678"); }, 10'000, false);
  EXPECT_EQ(n, static_cast<int>(l.acknowledgements_max));
  expect_end(error_code::enhance_your_calm, "acknowledgements");
}

TEST_F(ClientFloodTest, APingPerAnswerIsNoFlood) {
  for (std::uint32_t id = 1; id < 20'000; id += 2) {
    says(frame(headers, end_headers | end_stream, id, ok_block) + frame(ping, 0, 0, "12345678") +
         frame(window_update, 0, 0, number(9)));
    ASSERT_TRUE(fed) << id;
    client->ask(bytes_of("next"));
    drain();
    said.clear();
  }
}

TEST_F(ClientFloodTest, PingsOverTimeAreNoFlood) {
  for (int i = 0; i < 5'000; ++i) {
    now += 20ms;
    says(frame(ping, 0, 0, "12345678"));
    drain();
    ASSERT_TRUE(fed) << i;
  }
}

TEST_F(ClientFloodTest, ContinuationsEndTheSession) {
  says(frame(headers, 0, 1, ok_block));
  EXPECT_LE(until_refused([](int) { return frame(continuation, 0, 1, {}); }, 1'000), 10);
  expect_end(error_code::enhance_your_calm, "continuations");
}

TEST_F(ClientFloodTest, TooManySettingsInOneFrameEndTheSession) {
  std::string all;
  for (int i = 0; i < 33; ++i) all += one_setting(0x99, 1);
  says(frame(settings, 0, 0, all));
  expect_end(error_code::enhance_your_calm, "settings");
}

TEST_F(ClientFloodTest, HeadsAboveTheLimitAreReportedAndTheSessionLives) {
  says(frame(headers, end_headers | end_stream, 1, ok_block + std::string(200, '\x90')));
  ASSERT_TRUE(fed);
  ASSERT_EQ(one->heads.size(), 1u);
  EXPECT_TRUE(one->heads[0].too_large);
  EXPECT_LE(one->fields.size(), 100u);
  asked& next = client->ask(bytes_of("x"));
  drain();
  says(frame(headers, end_headers | end_stream, 3, ok_block));
  EXPECT_EQ(next.value(":status"), "200");
  EXPECT_FALSE(next.heads.at(0).too_large);
}

TEST_F(ClientFloodTest, HeadsFarAboveTheLimitEndTheSessionWhileTheyAreRead) {
  says(frame(headers, end_headers, 1, ok_block + std::string(100'000, '\x90')));
  EXPECT_LE(one->fields.size(), 100u);
  expect_end(error_code::enhance_your_calm, "fields");
  begin();
  says(frame(headers, 0, 1, std::string(100'000, '\x20')) +
       frame(continuation, 0, 1, std::string(100'000, '\x20')));
  expect_end(error_code::enhance_your_calm, "bytes");
}

TEST_F(ClientFloodTest, AnAnswerInTooManyFramesIsReset) {
  says(frame(headers, end_headers, 1, ok_block));
  int n = 0;
  for (; n < 10'000 && !one->closed; ++n) {
    says(frame(data, 0, 1, "x"));
    ASSERT_TRUE(fed);
  }
  EXPECT_GE(n, 4'000);
  expect_reset(error_code::enhance_your_calm, "frames");
}

}  // namespace
}  // namespace zc::http2
