// What must hold of `http2::session` beside any client: one that we did not write is understood,
// requests are the same however their bytes are cut, and every kind of flood ends in an error
// instead of in work.
//
// Method: what a client of ours says, cut, nghttp2's client, and frames made by hand. Two ends
// joined are session_pair_test.cc, arbitrary bytes session_fuzz.cc; cost is session_bench.cc.

#include "zc/wire/http2/session.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/wire/http2/nghttp2_client_for_tests.h"
#include "zc/wire/http2/sessions_for_tests.h"

namespace zc::http2 {
namespace {

using namespace std::chrono_literals;
using namespace for_tests;

// What a client says in a whole exchange, for tests that cut it.
std::string recorded_requests(std::size_t body_bytes) {
  client_side client;
  server_side server;
  std::string all;
  const auto turn = [&] {
    bytes_chain up;
    client.s.collect(up);
    all += as_text(up);
    if (!up.empty()) {
      EXPECT_TRUE(server.s.feed(bytes_of(as_text(up)), 1ms));
    }
    bytes_chain down;
    server.s.collect(down);
    if (!down.empty()) {
      EXPECT_TRUE(client.s.feed(bytes_of(as_text(down)), 1ms));
    }
  };
  turn();
  client.ask(bytes_of(pattern(body_bytes)));
  client.ask(bytes_of("second"));
  turn();
  turn();
  return all;
}

void expect_both_requests(server_side& server, std::size_t body_bytes) {
  ASSERT_EQ(server.streams.size(), 2u);
  EXPECT_EQ(as_text(server.streams[0]->data).substr(5), pattern(body_bytes));
  EXPECT_EQ(as_text(server.streams[1]->data).substr(5), "second");
  EXPECT_TRUE(server.streams[0]->ended);
  EXPECT_TRUE(server.streams[1]->ended);
}

TEST(SessionCutTest, EveryCutPositionGivesTheSameRequests) {
  const std::string all = recorded_requests(700);
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    server_side server;
    ASSERT_TRUE(server.s.feed(bytes_of(all.substr(0, cut)), 1ms)) << cut;
    ASSERT_TRUE(server.s.feed(bytes_of(all.substr(cut)), 1ms)) << cut;
    expect_both_requests(server, 700);
  }
}

TEST(SessionCutTest, OneByteAtATimeGivesTheSameRequests) {
  const std::string all = recorded_requests(40'000);
  server_side server;
  const bytes whole = bytes_of(std::string(all));
  for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_TRUE(server.s.feed(whole.slice(i, 1), 1ms));
  expect_both_requests(server, 40'000);
  EXPECT_EQ(server.streams[0]->data.pieces(), 1u);  // slices side by side have grown together
}

// ----------------------------------------------------------------- beside a client of nghttp2

struct foreign_call final : nghttp2_call {
  void on_field(token, std::string_view name, std::string_view value) override {
    fields.append(name).append("=").append(value).append(" ");
  }
  void on_data(bytes piece) override { data.append(std::move(piece)); }
  std::string fields;
  bytes_chain data;
};

TEST(SessionTest, AClientThatWeDidNotWriteIsUnderstood) {
  constexpr std::array<field, 6> head{{{":method", "POST", true},
                                       {":scheme", "http", true},
                                       {":path", "/a.B/C", true},
                                       {":authority", "test", true},
                                       {"content-type", "application/grpc", true},
                                       {"te", "trailers", true}}};
  server_side server;
  server.then = [&](served& r) {
    server.s.respond(r, ok_head, message(bytes_chain(r.data), ok_trailers));
  };
  nghttp2_client client;
  std::vector<foreign_call> calls(300);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    client.request(calls[i], head, message(bytes_of(pattern(i * i * 10, i))));
  }
  for (bool quiet = false; !quiet;) {
    bytes_chain up, down;
    client.collect(up);
    ASSERT_TRUE(up.empty() || server.s.feed(bytes_of(as_text(up)), 1ms));
    server.s.collect(down);
    ASSERT_TRUE(down.empty() || client.feed(bytes_of(as_text(down)), 1ms));
    quiet = up.empty() && down.empty();
  }
  EXPECT_EQ(client.streams(), 0u);
  EXPECT_EQ(server.s.streams(), 0u);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const served& r = *server.streams.at(i);
    EXPECT_EQ(r.value(":path"), "/a.B/C");
    EXPECT_EQ(r.fields.size(), head.size());
    EXPECT_EQ(r.order, "hdec");
    EXPECT_TRUE(calls[i].closed);
    EXPECT_EQ(calls[i].fields, ":status=200 content-type=application/grpc grpc-status=0 ");
    ASSERT_EQ(as_text(calls[i].data).substr(10), pattern(i * i * 10, i)) << i;
  }
}

// ----------------------------------------------------------------------- frames made by hand

// POST http /x, indexed and literal without indexing.
std::string request_block() {
  return std::string("\x83\x86\x04\x02/x\x01\x01h", 9);
}
std::string request_frame(std::uint32_t id, unsigned flags = end_headers) {
  return frame(headers, flags, id, request_block());
}
std::string opening() {
  return std::string(preface) + frame(settings, 0, 0, {});
}

class SessionAbuseTest : public ::testing::Test {
 public:
  SessionAbuseTest() {
    says(opening());
    static_cast<void>(take());
    says(frame(settings, 1, 0, {}));  // the acknowledgement puts our frame size in force
  }
  std::string take() {
    bytes_chain out;
    server.s.collect(out, 1_MiB);
    return as_text(out);
  }
  void says(std::string text) {
    if (!text.empty()) fed = server.s.feed(bytes_of(std::move(text)), now);
  }
  served& at_server(std::size_t i = 0) { return *server.streams.at(i); }
  // Feeds `one` until the server has had enough; how often that took, or `at_most`.
  int until_refused(const std::function<std::string(int)>& one, int at_most, bool drain = true) {
    for (int i = 0; i < at_most; ++i) {
      says(one(i));
      if (drain) last_words += take();
      if (!fed || server.s.finished_reading()) {
        last_words += take();
        return i;
      }
    }
    return at_most;
  }
  bool said_goaway(error_code why) const {
    return last_words.find(std::string("\x00\x00\x00", 3) + static_cast<char>(why)) !=
               std::string::npos &&
           last_words.find('\x07') != std::string::npos;
  }

