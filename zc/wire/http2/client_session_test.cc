// What must hold of `client_session`: a server that we did not write understands it and is
// understood, however the bytes are cut and however small the windows are; payload is never copied;
// whatever a hostile server sends ends a stream or the session with the right code, in bounded
// memory, and never the process.
//
// Method: nghttp2's server side (http2::session) is the peer for conformance; frames made by hand
// say what no library would. Arbitrary bytes are client_session_fuzz.cc; cost is
// client_session_bench.cc.

#include "zc/wire/http2/client_session.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/testing/seed.h"
#include "zc/wire/http2/session.h"

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

std::string pattern(std::size_t n, std::size_t seed = 0) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>(i * 31 + i / 251 + seed * 7);
  return text;
}

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

constexpr std::array<field, 5> common{{{":method", "POST", true},
                                       {":scheme", "http", true},
                                       {":authority", "test", true},
                                       {"content-type", "application/grpc", true},
                                       {"te", "trailers", true}}};
constexpr std::array<field, 2> ok_head{
    {{":status", "200", true}, {"content-type", "application/grpc", true}}};
constexpr std::array<field, 1> ok_trailers{{{"grpc-status", "0", true}}};

// A request that writes down what happens to it.
class asked final : public client_stream {
 public:
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<head_end> heads;
  bytes_chain data;
  std::size_t sent = 0;
  bool closed = false;
  error_code why = error_code::no_error;
  std::string order;  // h d e c
  std::string path = "/a.B/C";
  std::function<void()> then_head, then_data, then_end, then_sent, then_closed;

  std::string value(std::string_view name) const {
    for (const auto& [n, v] : fields) {
      if (n == name) return v;
    }
    return "(none)";
  }

 private:
  void write_head(head_encoder& to) override {
    to.put({":path", path, true});
    to.put_common();
  }
  void on_field(token, std::string_view name, std::string_view value) override {
    fields.emplace_back(name, value);
  }
  void on_head(head_end how) override {
    heads.push_back(how);
    order += 'h';
    if (then_head) then_head();
  }
  void on_data(bytes piece) override {
    if (order.empty() || order.back() != 'd') order += 'd';
    data.append(std::move(piece));
    if (then_data) then_data();
  }
  void on_end() override {
    order += 'e';
    if (then_end) then_end();
  }
  void on_sent(std::size_t n) override {
    sent += n;
    if (then_sent) then_sent();
  }
  void on_closed(error_code code) override {
    closed = true;
    why = code;
    order += 'c';
    if (then_closed) then_closed();
  }
};

class client_side final : public session_events {
 public:
  explicit client_side(const limits& l = {}) : s(l, *this, common) {}
  void on_settings() override { settings += 1; }
  void on_goaway(std::int32_t last, error_code why) override { goaways.emplace_back(last, why); }
  void on_ping_ack() override { pings += 1; }

  asked& ask(bytes_chain body) {
    streams.push_back(std::make_unique<asked>());
    EXPECT_TRUE(s.request(*streams.back(), message(std::move(body))));
    return *streams.back();
  }

  std::deque<std::unique_ptr<asked>> streams;  // outlive the session below
  std::vector<std::pair<std::int32_t, error_code>> goaways;
  int settings = 0;
  int pings = 0;
  client_session s;
};

// The server: what it was asked, and what it does when a request has come.
class served final : public stream {
 public:
  std::vector<std::pair<std::string, std::string>> fields;
  bytes_chain data;
  bool ended = false;
  bool closed = false;
  error_code why = error_code::no_error;
  std::function<void(served&)> then, then_head;

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
  void on_head(head_end) override {
    if (then_head) then_head(*this);
  }
  void on_data(bytes piece) override { data.append(std::move(piece)); }
  void on_end() override {
    ended = true;
    if (then) then(*this);
  }
  void on_closed(error_code code) override {
    closed = true;
    why = code;
  }
};

class server_side final : public session_events {
 public:
  explicit server_side(const limits& l = {}) : s(session::role::server, l, *this) {}
  stream* on_request() override {
    if (refuse) return nullptr;
    streams.push_back(std::make_unique<served>());
    streams.back()->then = then;
    streams.back()->then_head = then_head;
    return streams.back().get();
  }
  void on_ping_ack() override { pings += 1; }
  void on_goaway(std::int32_t, error_code why) override { goaways.push_back(why); }

