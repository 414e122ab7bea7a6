// What must hold of `http2::session`: two of them understand each other however their bytes are
// cut, payload is never copied, windows are given back whatever becomes of a stream, answers are
// ordered so that clients see them, and every kind of flood ends in an error instead of in work.
//
// Method: a client and a server session joined in memory; for what no client of ours would send,
// frames made by hand. Arbitrary bytes are session_fuzz.cc; cost is session_bench.cc.

#include "zc/wire/http2/session.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"

namespace zc::http2 {
namespace {

using namespace std::chrono_literals;

std::string as_text(const bytes_chain& c) {
  std::string all;
  for (const bytes& piece : c) all += piece.text();
  return all;
}

bytes bytes_of(std::string text) {
  return bytes::from_string(std::move(text));
}

std::string pattern(std::size_t n) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

// A stream that writes down what happens to it.
class recorder final : public stream {
 public:
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<head_end> heads;
  bytes_chain data;
  std::size_t sent = 0;
  bool ended = false;
  bool closed = false;
  error_code why = error_code::no_error;
  std::string order;                         // h d e c
  std::function<void(recorder&)> then;       // at the end of the request or response
  std::function<void(recorder&)> then_head;  // at the end of a head

  std::string value(std::string_view name) const {
    for (const auto& [n, v] : fields) {
      if (n == name) return v;
    }
    return "(none)";
  }

 private:
  void on_field(token, std::string_view name, std::string_view value) override {
    fields.emplace_back(name, value);
  }
  void on_head(head_end how) override {
    heads.push_back(how);
    order += 'h';
    if (then_head) then_head(*this);
  }
  void on_data(bytes piece) override {
    if (order.empty() || order.back() != 'd') order += 'd';
    data.append(std::move(piece));
  }
  void on_end() override {
    ended = true;
    order += 'e';
    if (then) then(*this);
  }
  void on_sent(std::size_t n) override { sent += n; }
  void on_closed(error_code code) override {
    closed = true;
    why = code;
    order += 'c';
  }
};

class side final : public session_events {
 public:
  side(session::role r, const limits& l) : s(r, l, *this) {}

  stream* on_request() override {
    if (refuse) return nullptr;
    streams.push_back(std::make_unique<recorder>());
    streams.back()->then = then;
    streams.back()->then_head = then_head;
    return streams.back().get();
  }
  void on_settings() override { settings += 1; }
  void on_goaway(std::int32_t last, error_code why) override { goaways.emplace_back(last, why); }
  void on_ping_ack() override { pings += 1; }

  std::deque<std::unique_ptr<recorder>> streams;  // outlive the session below
  std::function<void(recorder&)> then;
  std::function<void(recorder&)> then_head;
  std::vector<std::pair<std::int32_t, error_code>> goaways;
  int settings = 0;
  int pings = 0;
  bool refuse = false;
  session s;
};

constexpr std::array<field, 6> request_head{{{":method", "POST", true},
                                             {":scheme", "http", true},
                                             {":path", "/a.B/C", true},
                                             {":authority", "test", true},
                                             {"content-type", "application/grpc", true},
                                             {"te", "trailers", true}}};
constexpr std::array<field, 2> ok_head{
    {{":status", "200", true}, {"content-type", "application/grpc", true}}};
constexpr std::array<field, 1> ok_trailers{{{"grpc-status", "0", true}}};

content message(bytes_chain body, std::span<const field> trailers = {}) {
  content c;
  c.prefix = {std::byte{0}, static_cast<std::byte>(body.size() >> 24),
              static_cast<std::byte>(body.size() >> 16), static_cast<std::byte>(body.size() >> 8),
              static_cast<std::byte>(body.size())};
  c.prefix_size = 5;
  c.body = std::move(body);
  c.trailers = trailers;
  return c;
}

// Server and client, joined.
class Http2SessionTest : public ::testing::Test {
 public:
  explicit Http2SessionTest(const limits& l = {})
      : server(session::role::server, l), client(session::role::client, l) {}