  std::chrono::nanoseconds now{1'000'000};
  server_side server;
  result<void> fed;
  std::string last_words;
};

TEST_F(SessionAbuseTest, PaddedDataFramesAreUnderstood) {
  says(request_frame(1));
  says(frame(data, padded, 1,
             std::string("\x03"
                         "abc\0\0\0",
                         7)));
  says(frame(data, padded, 1,
             std::string("\x00"
                         "def",
                         4)));
  says(frame(data, padded | end_stream, 1, std::string("\x05\0\0\0\0\0", 6)));
  EXPECT_TRUE(fed);
  EXPECT_EQ(as_text(at_server().data), "abcdef");
  EXPECT_TRUE(at_server().ended);
}

TEST_F(SessionAbuseTest, PaddingIsGivenBackToTheWindowToo) {
  std::string payload(265, '\0');
  payload[0] = '\xff';  // so much of it is padding: all but nine bytes
  // 40 MB through a window of 16 MiB.
  for (std::uint32_t id = 1; id < 100; id += 2) {
    says(request_frame(id));
    for (int i = 0; i < 3'000; ++i) {
      says(frame(data, padded, id, payload));
      ASSERT_TRUE(fed);
    }
    says(frame(data, end_stream, id, "x"));
    static_cast<void>(take());
    ASSERT_FALSE(server.s.finished_reading()) << id;
    EXPECT_EQ(server.streams.back()->data.size(), 3'000u * 9 + 1);
    EXPECT_TRUE(server.streams.back()->ended);
  }
}

TEST_F(SessionAbuseTest, PingFloodsEndTheSessionAndSayWhy) {
  const int n = until_refused([](int) { return frame(ping, 0, 0, "12345678"); }, 10'000);
  EXPECT_GE(n, 100);
  EXPECT_LE(n, 500);
  EXPECT_NE(last_words.find("too_many_pings"), std::string::npos);
}

TEST_F(SessionAbuseTest, PingsThatNobodyAnswersEndTheSessionToo) {
  // All in one read: nothing is drained in between.
  std::string many;
  for (int i = 0; i < 5'000; ++i) many += frame(ping, 0, 0, "12345678");
  says(many);
  EXPECT_FALSE(fed);
}

TEST_F(SessionAbuseTest, APingPerAnswerIsNoFlood) {
  server.then = [this](served& s) { server.s.respond(s, ok_head, message({}, ok_trailers)); };
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    says(request_frame(2 * i + 1, end_headers | end_stream));
    says(frame(ping, 0, 0, "12345678"));
    says(frame(window_update, 0, 0, number(9)));
    static_cast<void>(take());
    ASSERT_TRUE(fed) << i;
    server.streams.clear();
  }
}

TEST_F(SessionAbuseTest, PingsOverTimeAreNoFlood) {
  for (int i = 0; i < 5'000; ++i) {
    now += 20ms;
    says(frame(ping, 0, 0, "12345678"));
    static_cast<void>(take());
    ASSERT_TRUE(fed) << i;
  }
}

TEST_F(SessionAbuseTest, SettingsFloodsEndTheSession) {
  EXPECT_LE(until_refused([](int) { return frame(settings, 0, 0, {}); }, 10'000), 500);
}

TEST_F(SessionAbuseTest, WindowUpdateFloodsEndTheSession) {
  EXPECT_LE(until_refused([](int) { return frame(window_update, 0, 0, number(1)); }, 10'000), 500);
}

TEST_F(SessionAbuseTest, PriorityFloodsEndTheSession) {
  EXPECT_LE(until_refused(
                [](int i) {
                  return frame(priority, 0, static_cast<std::uint32_t>(2 * i + 1),
                               std::string("\0\0\0\0\x10", 5));
                },
                10'000),
            500);
}

TEST_F(SessionAbuseTest, UnknownFramesAreIgnored) {
  for (int i = 0; i < 2'000; ++i) says(frame(0x42, 0xff, 0, "what"));
  says(request_frame(1, end_headers | end_stream));
  EXPECT_TRUE(fed);
  EXPECT_EQ(at_server().order, "he");
}

TEST_F(SessionAbuseTest, EmptyDataFloodsEndTheSession) {
  says(request_frame(1));
  EXPECT_LE(until_refused([](int) { return frame(data, 0, 1, {}); }, 10'000), 500);
}

TEST_F(SessionAbuseTest, FramesOfPaddingAloneEndTheSession) {
  says(request_frame(1));
  EXPECT_LE(until_refused(
                [](int) {
                  std::string padding(200, '\0');
                  padding[0] = '\xc7';
                  return frame(data, padded, 1, padding);
                },
                10'000),
            500);
}

TEST_F(SessionAbuseTest, RapidResetsEndTheSession) {
  const int n = until_refused(
      [](int i) {
        const auto id = static_cast<std::uint32_t>(2 * i + 1);
        return request_frame(id) + frame(rst_stream, 0, id, number(8));
      },
      5'000);
  EXPECT_GE(n, 100);
  EXPECT_LE(n, 400);
}

TEST_F(SessionAbuseTest, ErrorsThatMakeUsResetEndTheSession) {
  // A window that overflows is the stream's error: cheap for the peer, and each costs us a stream.
  const int n = until_refused(
      [](int i) {
        const auto id = static_cast<std::uint32_t>(2 * i + 1);
        return request_frame(id) + frame(window_update, 0, id, number(0x7fffffff));
      },
      5'000);
  EXPECT_GE(n, 50);
  EXPECT_LE(n, 300);
  EXPECT_GE(server.s.own_resets(), 50u);
}

TEST_F(SessionAbuseTest, ContinuationFloodsEndTheSession) {
  says(frame(headers, 0, 1, request_block()));
  EXPECT_TRUE(server.s.in_head());
  EXPECT_LE(until_refused([](int) { return frame(continuation, 0, 1, {}); }, 1'000), 10);
}

TEST_F(SessionAbuseTest, ABlockInThreeFramesIsNoFlood) {
  const std::string block = request_block();
  says(frame(headers, end_stream, 1, block.substr(0, 3)) +
       frame(continuation, 0, 1, block.substr(3, 3)));
  EXPECT_TRUE(server.s.in_head());
  says(frame(continuation, end_headers, 1, block.substr(6)));
  EXPECT_TRUE(fed);
  EXPECT_FALSE(server.s.in_head());
  EXPECT_EQ(at_server().value(":path"), "/x");
}

TEST_F(SessionAbuseTest, HeadsAboveTheLimitAreReportedAndTheSessionLives) {
  // 200 references to a field that is in the static table: a few bytes on the wire.
  says(frame(headers, end_headers | end_stream, 1, request_block() + std::string(200, '\x90')));
  ASSERT_TRUE(fed);
  ASSERT_EQ(at_server().heads.size(), 1u);
  EXPECT_TRUE(at_server().heads[0].too_large);
  EXPECT_LE(at_server().fields.size(), 100u);
  says(request_frame(3, end_headers | end_stream));
  EXPECT_FALSE(at_server(1).heads.at(0).too_large);  // the table of fields is still right
  EXPECT_EQ(at_server(1).value(":path"), "/x");
}

TEST_F(SessionAbuseTest, HeadsFarAboveTheLimitEndTheSessionWhileTheyAreRead) {
  says(frame(headers, end_headers, 1, request_block() + std::string(100'000, '\x90')));
  EXPECT_FALSE(fed);
  EXPECT_LE(at_server().fields.size(), 100u);
}

TEST_F(SessionAbuseTest, FieldsThatAreIgnoredForTheirBytesCountToo) {
  // "a b": 1, put into the table once, and then named by one byte each.
  const std::string ignored(
      "\x40\x03"
      "a b\x01"
      "1",
      7);
  says(frame(headers, end_headers, 1, request_block() + ignored + std::string(100'000, '\xbe')));
  EXPECT_FALSE(fed);
  EXPECT_TRUE(server.s.finished_reading());
}

TEST_F(SessionAbuseTest, ABlockThatNobodyLooksAtIsBoundedByItsSize) {
  says(request_frame(1));
  server.s.goaway(error_code::no_error);
  static_cast<void>(take());
  // Above the last stream of the GOAWAY: decoded for the table's sake, and ignored.
  says(frame(headers, end_headers, 3, request_block() + std::string(100'000, '\x90')));
  ASSERT_TRUE(fed);
  says(frame(headers, end_headers, 5, request_block() + std::string(200'000, '\x90')));
  EXPECT_FALSE(fed);
  last_words = take();
  EXPECT_TRUE(said_goaway(error_code::enhance_your_calm));
}

TEST_F(SessionAbuseTest, ABlockInFramesCountsAsAWhole) {
  // Updates of the table's size carry no field: nothing but their bytes can be counted.
  says(frame(headers, 0, 1, std::string(100'000, '\x20')) +
       frame(continuation, 0, 1, std::string(100'000, '\x20')));
  EXPECT_FALSE(fed);
}

TEST_F(SessionAbuseTest, ALongFieldCountsWithItsSize) {
  const std::string value(17'000, 'v');
  std::string block = request_block() + std::string(
                                            "\x00\x01"
                                            "a\x7f",
                                            4);
  // 17 000 as an HPACK integer behind the 7-bit prefix 127.
  for (std::size_t n = value.size() - 127;; n >>= 7) {
    block += static_cast<char>(n >= 128 ? (n & 127) | 128 : n);
    if (n < 128) break;
  }
  says(frame(headers, end_headers | end_stream, 1, block + value));
  ASSERT_TRUE(fed);
  EXPECT_TRUE(at_server().heads.at(0).too_large);
}

TEST_F(SessionAbuseTest, AMessageInTooManyFramesIsReset) {
  says(request_frame(1));
  for (int i = 0; i < 10'000 && !at_server().closed; ++i) {
    says(frame(data, 0, 1, "x"));
    ASSERT_TRUE(fed);
    static_cast<void>(take());
  }
  EXPECT_TRUE(at_server().closed);
  EXPECT_EQ(at_server().why, error_code::enhance_your_calm);
  EXPECT_GE(at_server().data.size(), 4'000u);
}

TEST_F(SessionAbuseTest, BytesThatAreNoHttp2EndTheSession) {
  server_side other;
  EXPECT_FALSE(other.s.feed(bytes_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), now));
  EXPECT_TRUE(other.s.finished_reading());
  EXPECT_FALSE(other.s.feed(bytes_of("more"), now));
}

TEST_F(SessionAbuseTest, AFrameThatIsTooLargeEndsTheSessionWithAReason) {
  std::string large = frame(data, 0, 1, {});
  large[0] = '\x7f';
  says(request_frame(1) + large);
  last_words = take();
  EXPECT_TRUE(server.s.finished_reading());
  EXPECT_TRUE(said_goaway(error_code::frame_size_error));
}

}  // namespace
}  // namespace zc::http2