  std::deque<std::unique_ptr<served>> streams;
  std::function<void(served&)> then, then_head;
  std::vector<error_code> goaways;
  int pings = 0;
  bool refuse = false;
  session s;
};

// ----------------------------------------------------------------- beside a server of nghttp2

class ClientSessionTest : public ::testing::Test {
 public:
  explicit ClientSessionTest(const limits& s = {}, const limits& c = {}) : server(s), client(c) {}

  template <class Side>
  static std::string take(Side& from, std::size_t high_water = 1_MiB) {
    bytes_chain out;
    from.s.collect(out, high_water);
    return as_text(out);
  }
  void to_server(std::string text) {
    if (text.empty()) return;
    ASSERT_TRUE(server.s.feed(bytes_of(std::move(text)), now));
  }
  void to_client(std::string text) {
    if (text.empty()) return;
    ASSERT_TRUE(client.s.feed(bytes_of(std::move(text)), now));
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
  void answer_all() {
    server.then = [this](served& r) {
      server.s.respond(r, ok_head, message(bytes_of("answer"), ok_trailers));
    };
  }
  served& at_server(std::size_t i = 0) { return *server.streams.at(i); }

  std::chrono::nanoseconds now{1'000'000};
  server_side server;
  client_side client;
};

TEST_F(ClientSessionTest, RequestAndAnswerCrossInFull) {
  answer_all();
  asked& r = client.ask(bytes_of("question"));
  talk();
  EXPECT_EQ(at_server().value(":path"), "/a.B/C");
  EXPECT_EQ(at_server().value(":authority"), "test");
  EXPECT_EQ(at_server().value("te"), "trailers");
  EXPECT_EQ(at_server().fields.size(), common.size() + 1);
  EXPECT_EQ(as_text(at_server().data), std::string("\0\0\0\0\x08question", 13));
  EXPECT_EQ(at_server().why, error_code::no_error);
  EXPECT_EQ(r.value(":status"), "200");
  EXPECT_EQ(r.value("grpc-status"), "0");
  EXPECT_EQ(as_text(r.data), std::string("\0\0\0\0\x06"
                                         "answer",
                                         11));
  EXPECT_EQ(r.order, "hdhec");
  EXPECT_EQ(r.heads.at(0).kind, head_kind::response);
  EXPECT_EQ(r.heads.at(1).kind, head_kind::trailers);
  EXPECT_TRUE(r.heads.at(1).last);
  EXPECT_EQ(r.why, error_code::no_error);
  EXPECT_EQ(r.sent, 8u);
  EXPECT_EQ(client.s.streams(), 0u);
  EXPECT_EQ(server.s.streams(), 0u);
  EXPECT_TRUE(client.s.greeted());
  EXPECT_EQ(client.settings, 1);
  EXPECT_EQ(client.s.peer_streams_max(), 1'000u);
}

TEST_F(ClientSessionTest, PayloadIsSharedBothWaysAndNeverCopied) {
  const bytes body = bytes_of(pattern(200'000));
  talk();
  const std::uint64_t copied = ledger::read().copied();
  asked& r = client.ask(body);
  bytes_chain out;
  client.s.collect(out, 1_MiB);
  EXPECT_EQ(out.pieces(), 2u);  // all heads and the prefix in one piece, the body in another
  EXPECT_TRUE(out.view()[1].shares_owner_with(body));
  EXPECT_EQ(out.view()[1].size(), body.size());
  EXPECT_EQ(r.sent, body.size());
  to_server(as_text(out));
  server.s.respond(at_server(), ok_head, message(bytes_of(pattern(100'000)), ok_trailers));
  const bytes answer = bytes_of(take(server));
  ASSERT_TRUE(client.s.feed(answer, now));
  EXPECT_EQ(as_text(r.data).substr(5), pattern(100'000));
  for (const bytes& piece : r.data) EXPECT_TRUE(piece.shares_owner_with(answer));
  EXPECT_EQ(ledger::read().copied(), copied);
}

TEST_F(ClientSessionTest, AfterTheFirstRequestAHeadIsAHandfulOfBytes) {
  talk();
  client.ask(bytes_of("x"));
  const std::size_t first = take(client).size();
  client.ask(bytes_of("x"));
  const std::size_t second = take(client).size();
  EXPECT_GT(first, second);
  EXPECT_EQ(second, 9 + common.size() + 1 + 9 + 5 + 1);
}

TEST_F(ClientSessionTest, AnswersThatRepeatAreKnownAtSight) {
  answer_all();
  for (int i = 0; i < 50; ++i) {
    client.ask(bytes_of("x"));
    talk();
    EXPECT_EQ(client.streams.back()->value("grpc-status"), "0");
  }
  EXPECT_GE(client.s.heads_known(), 90u);
}

TEST_F(ClientSessionTest, HundredsOfConcurrentStreamsKeepTheirBytesApart) {
  talk();
  server.then = [this](served& s) {
    server.s.respond(s, ok_head, message(bytes_chain(s.data), ok_trailers));
  };
  for (std::size_t i = 0; i < 900; ++i) client.ask(bytes_of(pattern(100 + i * 7, i)));
  talk();
  for (std::size_t i = 0; i < 900; ++i) {
    ASSERT_EQ(as_text(client.streams[i]->data).substr(10), pattern(100 + i * 7, i)) << i;
    ASSERT_EQ(client.streams[i]->order, "hdhec") << i;
  }
}

TEST_F(ClientSessionTest, OutputStopsAtTheHighWaterMarkAndGoesOnWhereItStopped) {
  talk();
  asked& r = client.ask(bytes_of(pattern(3'000'000)));
  std::string all;
  std::size_t rounds = 0;
  for (;;) {
    const std::string part = take(client, 100'000);
    if (part.empty()) break;
    EXPECT_LE(part.size(), 100'000 + frame_bytes_least + 64);
    all += part;
    rounds += 1;
  }
  EXPECT_GE(rounds, 25u);
  EXPECT_EQ(r.sent, 3'000'000u);
  to_server(std::move(all));
  EXPECT_EQ(as_text(at_server().data).substr(5), pattern(3'000'000));
}

TEST_F(ClientSessionTest, AnEarlyAnswerIsHeardAndTheRestOfTheRequestStops) {
  talk();
  asked& r = client.ask(bytes_of(pattern(20'000'000)));  // more than all windows: it cannot end
  server.then_head = [this](served& s) {
    const std::array<field, 3> head{
        {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "8"}}};
    server.s.respond(s, head, {});
  };
  talk();
  EXPECT_EQ(r.order, "hec");
  EXPECT_EQ(r.value("grpc-status"), "8");
  EXPECT_EQ(r.why, error_code::no_error);
  EXPECT_TRUE(at_server().closed);
  server.then_head = nullptr;
  for (int i = 0; i < 10; ++i) {  // the connection's window is whole
    client.ask(bytes_of(pattern(3'000'000)));
    talk();
    EXPECT_EQ(server.streams.back()->data.size(), 3'000'005u);
  }
}

TEST_F(ClientSessionTest, AResetStopsTheServerAndCausesNoCallback) {
  talk();
  asked& r = client.ask(bytes_of(pattern(30'000'000)));
  talk();
  client.s.reset(r, error_code::cancel);
  EXPECT_FALSE(r.open());
  EXPECT_EQ(r.unsent(), 0u);
  talk();
  EXPECT_EQ(r.order, "");
  EXPECT_EQ(at_server().why, error_code::cancel);
  client.s.reset(r, error_code::cancel);  // a second time: no effect
  EXPECT_FALSE(client.s.wants_output());
}

TEST_F(ClientSessionTest, AResetBeforeAnythingWasSentIsSilent) {
  talk();
  asked& r = client.ask(bytes_of("x"));
  client.s.reset(r, error_code::cancel);
  EXPECT_FALSE(client.s.wants_output());
  EXPECT_EQ(take(client), "");
  answer_all();
  asked& next = client.ask(bytes_of("y"));
  talk();
  EXPECT_EQ(server.streams.size(), 1u);
  EXPECT_EQ(next.order, "hdhec");
}

TEST_F(ClientSessionTest, ARefusedStreamSaysSo) {
  server.refuse = true;
  asked& r = client.ask(bytes_of("x"));
  talk();
  EXPECT_EQ(r.order, "c");
  EXPECT_EQ(r.why, error_code::refused_stream);
}

TEST_F(ClientSessionTest, DrainingLetsRequestsUnderWayEnd) {
  asked& before = client.ask(bytes_of("one"));
  talk();
  server.s.begin_drain();
  asked& crossing = client.ask(bytes_of("two"));  // leaves before the notice arrives
  to_server(take(client));
  to_client(take(server));
  EXPECT_EQ(client.goaways.size(), 1u);
  EXPECT_FALSE(client.s.may_request());
  to_server(take(client));
  EXPECT_EQ(server.pings, 1);
  server.s.end_drain();
  talk();
  EXPECT_EQ(client.goaways.size(), 2u);
  EXPECT_FALSE(client.s.finished_reading());
  for (auto& s : server.streams) server.s.respond(*s, ok_head, message({}, ok_trailers));
  talk();
  EXPECT_EQ(before.value("grpc-status"), "0");
  EXPECT_EQ(crossing.value("grpc-status"), "0");
  EXPECT_TRUE(client.s.finished_reading());
  EXPECT_TRUE(server.s.finished_reading());
}

TEST_F(ClientSessionTest, StreamsAboveTheLastOneOfAGoawayAreRefused) {
  talk();
  server.s.end_drain();
  asked& late = client.ask(bytes_of("late"));
  to_server(take(client));
  to_client(take(server));
  EXPECT_EQ(late.why, error_code::refused_stream);
  EXPECT_TRUE(server.streams.empty());
  asked another;
  const auto no = client.s.request(another, message(bytes_of("x")));
  ASSERT_FALSE(no);
  EXPECT_EQ(no.error().code, errc::closed);
}

TEST_F(ClientSessionTest, OurGoawayEndsTheConnectionAfterTheLastAnswer) {
  talk();
  asked& r = client.ask(bytes_of("x"));
  talk();
  client.s.goaway(error_code::no_error);
  EXPECT_FALSE(client.s.may_request());
  talk();
  EXPECT_EQ(server.goaways, std::vector{error_code::no_error});
  EXPECT_FALSE(client.s.finished_reading());
  server.s.respond(at_server(), ok_head, message({}, ok_trailers));
  talk();
  EXPECT_EQ(r.order, "hdhec");
  EXPECT_TRUE(client.s.finished_reading());
}

TEST_F(ClientSessionTest, PingsAreAnsweredBothWays) {
  talk();
  client.s.ping();
  server.s.ping();
  talk();
  EXPECT_EQ(client.pings, 1);
  EXPECT_EQ(server.pings, 1);
}

TEST_F(ClientSessionTest, ASessionThatEndsClosesItsStreamsSilently) {
  asked r;
  {
    client_side c;
    ASSERT_TRUE(c.s.request(r, message(bytes_of("x"))));
    EXPECT_TRUE(r.open());
  }
  EXPECT_FALSE(r.open());
  EXPECT_EQ(r.order, "");
}

TEST_F(ClientSessionTest, CallbacksMayForgetAnyStreamAtAnyTime) {
  answer_all();
  // What happens to the second of three while the first is at each of its steps.
  for (int step = 0; step < 5; ++step) {
    for (bool itself : {false, true}) {
      asked& a = client.ask(bytes_of("a"));
      asked& b = client.ask(bytes_of("b"));
      asked& c = client.ask(bytes_of("c"));
      const auto act = [this, &a, &b, itself] {
        client.s.reset(itself ? a : b, error_code::cancel);
      };
      if (step == 0) a.then_head = act;
      if (step == 1) a.then_data = act;
      if (step == 2) a.then_end = act;
      if (step == 3) a.then_sent = act;
      if (step == 4) a.then_closed = act;
      talk();
      EXPECT_EQ(c.order, "hdhec");
      EXPECT_EQ(client.s.streams(), 0u) << step;
    }
  }
}

class OneStreamTest : public ClientSessionTest {
 public:
  static limits one() {
    limits l;
    l.streams_max = 1;
    return l;
  }
  OneStreamTest() : ClientSessionTest(one()) {}
};

TEST_F(OneStreamTest, MoreRequestsWaitForTheirTurnAndNoneIsRefused) {
  answer_all();
  talk();
  for (int i = 0; i < 20; ++i) client.ask(bytes_of("x"));
  talk();
  for (const auto& r : client.streams) EXPECT_EQ(r->order, "hdhec");
}

class ClientWindowsTest : public ClientSessionTest {
 public:
  static limits small() {
    limits l;
    l.stream_window = 20'000;
    l.connection_window = 65'535;
    l.frame_bytes_max = 16'384;
    return l;
  }
  ClientWindowsTest() : ClientSessionTest(small(), small()) {}
};

TEST_F(ClientWindowsTest, LargeMessagesPassThroughThem) {
  std::vector<asked*> all;
  for (std::size_t i = 0; i < 5; ++i) all.push_back(&client.ask(bytes_of(pattern(1'000'000, i))));
  server.then = [this](served& s) {
    server.s.respond(s, ok_head, message(bytes_of(pattern(700'000)), ok_trailers));
  };
  talk();
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(as_text(at_server(i).data).substr(5), pattern(1'000'000, i));
    EXPECT_EQ(as_text(all[i]->data).substr(5), pattern(700'000));
  }
}

TEST_F(ClientWindowsTest, StreamsThatAreResetGiveTheirWindowBack) {
  server.then_head = [this](served& s) {
    server.s.respond(s, ok_head, message(bytes_of(pattern(50'000)), ok_trailers));
  };
  for (int i = 0; i < 50; ++i) {
    asked& r = client.ask(bytes_of("x"));
    to_server(take(client));
    to_client(take(server));
    ASSERT_GT(r.data.size(), 0u);
    client.s.reset(r, error_code::cancel);
    talk();
  }
  asked& r = client.ask(bytes_of("x"));
  talk();
  EXPECT_EQ(as_text(r.data).substr(5), pattern(50'000));
}

TEST(ClientSessionPropertyTest, RandomCutsWindowsAndCancelsLoseNothing) {
  SCOPED_TRACE(::testing::Message() << "ZC_TEST_SEED=" << testing::seed());
  std::mt19937 engine(static_cast<std::mt19937::result_type>(testing::seed()));
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 60; ++round) {
    limits of_server, of_client;
    for (limits* l : {&of_server, &of_client}) {
      l->stream_window = 1 + random() % 100'000;
      l->connection_window = 65'535 + random() % 200'000;
      l->frame_bytes_max = frame_bytes_least + random() % 100'000;
      // Small windows make many small frames, and many updates.
      l->idle_frames_burst = l->idle_frames_per_second = 1'000'000;
      l->acknowledgements_max = 100'000;
      l->frame_bytes_fair = 1;
    }
    of_server.streams_max = 1 + random() % 20;
    // A window takes a turn there and one back.
    const std::uint32_t largest =
        std::min(300'000u, 300 * std::min(of_server.stream_window, of_client.stream_window));
    server_side server(of_server);
    client_side client(of_client);
    std::size_t wanted_back = 0;
    server.then = [&](served& s) {
      server.s.respond(s, ok_head, message(bytes_chain(s.data), ok_trailers));
    };
    std::vector<std::size_t> sizes;
    std::vector<bool> cancelled;
    std::chrono::nanoseconds now{1};
    const auto pass = [&](auto& from, auto& to) {
      bytes_chain out;
      from.s.collect(out, 1 + random() % 300'000);
      const bytes whole = bytes_of(as_text(out));
      for (std::size_t at = 0; at < whole.size();) {
        const std::size_t n = std::min<std::size_t>(
            1 + random() % (random() % 2 == 0 ? 20 : 100'000), whole.size() - at);
        ASSERT_TRUE(to.s.feed(whole.slice(at, n), now += 1ms));
        at += n;
      }
    };
    for (int turn = 0; turn < 3'000; ++turn) {
      if (sizes.size() < 30 && random() % 3 == 0) {
        sizes.push_back(random() % (random() % 4 == 0 ? largest : std::min(largest, 5'000u)));
        cancelled.push_back(false);
        client.ask(bytes_of(pattern(sizes.back(), sizes.size())));
      }
      if (!sizes.empty() && random() % 50 == 0) {
        const std::size_t which = random() % sizes.size();
        if (client.streams[which]->open()) {
          client.s.reset(*client.streams[which], error_code::cancel);
          cancelled[which] = true;
        }
      }
      pass(client, server);
      pass(server, client);
      if (::testing::Test::HasFatalFailure()) return;
      if (sizes.size() == 30 && client.s.streams() == 0 && !client.s.wants_output()) break;
    }
    ASSERT_EQ(client.s.streams(), 0u) << round;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (cancelled[i]) continue;
      ASSERT_EQ(as_text(client.streams[i]->data)
                    .substr(std::min<std::size_t>(10, client.streams[i]->data.size())),
                pattern(sizes[i], i + 1))
          << round << ' ' << i;
      wanted_back += 1;
    }
    ASSERT_GT(wanted_back, 0u);
  }
}

// ------------------------------------------------------------------------ beside a hostile server

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

std::string number(std::uint32_t n) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(n >> shift);
  return text;
}

std::string one_setting(unsigned what, std::uint32_t value) {
  return std::string{static_cast<char>(what >> 8), static_cast<char>(what)} + number(value);
}

constexpr unsigned data = 0, headers = 1, priority = 2, rst_stream = 3, settings = 4,
                   push_promise = 5, ping = 6, goaway = 7, window_update = 8, continuation = 9;
constexpr unsigned end_stream = 1, end_headers = 4, padded = 8, with_priority = 32;
const std::string ok_block = "\x88";  // :status 200
const std::string status_100(
    "\x08\x03"
    "100",
    5);

class HostileServerTest : public ::testing::Test {
 public:
  HostileServerTest() { begin(); }
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

TEST_F(HostileServerTest, WhatBreaksTheConnectionEndsItWithTheRightCode) {
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

TEST_F(HostileServerTest, WhatBreaksAStreamEndsOnlyThat) {
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

TEST_F(HostileServerTest, FramesBehindTheEndOfAStreamThatWeStillSendOnEndIt) {
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

TEST_F(HostileServerTest, AnAnswerThatCameEarlyIsDoneWhenTheRequestIsOut) {
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

TEST_F(HostileServerTest, TheFirstFrameMustBeSettings) {
  for (const std::string& first :
       {frame(settings, 1, 0, {}), frame(ping, 0, 0, "12345678"), frame(goaway, 0, 0, "12345678"),
        std::string("HTTP/1.1 400 Bad Request\r\n\r\n")}) {
    client_side c;
    EXPECT_FALSE(c.s.feed(bytes_of(std::string(first)), now));
    EXPECT_FALSE(c.s.greeted());
    EXPECT_TRUE(c.s.finished_reading());
  }
}

TEST_F(HostileServerTest, FramesOfStreamsThatAreGoneAreIgnored) {
  client->s.reset(*one, error_code::cancel);
  says(frame(headers, end_headers, 1, ok_block) + frame(data, 0, 1, "x") +
       frame(window_update, 0, 1, number(5)) + frame(rst_stream, 0, 1, number(5)));
  EXPECT_TRUE(fed);
  EXPECT_EQ(one->order, "");
}

TEST_F(HostileServerTest, PaddingAndPrioritiesAreUnderstood) {
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

TEST_F(HostileServerTest, InformationalHeadsComeBeforeTheAnswer) {
  says(frame(headers, end_headers, 1, status_100) + frame(headers, end_headers, 1, ok_block) +
       frame(data, end_stream, 1, "x"));
  ASSERT_EQ(one->heads.size(), 2u);
  EXPECT_EQ(one->heads[0].kind, head_kind::informational);
  EXPECT_EQ(one->heads[1].kind, head_kind::response);
  EXPECT_EQ(one->order, "hhdec");
}

TEST_F(HostileServerTest, ABlockInSeveralFramesIsOneHead) {
  says(frame(headers, end_stream, 1, "\x88\x0f\x10") +
       frame(continuation, 0, 1,
             "\x10"
             "appli") +
       frame(continuation, end_headers, 1, "cation/grpc"));
  EXPECT_TRUE(fed);
  EXPECT_EQ(one->value("content-type"), "application/grpc");
  EXPECT_EQ(one->order, "hec");
}

TEST_F(HostileServerTest, ResetsBringTheirCode) {
  says(frame(rst_stream, 0, 1, number(11)));
  EXPECT_EQ(one->why, error_code::enhance_your_calm);
  EXPECT_EQ(client->s.streams(), 0u);
  EXPECT_EQ(client->s.own_resets(), 0u);
  EXPECT_TRUE(frames().empty());
}

TEST_F(HostileServerTest, PayloadBeyondTheWindowsIsFoundOut) {
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

TEST_F(HostileServerTest, SettingsMoveTheWindowsOfOpenStreams) {
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

TEST_F(HostileServerTest, ASettingThatOverflowsAStreamsWindowEndsTheSession) {
  client->ask(bytes_of(pattern(100'000)));
  drain();
  says(frame(window_update, 0, 3, number(0x7fff'0000)));
  ASSERT_TRUE(fed);
  says(frame(settings, 0, 0, one_setting(4, 0x7fff'ffff)));
  expect_end(error_code::flow_control_error, "settings");
}

TEST_F(HostileServerTest, TheFrameSizeOfThePeerIsRespected) {
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

TEST_F(HostileServerTest, ALargeBodyLetsOthersPass) {
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

TEST_F(HostileServerTest, AHeadAboveAFrameGoesOnInContinuations) {
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

TEST_F(HostileServerTest, GoawayRefusesWhatTheServerWillNotLookAt) {
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

// ------------------------------------------------------------------------------------- floods

class HostileFloodTest : public HostileServerTest {
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

TEST_F(HostileFloodTest, FramesWithoutProgressEndTheSession) {
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

TEST_F(HostileFloodTest, EmptyAndPaddedDataEndTheSession) {
  for (const std::string& bytes :
       {frame(data, 0, 1, {}), frame(data, padded, 1, std::string("\x05\0\0\0\0\0", 6))}) {
    begin();
    says(frame(headers, end_headers, 1, ok_block));
    EXPECT_LE(until_refused([&](int) { return bytes; }, 10'000), 500);
  }
}

TEST_F(HostileFloodTest, HeadsOfStreamsThatAreGoneEndTheSession) {
  client->s.reset(*one, error_code::cancel);
  EXPECT_LE(until_refused([](int) { return frame(headers, end_headers, 1, ok_block); }, 10'000),
            500);
}

TEST_F(HostileFloodTest, AcknowledgementsThatNobodyReadsEndTheSession) {
  limits l;
  l.idle_frames_burst = 100'000;
  begin(l);
  const int n = until_refused([](int) { return frame(ping, 0, 0, "12345678"); }, 10'000, false);
  EXPECT_EQ(n, static_cast<int>(l.acknowledgements_max));
  expect_end(error_code::enhance_your_calm, "acknowledgements");
}

TEST_F(HostileFloodTest, APingPerAnswerIsNoFlood) {
  for (std::uint32_t id = 1; id < 20'000; id += 2) {
    says(frame(headers, end_headers | end_stream, id, ok_block) + frame(ping, 0, 0, "12345678") +
         frame(window_update, 0, 0, number(9)));
    ASSERT_TRUE(fed) << id;
    client->ask(bytes_of("next"));
    drain();
    said.clear();
  }
}

TEST_F(HostileFloodTest, PingsOverTimeAreNoFlood) {
  for (int i = 0; i < 5'000; ++i) {
    now += 20ms;
    says(frame(ping, 0, 0, "12345678"));
    drain();
    ASSERT_TRUE(fed) << i;
  }
}

TEST_F(HostileFloodTest, ContinuationsEndTheSession) {
  says(frame(headers, 0, 1, ok_block));
  EXPECT_LE(until_refused([](int) { return frame(continuation, 0, 1, {}); }, 1'000), 10);
  expect_end(error_code::enhance_your_calm, "continuations");
}

TEST_F(HostileFloodTest, TooManySettingsInOneFrameEndTheSession) {
  std::string all;
  for (int i = 0; i < 33; ++i) all += one_setting(0x99, 1);
  says(frame(settings, 0, 0, all));
  expect_end(error_code::enhance_your_calm, "settings");
}

TEST_F(HostileFloodTest, HeadsAboveTheLimitAreReportedAndTheSessionLives) {
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

TEST_F(HostileFloodTest, HeadsFarAboveTheLimitEndTheSessionWhileTheyAreRead) {
  says(frame(headers, end_headers, 1, ok_block + std::string(100'000, '\x90')));
  EXPECT_LE(one->fields.size(), 100u);
  expect_end(error_code::enhance_your_calm, "fields");
  begin();
  says(frame(headers, 0, 1, std::string(100'000, '\x20')) +
       frame(continuation, 0, 1, std::string(100'000, '\x20')));
  expect_end(error_code::enhance_your_calm, "bytes");
}

TEST_F(HostileFloodTest, AnAnswerInTooManyFramesIsReset) {
  says(frame(headers, end_headers, 1, ok_block));
  int n = 0;
  for (; n < 10'000 && !one->closed; ++n) {
    says(frame(data, 0, 1, "x"));
    ASSERT_TRUE(fed);
  }
  EXPECT_GE(n, 4'000);
  expect_reset(error_code::enhance_your_calm, "frames");
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