  static std::string take(side& from, std::size_t high_water = 1_MiB) {
    bytes_chain out;
    from.s.collect(out, high_water);
    return as_text(out);
  }
  void to_server(std::string text) {
    if (!text.empty()) server_fed = server.s.feed(bytes_of(std::move(text)), now);
  }
  void to_client(std::string text) {
    if (!text.empty()) client_fed = client.s.feed(bytes_of(std::move(text)), now);
  }
  // Until nobody has anything to say.
  void talk() {
    for (;;) {
      std::string up = take(client);
      std::string down = take(server);
      if (up.empty() && down.empty()) return;
      to_server(std::move(up));
      to_client(std::move(down));
    }
  }
  recorder& ask(bytes_chain body) {
    client.streams.push_back(std::make_unique<recorder>());
    EXPECT_TRUE(client.s.request(*client.streams.back(), request_head, message(std::move(body))));
    return *client.streams.back();
  }
  recorder& asked(std::size_t i = 0) { return *server.streams.at(i); }

  std::chrono::nanoseconds now{1'000'000};
  side server;
  side client;
  result<void> server_fed;
  result<void> client_fed;
};

TEST_F(Http2SessionTest, RequestAndAnswerCrossInFull) {
  server.then = [this](recorder& r) {
    server.s.respond(r, ok_head, message(bytes_of("answer"), ok_trailers));
  };
  recorder& r = ask(bytes_of("question"));
  talk();
  EXPECT_EQ(asked().value(":path"), "/a.B/C");
  EXPECT_EQ(asked().fields.size(), request_head.size());
  EXPECT_EQ(as_text(asked().data), std::string("\0\0\0\0\x08question", 13));
  EXPECT_EQ(asked().order, "hdec");
  EXPECT_EQ(asked().why, error_code::no_error);
  EXPECT_EQ(r.value(":status"), "200");
  EXPECT_EQ(r.value("grpc-status"), "0");
  EXPECT_EQ(as_text(r.data), std::string("\0\0\0\0\x06"
                                         "answer",
                                         11));
  EXPECT_EQ(r.order, "hdhec");
  EXPECT_EQ(r.heads.at(0).kind, head_kind::response);
  EXPECT_EQ(r.heads.at(1).kind, head_kind::trailers);
  EXPECT_TRUE(r.heads.at(1).last);
  EXPECT_EQ(r.sent, 8u);
  EXPECT_EQ(client.s.streams(), 0u);
  EXPECT_EQ(server.s.streams(), 0u);
  EXPECT_TRUE(server.s.greeted());
  EXPECT_FALSE(server.s.in_head());
}

TEST_F(Http2SessionTest, PayloadIsSharedBothWaysAndNeverCopied) {
  const std::string text = pattern(300'000);
  const bytes body = bytes_of(std::string(text));
  talk();
  const std::uint64_t copied = ledger::read().copied();
  recorder& r = ask(body);
  bytes_chain out;
  client.s.collect(out, 1_MiB);
  std::size_t shared = 0;
  for (const bytes& piece : out) shared += piece.shares_owner_with(body) ? piece.size() : 0;
  EXPECT_EQ(shared, body.size());
  EXPECT_EQ(r.sent, body.size());
  const bytes received = bytes_of(as_text(out));
  ASSERT_TRUE(server.s.feed(received, now));
  for (const bytes& piece : asked().data) EXPECT_TRUE(piece.shares_owner_with(received));
  EXPECT_EQ(as_text(asked().data).substr(5), text);
  EXPECT_EQ(ledger::read().copied(), copied);
}

TEST_F(Http2SessionTest, AMessageGoesInOneFrameAsFarAsThePeerAndTheLimitAllow) {
  talk();
  ask(bytes_of(pattern(200'000)));
  bytes_chain out;
  client.s.collect(out, 1_MiB);
  EXPECT_EQ(out.pieces(), 2u);  // all headers and the prefix in one piece, the body in another
}

// What a client says in a whole exchange, for tests that cut it.
std::string recorded_requests(std::size_t body_bytes) {
  side client(session::role::client, {});
  side server(session::role::server, {});
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
  recorder one, two;
  turn();
  EXPECT_TRUE(client.s.request(one, request_head, message(bytes_of(pattern(body_bytes)))));
  EXPECT_TRUE(client.s.request(two, request_head, message(bytes_of("second"))));
  turn();
  turn();
  client.s.forget(one);
  client.s.forget(two);
  return all;
}

void expect_both_requests(side& server, std::size_t body_bytes) {
  ASSERT_EQ(server.streams.size(), 2u);
  EXPECT_EQ(as_text(server.streams[0]->data).substr(5), pattern(body_bytes));
  EXPECT_EQ(as_text(server.streams[1]->data).substr(5), "second");
  EXPECT_TRUE(server.streams[0]->ended);
  EXPECT_TRUE(server.streams[1]->ended);
}

TEST(Http2CutTest, EveryCutPositionGivesTheSameRequests) {
  const std::string all = recorded_requests(700);
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    side server(session::role::server, {});
    ASSERT_TRUE(server.s.feed(bytes_of(all.substr(0, cut)), 1ms)) << cut;
    ASSERT_TRUE(server.s.feed(bytes_of(all.substr(cut)), 1ms)) << cut;
    expect_both_requests(server, 700);
  }
}

TEST(Http2CutTest, OneByteAtATimeGivesTheSameRequests) {
  const std::string all = recorded_requests(40'000);
  side server(session::role::server, {});
  const bytes whole = bytes_of(std::string(all));
  for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_TRUE(server.s.feed(whole.slice(i, 1), 1ms));
  expect_both_requests(server, 40'000);
  EXPECT_EQ(server.streams[0]->data.pieces(), 1u);  // slices side by side have grown together
}

TEST_F(Http2SessionTest, AFinalAnswerThatComesEarlyReachesTheClientBeforeItIsStopped) {
  talk();
  recorder& r = ask(bytes_of(pattern(20'000'000)));  // more than all windows: it cannot end
  server.then_head = [this](recorder& s) {
    const std::array<field, 3> head{
        {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "8"}}};
    server.s.respond(s, head, {});
  };
  talk();
  EXPECT_EQ(r.order, "hec");
  EXPECT_EQ(r.value("grpc-status"), "8");
  EXPECT_TRUE(r.heads.at(0).last);
  EXPECT_EQ(r.why, error_code::no_error);
  EXPECT_TRUE(asked().closed);
  EXPECT_EQ(server.s.streams(), 0u);
  // The connection lives, and so does its window.
  server.then_head = nullptr;
  for (int i = 0; i < 10; ++i) {
    ask(bytes_of(pattern(3'000'000)));
    talk();
    EXPECT_EQ(server.streams.back()->data.size(), 3'000'005u);
    EXPECT_TRUE(server.streams.back()->ended);
  }
}

TEST_F(Http2SessionTest, OutputStopsAtTheHighWaterMarkAndGoesOnWhereItStopped) {
  talk();
  recorder& r = ask(bytes_of(pattern(3'000'000)));
  std::string all;
  std::size_t rounds = 0;
  for (;;) {
    const std::string part = take(client, 100'000);
    if (part.empty()) break;
    EXPECT_LE(part.size(), 100'000 + 256_KiB + 64);  // one frame above the mark at most
    all += part;
    rounds += 1;
  }
  EXPECT_GE(rounds, 8u);
  EXPECT_EQ(r.sent, 3'000'000u);
  to_server(std::move(all));
  EXPECT_EQ(as_text(asked().data).substr(5), pattern(3'000'000));
}

class SmallWindows : public Http2SessionTest {
 public:
  static limits small() {
    limits l;
    l.stream_window = 65'535;
    l.connection_window = 65'535;
    return l;
  }
  SmallWindows() : Http2SessionTest(small()) {}
};

TEST_F(SmallWindows, LargeMessagesPassThroughThem) {
  recorder& r = ask(bytes_of(pattern(5'000'000)));
  server.then = [this](recorder& s) {
    server.s.respond(s, ok_head, message(bytes_of(pattern(1'000'000)), ok_trailers));
  };
  talk();
  EXPECT_EQ(as_text(asked().data).substr(5), pattern(5'000'000));
  EXPECT_EQ(as_text(r.data).substr(5), pattern(1'000'000));
}

TEST_F(SmallWindows, StreamsThatAreResetGiveTheirWindowBack) {
  for (int i = 0; i < 50; ++i) {
    recorder& r = ask(bytes_of(pattern(60'000)));
    to_server(take(client));
    to_client(take(server));
    to_server(take(client));
    recorder& s = *server.streams.back();
    EXPECT_GT(s.data.size(), 0u);
    if (i % 2 == 0) {
      client.s.reset(r, error_code::cancel);
    } else {
      server.s.reset(s, error_code::cancel);
    }
    talk();
    EXPECT_TRUE(r.closed);
    EXPECT_TRUE(s.closed);
  }
  ask(bytes_of(pattern(60'000)));
  talk();
  EXPECT_EQ(as_text(server.streams.back()->data).substr(5), pattern(60'000));
}

TEST_F(SmallWindows, AHeldWindowStopsThePeerUntilItIsLetGo) {
  talk();
  server.s.hold_window(true);
  ask(bytes_of(pattern(200'000)));
  talk();
  EXPECT_EQ(asked().data.size(), 65'535u);
  EXPECT_EQ(server.s.window_owed(), 65'535u);
  talk();
  EXPECT_FALSE(asked().ended);
  server.s.hold_window(false);
  talk();
  EXPECT_TRUE(asked().ended);
  EXPECT_EQ(as_text(asked().data).substr(5), pattern(200'000));
}

TEST_F(SmallWindows, DiscardedPayloadStillGivesItsWindowBack) {
  server.then_head = [](recorder& s) { s.discard(); };
  ask(bytes_of(pattern(60'000)));
  talk();
  ask(bytes_of(pattern(50'000)));
  talk();
  EXPECT_EQ(asked(0).data.size(), 0u);
  server.then_head = nullptr;
  ask(bytes_of(pattern(50'000)));
  talk();
  EXPECT_EQ(server.streams.back()->data.size(), 50'005u);
}

TEST_F(Http2SessionTest, DrainingLetsRequestsUnderWayEndAndRefusesLaterOnes) {
  recorder& before = ask(bytes_of("one"));
  talk();
  server.s.begin_drain();
  recorder& crossing = ask(bytes_of("two"));  // leaves before the notice arrives
  to_server(take(client));
  to_client(take(server));
  EXPECT_EQ(client.goaways.size(), 1u);
  EXPECT_FALSE(client.s.may_request());
  to_server(take(client));
  EXPECT_EQ(server.pings, 1);
  server.s.end_drain();
  talk();
  EXPECT_EQ(client.goaways.size(), 2u);
  EXPECT_FALSE(server.s.finished_reading());
  for (auto& s : server.streams) server.s.respond(*s, ok_head, message({}, ok_trailers));
  talk();
  EXPECT_EQ(before.value("grpc-status"), "0");
  EXPECT_EQ(crossing.value("grpc-status"), "0");
  EXPECT_TRUE(server.s.finished_reading());
  EXPECT_FALSE(server.s.wants_output());
  EXPECT_TRUE(client.s.finished_reading());
}

TEST_F(Http2SessionTest, StreamsAboveTheLastOneOfAGoawayAreRefused) {
  talk();
  server.s.end_drain();
  recorder& late = ask(bytes_of("late"));
  to_server(take(client));
  to_client(take(server));
  talk();
  EXPECT_TRUE(late.closed);
  EXPECT_EQ(late.why, error_code::refused_stream);
  EXPECT_TRUE(server.streams.empty());
}

TEST_F(Http2SessionTest, ARequestThatTheUserDoesNotTakeIsRefused) {
  server.refuse = true;
  recorder& r = ask(bytes_of("x"));
  talk();
  EXPECT_TRUE(r.closed);
  EXPECT_EQ(r.why, error_code::refused_stream);
}

TEST_F(Http2SessionTest, AForgottenStreamCausesNoCallbacks) {
  talk();
  recorder& r = ask(bytes_of(pattern(30'000'000)));  // its windows are too small
  talk();
  const std::string before = r.order;
  client.s.reset(r, error_code::cancel);
  client.s.forget(r);
  talk();
  EXPECT_EQ(r.order, before);
  EXPECT_FALSE(r.open());
  EXPECT_EQ(asked().why, error_code::cancel);
  server.s.forget(asked());  // a second time: no effect
}

TEST_F(Http2SessionTest, ASessionThatEndsClosesItsStreamsSilently) {
  recorder r;
  {
    side c(session::role::client, {});
    ASSERT_TRUE(c.s.request(r, request_head, message(bytes_of("x"))));
    EXPECT_TRUE(r.open());
  }
  EXPECT_FALSE(r.open());
  EXPECT_EQ(r.order, "");
}

TEST_F(Http2SessionTest, HundredsOfConcurrentStreamsKeepTheirBytesApart) {
  talk();
  server.then = [this](recorder& s) {
    server.s.respond(s, ok_head, message(bytes_chain(s.data), ok_trailers));
  };
  for (std::size_t i = 0; i < 700; ++i) ask(bytes_of(pattern(100 + i * 7)));
  talk();
  for (std::size_t i = 0; i < 700; ++i) {
    EXPECT_EQ(as_text(client.streams[i]->data).substr(10), pattern(100 + i * 7)) << i;
  }
}

// ----------------------------------------------------------------------- frames made by hand

std::string frame(unsigned type, unsigned flags, std::uint32_t id, std::string_view payload) {
  std::string f;
  f += static_cast<char>(payload.size() >> 16);
  f += static_cast<char>(payload.size() >> 8);
  f += static_cast<char>(payload.size());
  f += static_cast<char>(type);
  f += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) f += static_cast<char>(id >> shift);
  return f.append(payload);
}

constexpr unsigned data = 0, headers = 1, priority = 2, rst_stream = 3, settings = 4, ping = 6,
                   window_update = 8, continuation = 9;
constexpr unsigned end_stream = 1, end_headers = 4, padded = 8;

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
std::string number(std::uint32_t n) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(n >> shift);
  return text;
}

class Http2AbuseTest : public Http2SessionTest {
 public:
  Http2AbuseTest() {
    to_server(opening());
    static_cast<void>(take(server));
    to_server(frame(settings, 1, 0, {}));  // the acknowledgement puts our frame size in force
  }
  // Feeds `one` until the server has had enough; how often that took, or `at_most`.
  int until_refused(const std::function<std::string(int)>& one, int at_most, bool drain = true) {
    for (int i = 0; i < at_most; ++i) {
      to_server(one(i));
      if (drain) last_words += take(server);
      if (!server_fed || server.s.finished_reading()) {
        last_words += take(server);
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
  std::string last_words;
};

TEST_F(Http2AbuseTest, PaddedDataFramesAreUnderstood) {
  to_server(request_frame(1));
  to_server(frame(data, padded, 1,
                  std::string("\x03"
                              "abc\0\0\0",
                              7)));
  to_server(frame(data, padded, 1,
                  std::string("\x00"
                              "def",
                              4)));
  to_server(frame(data, padded | end_stream, 1, std::string("\x05\0\0\0\0\0", 6)));
  EXPECT_TRUE(server_fed);
  EXPECT_EQ(as_text(asked().data), "abcdef");
  EXPECT_TRUE(asked().ended);
}

TEST_F(Http2AbuseTest, PaddingIsGivenBackToTheWindowToo) {
  std::string payload(265, '\0');
  payload[0] = '\xff';  // so much of it is padding: all but nine bytes
  // 40 MB through a window of 16 MiB.
  for (std::uint32_t id = 1; id < 100; id += 2) {
    to_server(request_frame(id));
    for (int i = 0; i < 3'000; ++i) {
      to_server(frame(data, padded, id, payload));
      ASSERT_TRUE(server_fed);
    }
    to_server(frame(data, end_stream, id, "x"));
    static_cast<void>(take(server));
    ASSERT_FALSE(server.s.finished_reading()) << id;
    EXPECT_EQ(server.streams.back()->data.size(), 3'000u * 9 + 1);
    EXPECT_TRUE(server.streams.back()->ended);
  }
}

TEST_F(Http2AbuseTest, PingFloodsEndTheSessionAndSayWhy) {
  const int n = until_refused([](int) { return frame(ping, 0, 0, "12345678"); }, 10'000);
  EXPECT_GE(n, 100);
  EXPECT_LE(n, 500);
  EXPECT_NE(last_words.find("too_many_pings"), std::string::npos);
}

TEST_F(Http2AbuseTest, PingsThatNobodyAnswersEndTheSessionToo) {
  // All in one read: nothing is drained in between.
  std::string many;
  for (int i = 0; i < 5'000; ++i) many += frame(ping, 0, 0, "12345678");
  to_server(many);
  EXPECT_FALSE(server_fed);
}

TEST_F(Http2AbuseTest, APingPerAnswerIsNoFlood) {
  server.then = [this](recorder& s) { server.s.respond(s, ok_head, message({}, ok_trailers)); };
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    to_server(request_frame(2 * i + 1, end_headers | end_stream));
    to_server(frame(ping, 0, 0, "12345678"));
    to_server(frame(window_update, 0, 0, number(9)));
    static_cast<void>(take(server));
    ASSERT_TRUE(server_fed) << i;
    server.streams.clear();
  }
}

TEST_F(Http2AbuseTest, PingsOverTimeAreNoFlood) {
  for (int i = 0; i < 5'000; ++i) {
    now += 20ms;
    to_server(frame(ping, 0, 0, "12345678"));
    static_cast<void>(take(server));
    ASSERT_TRUE(server_fed) << i;
  }
}

TEST_F(Http2AbuseTest, SettingsFloodsEndTheSession) {
  EXPECT_LE(until_refused([](int) { return frame(settings, 0, 0, {}); }, 10'000), 500);
}

TEST_F(Http2AbuseTest, WindowUpdateFloodsEndTheSession) {
  EXPECT_LE(until_refused([](int) { return frame(window_update, 0, 0, number(1)); }, 10'000), 500);
}

TEST_F(Http2AbuseTest, PriorityFloodsEndTheSession) {
  EXPECT_LE(until_refused(
                [](int i) {
                  return frame(priority, 0, static_cast<std::uint32_t>(2 * i + 1),
                               std::string("\0\0\0\0\x10", 5));
                },
                10'000),
            500);
}

TEST_F(Http2AbuseTest, UnknownFramesAreIgnored) {
  for (int i = 0; i < 2'000; ++i) to_server(frame(0x42, 0xff, 0, "what"));
  to_server(request_frame(1, end_headers | end_stream));
  EXPECT_TRUE(server_fed);
  EXPECT_EQ(asked().order, "he");
}

TEST_F(Http2AbuseTest, EmptyDataFloodsEndTheSession) {
  to_server(request_frame(1));
  EXPECT_LE(until_refused([](int) { return frame(data, 0, 1, {}); }, 10'000), 500);
}

TEST_F(Http2AbuseTest, FramesOfPaddingAloneEndTheSession) {
  to_server(request_frame(1));
  EXPECT_LE(until_refused(
                [](int) {
                  std::string padding(200, '\0');
                  padding[0] = '\xc7';
                  return frame(data, padded, 1, padding);
                },
                10'000),
            500);
}

TEST_F(Http2AbuseTest, RapidResetsEndTheSession) {
  const int n = until_refused(
      [](int i) {
        const auto id = static_cast<std::uint32_t>(2 * i + 1);
        return request_frame(id) + frame(rst_stream, 0, id, number(8));
      },
      5'000);
  EXPECT_GE(n, 100);
  EXPECT_LE(n, 400);
}

TEST_F(Http2AbuseTest, ErrorsThatMakeUsResetEndTheSession) {
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

TEST_F(Http2AbuseTest, ContinuationFloodsEndTheSession) {
  to_server(frame(headers, 0, 1, request_block()));
  EXPECT_TRUE(server.s.in_head());
  EXPECT_LE(until_refused([](int) { return frame(continuation, 0, 1, {}); }, 1'000), 10);
}

TEST_F(Http2AbuseTest, ABlockInThreeFramesIsNoFlood) {
  const std::string block = request_block();
  to_server(frame(headers, end_stream, 1, block.substr(0, 3)) +
            frame(continuation, 0, 1, block.substr(3, 3)));
  EXPECT_TRUE(server.s.in_head());
  to_server(frame(continuation, end_headers, 1, block.substr(6)));
  EXPECT_TRUE(server_fed);
  EXPECT_FALSE(server.s.in_head());
  EXPECT_EQ(asked().value(":path"), "/x");
}

TEST_F(Http2AbuseTest, HeadsAboveTheLimitAreReportedAndTheSessionLives) {
  // 200 references to a field that is in the static table: a few bytes on the wire.
  to_server(
      frame(headers, end_headers | end_stream, 1, request_block() + std::string(200, '\x90')));
  ASSERT_TRUE(server_fed);
  ASSERT_EQ(asked().heads.size(), 1u);
  EXPECT_TRUE(asked().heads[0].too_large);
  EXPECT_LE(asked().fields.size(), 100u);
  to_server(request_frame(3, end_headers | end_stream));
  EXPECT_FALSE(asked(1).heads.at(0).too_large);  // the table of fields is still right
  EXPECT_EQ(asked(1).value(":path"), "/x");
}

TEST_F(Http2AbuseTest, HeadsFarAboveTheLimitEndTheSessionWhileTheyAreRead) {
  to_server(frame(headers, end_headers, 1, request_block() + std::string(100'000, '\x90')));
  EXPECT_FALSE(server_fed);
  EXPECT_LE(asked().fields.size(), 100u);
}

TEST_F(Http2AbuseTest, FieldsThatAreIgnoredForTheirBytesCountToo) {
  // "a b": 1, put into the table once, and then named by one byte each.
  const std::string ignored(
      "\x40\x03"
      "a b\x01"
      "1",
      7);
  to_server(
      frame(headers, end_headers, 1, request_block() + ignored + std::string(100'000, '\xbe')));
  EXPECT_FALSE(server_fed);
  EXPECT_TRUE(server.s.finished_reading());
}

TEST_F(Http2AbuseTest, ABlockThatNobodyLooksAtIsBoundedByItsSize) {
  to_server(request_frame(1));
  server.s.goaway(error_code::no_error);
  static_cast<void>(take(server));
  // Above the last stream of the GOAWAY: decoded for the table's sake, and ignored.
  to_server(frame(headers, end_headers, 3, request_block() + std::string(100'000, '\x90')));
  ASSERT_TRUE(server_fed);
  to_server(frame(headers, end_headers, 5, request_block() + std::string(200'000, '\x90')));
  EXPECT_FALSE(server_fed);
  last_words = take(server);
  EXPECT_TRUE(said_goaway(error_code::enhance_your_calm));
}

TEST_F(Http2AbuseTest, ABlockInFramesCountsAsAWhole) {
  // Updates of the table's size carry no field: nothing but their bytes can be counted.
  to_server(frame(headers, 0, 1, std::string(100'000, '\x20')) +
            frame(continuation, 0, 1, std::string(100'000, '\x20')));
  EXPECT_FALSE(server_fed);
}

TEST_F(Http2AbuseTest, ALongFieldCountsWithItsSize) {
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
  to_server(frame(headers, end_headers | end_stream, 1, block + value));
  ASSERT_TRUE(server_fed);
  EXPECT_TRUE(asked().heads.at(0).too_large);
}

TEST_F(Http2AbuseTest, AMessageInTooManyFramesIsReset) {
  to_server(request_frame(1));
  for (int i = 0; i < 10'000 && !asked().closed; ++i) {
    to_server(frame(data, 0, 1, "x"));
    ASSERT_TRUE(server_fed);
    static_cast<void>(take(server));
  }
  EXPECT_TRUE(asked().closed);
  EXPECT_EQ(asked().why, error_code::enhance_your_calm);
  EXPECT_GE(asked().data.size(), 4'000u);
}

TEST_F(Http2AbuseTest, BytesThatAreNoHttp2EndTheSession) {
  side other(session::role::server, {});
  EXPECT_FALSE(other.s.feed(bytes_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), now));
  EXPECT_TRUE(other.s.finished_reading());
  EXPECT_FALSE(other.s.feed(bytes_of("more"), now));
}

TEST_F(Http2AbuseTest, AFrameThatIsTooLargeEndsTheSessionWithAReason) {
  std::string large = frame(data, 0, 1, {});
  large[0] = '\x7f';
  to_server(request_frame(1) + large);
  last_words = take(server);
  EXPECT_TRUE(server.s.finished_reading());
  EXPECT_TRUE(said_goaway(error_code::frame_size_error));
}

}  // namespace
}  // namespace zc::http2
