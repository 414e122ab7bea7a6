// What must hold of `client_session` beside a server that no library would be: whatever it sends
// ends a stream or the session with the right code, and never the process; windows, frame sizes
// and turns are those of RFC 9113.
//
// Method: frames made by hand. Conformance is session_pair_test.cc, bounded work
// client_flood_test.cc, arbitrary bytes client_session_fuzz.cc; cost is client_session_bench.cc.

#include "zc/wire/http2/client_session.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/wire/http2/hostile_server_for_tests.h"

namespace zc::http2 {
namespace {

using namespace for_tests;
using ClientSessionTest = hostile_server;

TEST_F(ClientSessionTest, WhatBreaksTheConnectionEndsItWithTheRightCode) {
  struct attack {
    const char* what;
    std::string bytes;
    error_code why;
  };
  const std::string head = frame(headers, end_headers, 1, ok_block);
  const std::vector<attack> all{
      {"DATA on the connection", frame(data, 0, 0, "x"), error_code::protocol_error},
      {"DATA on a stream not begun", frame(data, 0, 3, "x"), error_code::protocol_error},
      {"DATA on a stream of the server's", frame(data, 0, 2, "x"), error_code::protocol_error},
      {"padding without its length", head + frame(data, padded, 1, ""),
       error_code::frame_size_error},
      {"more padding than payload",
       head + frame(data, padded, 1,
                    "\x05"
                    "abc"),
       error_code::protocol_error},
      {"HEADERS on the connection", frame(headers, end_headers, 0, ok_block),
       error_code::protocol_error},
      {"HEADERS on a stream not begun", frame(headers, end_headers, 5, ok_block),
       error_code::protocol_error},
      {"HEADERS padded to nothing", frame(headers, end_headers | padded, 1, ""),
       error_code::frame_size_error},
      {"HEADERS with more padding than block", frame(headers, end_headers | padded, 1, "\x05\x88"),
       error_code::protocol_error},
      {"HEADERS without their priority", frame(headers, end_headers | with_priority, 1, "abcd"),
       error_code::protocol_error},
      {"a block that is not HPACK", frame(headers, end_headers, 1, "\xff\xff\xff\xff\xff\xff\xff"),
       error_code::compression_error},
      {"a block of a stream that is gone, not HPACK",
       frame(rst_stream, 0, 1, number(8)) + frame(headers, end_headers, 1, "\x80"),
       error_code::compression_error},
      {"CONTINUATION of nothing", frame(continuation, end_headers, 1, ok_block),
       error_code::protocol_error},
      {"CONTINUATION of another stream",
       frame(headers, 0, 1, ok_block) + frame(continuation, end_headers, 3, ""),
       error_code::protocol_error},
      {"a block that is interrupted",
       frame(headers, 0, 1, ok_block) + frame(ping, 0, 0, "12345678"), error_code::protocol_error},
      {"a block that is interrupted by an unknown frame",
       frame(headers, 0, 1, ok_block) + frame(0x42, 0, 0, ""), error_code::protocol_error},
      {"RST_STREAM on the connection", frame(rst_stream, 0, 0, number(0)),
       error_code::protocol_error},
      {"RST_STREAM on a stream not begun", frame(rst_stream, 0, 3, number(0)),
       error_code::protocol_error},
      {"RST_STREAM of three bytes", frame(rst_stream, 0, 1, "abc"), error_code::frame_size_error},
      {"PRIORITY of four bytes", frame(priority, 0, 1, "abcd"), error_code::frame_size_error},
      {"PRIORITY on the connection", frame(priority, 0, 0, "abcde"), error_code::protocol_error},
      {"SETTINGS on a stream", frame(settings, 0, 1, ""), error_code::protocol_error},
      {"SETTINGS of five bytes", frame(settings, 0, 0, "abcde"), error_code::frame_size_error},
      {"an acknowledgement with settings", frame(settings, 1, 0, one_setting(3, 1)),
       error_code::frame_size_error},
      {"ENABLE_PUSH 2", frame(settings, 0, 0, one_setting(2, 2)), error_code::protocol_error},
      {"INITIAL_WINDOW_SIZE 2^31", frame(settings, 0, 0, one_setting(4, 0x8000'0000u)),
       error_code::flow_control_error},
      {"MAX_FRAME_SIZE too small", frame(settings, 0, 0, one_setting(5, 16'383)),
       error_code::protocol_error},
      {"MAX_FRAME_SIZE too large", frame(settings, 0, 0, one_setting(5, 0x100'0000)),
       error_code::protocol_error},
      {"PUSH_PROMISE", frame(push_promise, end_headers, 1, number(2) + ok_block),
       error_code::protocol_error},
      {"PING of seven bytes", frame(ping, 0, 0, "1234567"), error_code::frame_size_error},
      {"PING on a stream", frame(ping, 0, 1, "12345678"), error_code::protocol_error},
      {"GOAWAY of seven bytes", frame(goaway, 0, 0, "1234567"), error_code::frame_size_error},
      {"GOAWAY on a stream", frame(goaway, 0, 1, number(0) + number(0)),
       error_code::protocol_error},
      {"GOAWAY that takes back an earlier one",
       frame(goaway, 0, 0, number(1) + number(0)) + frame(goaway, 0, 0, number(3) + number(0)),
       error_code::protocol_error},
      {"WINDOW_UPDATE of three bytes", frame(window_update, 0, 0, "abc"),
       error_code::frame_size_error},
      {"WINDOW_UPDATE of nothing", frame(window_update, 0, 0, number(0)),
       error_code::protocol_error},
      {"WINDOW_UPDATE on a stream not begun", frame(window_update, 0, 3, number(1)),
       error_code::protocol_error},
      {"a connection window beyond 2^31", frame(window_update, 0, 0, number(0x7fff'ffff)),
       error_code::flow_control_error},
      {"a frame above our limit", std::string("\x7f\0\0\0\0\0\0\0\1", 9),
       error_code::frame_size_error},
      {"an unknown frame above our limit", std::string("\x7f\0\0\x42\0\0\0\0\1", 9),
       error_code::frame_size_error},
  };
  for (const attack& a : all) {
    SCOPED_TRACE(a.what);
    begin();
    says(a.bytes);
    expect_end(a.why, a.what);
    begin();  // and the same one byte at a time
    for (std::size_t i = 0; i < a.bytes.size() && fed; ++i) says(a.bytes.substr(i, 1));
    expect_end(a.why, a.what);
  }
}

TEST_F(ClientSessionTest, WhatBreaksAStreamEndsOnlyThat) {
  struct attack {
    const char* what;
    std::string bytes;
    error_code why;
  };
  const std::string head = frame(headers, end_headers, 1, ok_block);
  const std::vector<attack> all{
      {"DATA before the head", frame(data, 0, 1, "x"), error_code::protocol_error},
      {"a head without a status", frame(headers, end_headers, 1, std::string("\0\1a\1b", 5)),
       error_code::protocol_error},
      {"an informational head that ends the stream",
       frame(headers, end_headers | end_stream, 1, status_100), error_code::protocol_error},
      {"DATA between informational and final head",
       frame(headers, end_headers, 1, status_100) + frame(data, 0, 1, "x"),
       error_code::protocol_error},
      {"trailers that end nothing", head + frame(headers, end_headers, 1, ok_block),
       error_code::protocol_error},
      {"WINDOW_UPDATE of nothing", frame(window_update, 0, 1, number(0)),
       error_code::protocol_error},
      {"a stream window beyond 2^31", frame(window_update, 0, 1, number(0x7fff'ffff)),
       error_code::flow_control_error},
  };
  for (const attack& a : all) {
    SCOPED_TRACE(a.what);
    begin();
    says(a.bytes);
    expect_reset(a.why, a.what);
    asked& next = client->ask(bytes_of("next"));
    drain();
    says(frame(headers, end_headers | end_stream, 3, ok_block));
    EXPECT_EQ(next.order, "hec") << a.what;
  }
}

TEST_F(ClientSessionTest, FramesBehindTheEndOfAStreamThatWeStillSendOnEndIt) {
  limits l;
  begin(l);
  asked& r = client->ask(bytes_of(pattern(100'000)));  // more than its window
  drain();
  said.clear();
  says(frame(headers, end_headers | end_stream, 3, ok_block));
  EXPECT_EQ(r.order, "he");
  EXPECT_TRUE(r.peer_ended());
  EXPECT_GT(r.unsent(), 0u);
  says(frame(headers, end_headers | end_stream, 3, ok_block));
  EXPECT_EQ(r.why, error_code::stream_closed);
  EXPECT_EQ(r.heads.size(), 1u);
  EXPECT_TRUE(fed);
}

TEST_F(ClientSessionTest, AnAnswerThatCameEarlyIsDoneWhenTheRequestIsOut) {
  asked& r = client->ask(bytes_of(pattern(100'000)));
  drain();
  says(frame(headers, end_headers | end_stream, 3, ok_block));
  EXPECT_EQ(r.order, "he");
  says(frame(window_update, 0, 0, number(1'000'000)) +
       frame(window_update, 0, 3, number(1'000'000)));
  drain();
  EXPECT_EQ(r.order, "hec");
  EXPECT_EQ(r.why, error_code::no_error);
  EXPECT_EQ(r.sent, 100'000u);
}

// Its id is given, but on the wire the stream is idle.
TEST_F(ClientSessionTest, FramesForARequestThatIsNotSentYetEndTheSession) {
  const std::vector<std::pair<const char*, std::string>> all{
      {"an answer", frame(headers, end_headers | end_stream, 3, ok_block)},
      {"a reset", frame(rst_stream, 0, 3, number(0))},
      {"a window", frame(window_update, 0, 3, number(1))},
      {"payload", frame(data, 0, 3, "x")},
  };
  for (const auto& [what, bytes] : all) {
    begin();
    says(frame(settings, 0, 0, one_setting(3, 1)));  // one at a time: the second request waits
    asked& waiting = client->ask(bytes_of("x"));
    drain();
    said.clear();
    ASSERT_EQ(waiting.id(), 3);
    says(bytes);
    EXPECT_EQ(waiting.order, "") << what;
    expect_end(error_code::protocol_error, what);
  }
  begin();
  says(frame(settings, 0, 0, one_setting(3, 1)));
  asked& next = client->ask(bytes_of("x"));
  says(frame(headers, end_headers | end_stream, 1, ok_block));
  drain();
  says(frame(headers, end_headers | end_stream, 3, ok_block));
  EXPECT_EQ(next.order, "hec");
}

TEST_F(ClientSessionTest, TheFirstFrameMustBeSettings) {
  for (const std::string& first :
       {frame(settings, 1, 0, {}), frame(ping, 0, 0, "12345678"), frame(goaway, 0, 0, "12345678"),
        std::string("HTTP/1.1 400 Bad Request\r\n\r\n")}) {
    client_side c;
    EXPECT_FALSE(c.s.feed(bytes_of(std::string(first)), now));
    EXPECT_FALSE(c.s.greeted());
    EXPECT_TRUE(c.s.finished_reading());
  }
}

TEST_F(ClientSessionTest, FramesOfStreamsThatAreGoneAreIgnored) {
  client->s.reset(*one, error_code::cancel);
  says(frame(headers, end_headers, 1, ok_block) + frame(data, 0, 1, "x") +
       frame(window_update, 0, 1, number(5)) + frame(rst_stream, 0, 1, number(5)));
  EXPECT_TRUE(fed);
  EXPECT_EQ(one->order, "");
}

TEST_F(ClientSessionTest, PaddingAndPrioritiesAreUnderstood) {
  says(frame(headers, end_headers | padded | with_priority, 1,
             "\x02"
             "abcde\x88zz") +
       frame(data, padded, 1,
             std::string("\x03"
                         "abc\0\0\0",
                         7)) +
       frame(data, padded | end_stream, 1, std::string("\x05\0\0\0\0\0", 6)));
  EXPECT_TRUE(fed);
  EXPECT_EQ(one->value(":status"), "200");
  EXPECT_EQ(as_text(one->data), "abc");
  EXPECT_EQ(one->order, "hdec");
}

TEST_F(ClientSessionTest, InformationalHeadsComeBeforeTheAnswer) {
  says(frame(headers, end_headers, 1, status_100) + frame(headers, end_headers, 1, ok_block) +
       frame(data, end_stream, 1, "x"));
  ASSERT_EQ(one->heads.size(), 2u);
  EXPECT_EQ(one->heads[0].kind, head_kind::informational);
  EXPECT_EQ(one->heads[1].kind, head_kind::response);
  EXPECT_EQ(one->order, "hhdec");
}

TEST_F(ClientSessionTest, ABlockInSeveralFramesIsOneHead) {
  says(frame(headers, end_stream, 1, "\x88\x0f\x10") +
       frame(continuation, 0, 1,
             "\x10"
             "appli") +
       frame(continuation, end_headers, 1, "cation/grpc"));
  EXPECT_TRUE(fed);
  EXPECT_EQ(one->value("content-type"), "application/grpc");
  EXPECT_EQ(one->order, "hec");
}

TEST_F(ClientSessionTest, ResetsBringTheirCode) {
  says(frame(rst_stream, 0, 1, number(11)));
  EXPECT_EQ(one->why, error_code::enhance_your_calm);
  EXPECT_EQ(client->s.streams(), 0u);
  EXPECT_EQ(client->s.own_resets(), 0u);
  EXPECT_TRUE(frames().empty());
}

TEST_F(ClientSessionTest, PayloadBeyondTheWindowsIsFoundOut) {
  limits l;
  l.stream_window = 20'000;
  l.connection_window = 65'535;
  begin(l);
  const std::string head = frame(headers, end_headers, 1, ok_block);
  says(head + frame(data, 0, 1, std::string(9'000, 'x')) +
       frame(data, 0, 1, std::string(16'000, 'x')));
  expect_reset(error_code::flow_control_error, "stream");
  begin(l);
  // On streams that are gone the connection's window is given back in halves.
  client->s.reset(*one, error_code::cancel);
  for (int i = 0; i < 100; ++i) says(frame(data, 0, 1, std::string(16'000, 'x')));
  EXPECT_TRUE(fed);
  begin(l);
  says(head);
  // Frames that never end: nothing is given back before they do.
  std::string large = frame(data, 0, 1, {});
  large[0] = 1;
  large[1] = static_cast<char>(0x80);
  says(large);
  expect_end(error_code::flow_control_error, "connection");
}

TEST_F(ClientSessionTest, SettingsMoveTheWindowsOfOpenStreams) {
  begin();
  asked& r = client->ask(bytes_of(pattern(200'000)));
  drain();
  EXPECT_EQ(r.sent, 65'530u - 9);  // what the first request left of the connection's window
  says(frame(window_update, 0, 0, number(1'000'000)));
  drain();
  EXPECT_EQ(r.sent, 65'530u);
  says(frame(settings, 0, 0, one_setting(4, 10)));  // far below zero
  drain();
  EXPECT_EQ(r.sent, 65'530u);
  says(frame(settings, 0, 0, one_setting(4, 65'636)));
  drain();
  EXPECT_EQ(r.sent, 65'631u);
  says(frame(settings, 0, 0, one_setting(4, 1'000'000)));
  drain();
  EXPECT_EQ(r.sent, 200'000u);
  EXPECT_FALSE(client->s.wants_output());
}

TEST_F(ClientSessionTest, ASettingThatOverflowsAStreamsWindowEndsTheSession) {
  client->ask(bytes_of(pattern(100'000)));
  drain();
  says(frame(window_update, 0, 3, number(0x7fff'0000)));
  ASSERT_TRUE(fed);
  says(frame(settings, 0, 0, one_setting(4, 0x7fff'ffff)));
  expect_end(error_code::flow_control_error, "settings");
}

TEST_F(ClientSessionTest, TheFrameSizeOfThePeerIsRespected) {
  says(frame(settings, 0, 0, one_setting(4, 1'000'000)) +
       frame(window_update, 0, 0, number(1'000'000)));
  asked& r = client->ask(bytes_of(pattern(50'000)));
  for (const auto& f : frames()) EXPECT_LE(f.payload.size(), 16'384u);
  EXPECT_EQ(r.sent, 50'000u);
  said.clear();
  says(frame(settings, 0, 0, one_setting(5, 100'000)));
  client->ask(bytes_of(pattern(50'000)));
  const auto all = frames();
  EXPECT_EQ(all.back().type, data);
  EXPECT_EQ(all.back().payload.size(), 50'005u);
}

TEST_F(ClientSessionTest, ALargeBodyLetsOthersPass) {
  says(frame(settings, 0, 0, one_setting(4, 0x7000'0000)) +
       frame(window_update, 0, 0, number(0x7000'0000)));
  asked& large = client->ask(bytes_of(pattern(20'000'000)));
  asked& also = client->ask(bytes_of(pattern(20'000'000)));
  for (int i = 0; i < 5; ++i) {
    asked& small = client->ask(bytes_of("small"));
    drain();  // a MiB each: four turns
    drain();
    EXPECT_EQ(small.sent, 5u) << i;
  }
  EXPECT_GT(large.sent, 1'000'000u);
  EXPECT_GT(also.sent, 1'000'000u);
  said.clear();
  while (client->s.wants_output()) drain();
  EXPECT_EQ(large.sent, 20'000'000u);
  EXPECT_EQ(also.sent, 20'000'000u);
}

TEST_F(ClientSessionTest, AHeadAboveAFrameGoesOnInContinuations) {
  one->path = "/";
  asked& r = client->ask(bytes_of("x"));
  r.path.assign(100'000, 'p');
  drain();
  const auto all = frames();
  ASSERT_GE(all.size(), 3u);
  EXPECT_EQ(all[0].type, headers);
  EXPECT_EQ(all[0].payload.size(), 16'384u);
  EXPECT_EQ(all[1].type, continuation);
  EXPECT_EQ(all[6].type, continuation);
  EXPECT_EQ(all[7].type, data);
}

TEST_F(ClientSessionTest, GoawayRefusesWhatTheServerWillNotLookAt) {
  asked& two = client->ask(bytes_of("x"));
  asked& three = client->ask(bytes_of("y"));
  drain();
  two.then_closed = [&] { client->s.reset(three, error_code::cancel); };
  says(frame(goaway, 0, 0, number(1) + number(0) + std::string(2'000, 'd')));
  EXPECT_TRUE(fed);
  EXPECT_EQ(client->goaways.size(), 1u);
  EXPECT_EQ(two.why, error_code::refused_stream);
  EXPECT_EQ(three.why, error_code::refused_stream);
  EXPECT_FALSE(one->closed);
  EXPECT_FALSE(client->s.finished_reading());
  says(frame(headers, end_headers | end_stream, 1, ok_block));
  EXPECT_EQ(one->order, "hec");
  EXPECT_TRUE(client->s.finished_reading());
}

TEST(ClientSessionLimitsDeathTest, WindowsAndFramesMustBeThoseOfTheProtocol) {
  limits l;
  l.stream_window = 0x8000'0000u;
  EXPECT_DEATH(client_side c(l), "stream_window <= INT32_MAX");
  l = {};
  l.frame_bytes_max = 100;
  EXPECT_DEATH(client_side c(l), "frame_bytes_least");
}

TEST(ClientSessionDeathTest, AStreamThatIsOpenMustNotBeDestroyed) {
  EXPECT_DEATH(
      {
        client_side c;
        asked r;
        static_cast<void>(c.s.request(r, message(bytes_of("x"))));
        r.~asked();
      },
      "session_ == nullptr");
}

}  // namespace
}  // namespace zc::http2
