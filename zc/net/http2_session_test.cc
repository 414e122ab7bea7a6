// What must hold of a server's HTTP/2 connections: requests of both kinds reach the service whole,
// whatever is wrong with one is answered in a form that clients understand, and deadlines, shutdown
// and short memory do what they say.
//
// Method: a server on a loopback port, and a client that is an http2::client_session on a bare
// link, so that it can send what no good client would. Both on one shard, turned by hand. What a
// good client sees is grpc_client_test.cc.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/io/epoll_poller.h"
#include "zc/net/link.h"
#include "zc/net/loopback_for_tests.h"
#include "zc/net/server.h"
#include "zc/wire/http2/client_session.h"

namespace zc::net {
namespace {

using namespace std::chrono_literals;
using http2::field;

std::string message_of(std::string_view text, char flag = 0) {
  std::string m{flag, 0, static_cast<char>(text.size() >> 16), static_cast<char>(text.size() >> 8),
                static_cast<char>(text.size())};
  return m.append(text);
}

class answer final : public http2::client_stream {
 public:
  explicit answer(const std::vector<field>& head) {
    for (const field& f : head) asked_.emplace_back(f.name, f.value);
  }
  std::vector<std::pair<std::string, std::string>> fields;
  bytes_chain body;
  int heads = 0;
  bool ended = false;
  bool closed = false;
  http2::error_code why = http2::error_code::no_error;

  std::string operator[](std::string_view name) const {
    for (const auto& [n, v] : fields) {
      if (n == name) return v;
    }
    return "-";
  }

 private:
  void write_head(http2::head_encoder& to) override {
    for (const auto& [name, value] : asked_) to.put({name, value});
  }
  void on_field(http2::token, std::string_view name, std::string_view value) override {
    fields.emplace_back(name, value);
  }
  void on_head(http2::head_end) override { heads += 1; }
  void on_data(bytes piece) override { body.append(std::move(piece)); }
  void on_end() override { ended = true; }
  void on_closed(http2::error_code code) override {
    closed = true;
    why = code;
  }

  std::vector<std::pair<std::string, std::string>> asked_;
};

// A client that says what it is told to.
class probe final : public link, private http2::session_events {
 public:
  probe(shard& on, const endpoint& to) : link(on), http({}, *this, {}) {
    auto made = on.io().connect(to, {}, *this);
    EXPECT_TRUE(made);
    if (made) attach(std::move(*made));
  }
  ~probe() {
    for (auto& a : answers) http.forget(*a);
  }
  answer& ask(const std::vector<field>& head, std::string body) {
    answers.push_back(std::make_unique<answer>(head));
    http2::content rest;
    rest.body = bytes::from_string(std::move(body));
    EXPECT_TRUE(http.request(*answers.back(), std::move(rest)));
    if (up) send_later();
    return *answers.back();
  }
  void push() { send_later(); }

  bool up = false;
  bool gone = false;
  int goaways = 0;
  std::size_t bytes_left = SIZE_MAX;  // that it will send
  std::deque<std::unique_ptr<answer>> answers;
  http2::client_session http;

 private:
  void on_connected() override {
    up = true;
    send_later();
  }
  void on_bytes(bytes received) override {
    (void)http.feed(received, on().now().time_since_epoch());
    if (http.wants_output()) send_later();
  }
  void fill_out() override {
    if (!up || bytes_left == 0) return;
    const std::size_t before = out().size();
    http.collect(out(), std::min<std::size_t>(bytes_left, 1_MiB));
    bytes_left -= std::min(bytes_left, out().size() - before);
  }
  void on_end() override { gone = true; }
  void on_lost(const error&) override { gone = true; }
  void on_goaway(std::int32_t, http2::error_code) override { goaways += 1; }
};

// Writes down what it gets. Answers at once unless told to wait.
class notebook final : public service {
 public:
  struct entry {
    request_head head;
    std::string body;
    std::string watched;
  };
  struct watcher final : body_watcher {
    void on_piece(std::span<const std::byte> arrived) noexcept override {
      text.append(reinterpret_cast<const char*>(arrived.data()), arrived.size());
    }
    std::string text;
  };
  std::unique_ptr<body_watcher> watch(const request_head&) override {
    return std::make_unique<watcher>();
  }
  std::optional<grpc::status> admit(request_head& head) override {
    admitted += 1;
    return refuse_with && head.path == "/refused" ? refuse_with : std::nullopt;
  }
  void serve(std::unique_ptr<exchange> request, bytes_chain body) override {
    const auto* by = static_cast<watcher*>(request->watcher());
    seen.push_back({request->head(), text_of(body), by != nullptr ? by->text : ""});
    if (wait) {
      waiting.push_back(std::move(request));
      return;
    }
    if (drop) return;
    reply r;
    r.content_type = "text/plain";
    r.body = bytes::from_static("ok");
    request->answer(std::move(r));
  }

  int admitted = 0;
  bool wait = false;
  bool drop = false;
  std::optional<grpc::status> refuse_with;
  std::vector<entry> seen;
  std::vector<std::unique_ptr<exchange>> waiting;
};

class Http2ServerTest : public ::testing::Test {
 public:
  Http2ServerTest() { options.at = *endpoint::parse("127.0.0.1:0"); }
  ~Http2ServerTest() override {
    client.reset();
    listening.reset();
    notes.waiting.clear();
    turn(10);
  }

  void listen() {
    auto made = server::listen(on, options, notes);
    ASSERT_TRUE(made);
    listening = std::move(*made);
    client = std::make_unique<probe>(on, listening->local());
  }
  void turn(int times) {
    for (int i = 0; i < times; ++i) on.run_turn(1ms);
  }
  void until(const std::function<bool()>& done, std::chrono::milliseconds longest = 10s) {
    const auto end = std::chrono::steady_clock::now() + longest;
    while (!done() && std::chrono::steady_clock::now() < end) on.run_turn(1ms);
    EXPECT_TRUE(done());
  }
  static std::vector<field> grpc_head(std::vector<field> more = {}) {
    std::vector<field> head{{":method", "POST"},
                            {":scheme", "http"},
                            {":path", "/a.B/C"},
                            {":authority", "test"},
                            {"content-type", "application/grpc"},
                            {"te", "trailers"}};
    head.insert(head.end(), more.begin(), more.end());
    return head;
  }
  static std::vector<field> http_head(std::string_view method, std::string_view path,
                                      std::vector<field> more = {}) {
    std::vector<field> head{
        {":method", method}, {":scheme", "http"}, {":path", path}, {":authority", "test"}};
    head.insert(head.end(), more.begin(), more.end());
    return head;
  }
  // Asks and waits for the whole answer.
  answer& ask(std::vector<field> head, std::string body) {
    answer& a = client->ask(std::move(head), std::move(body));
    until([&] { return a.ended || a.closed; });
    return a;
  }
  void expect_grpc_refusal(const answer& a, grpc::code code) {
    EXPECT_EQ(a["grpc-status"], std::to_string(static_cast<int>(code)));
    EXPECT_EQ(a["content-type"], "application/grpc");
    EXPECT_EQ(a.heads, 1);  // Trailers-Only
    EXPECT_TRUE(a.ended);
    EXPECT_TRUE(a.body.empty());
  }

  steady_clock time;
  quota limits{256_MiB};
  shard on{{}, io::make_epoll_poller(), limits, time};
  server_options options;
  notebook notes;
  std::unique_ptr<server> listening;
  std::unique_ptr<probe> client;
};

TEST_F(Http2ServerTest, AGrpcRequestReachesTheServiceWithoutItsPrefix) {
  options.keep_metadata = true;
  listen();
  answer& a = ask(grpc_head({{"grpc-timeout", "5S"}, {"tenant", "blue"}}), message_of("hello"));
  EXPECT_EQ(a["grpc-status"], "0");
  EXPECT_EQ(a[":status"], "200");
  EXPECT_EQ(text_of(a.body), message_of("ok"));
  EXPECT_EQ(a.heads, 2);
  ASSERT_EQ(notes.seen.size(), 1u);
  const notebook::entry& e = notes.seen[0];
  EXPECT_EQ(e.body, "hello");
  EXPECT_EQ(e.head.via, protocol::grpc);
  EXPECT_EQ(e.head.method, "POST");
  EXPECT_EQ(e.head.path, "/a.B/C");
  EXPECT_EQ(e.head.timeout, std::chrono::seconds(5));
  EXPECT_EQ(e.head.body_coding, coding::identity);
  const std::vector<std::pair<std::string, std::string>> metadata{{":authority", "test"},
                                                                  {"tenant", "blue"}};
  EXPECT_EQ(e.head.metadata, metadata);
  EXPECT_FALSE(e.head.peer.empty());
  EXPECT_EQ(listening->statistics().requests, 1u);
}

TEST_F(Http2ServerTest, CompressedMessagesPassAsTheyAre) {
  listen();
  ask(grpc_head({{"grpc-encoding", "gzip"}}), message_of("zipped", 1));
  ask(grpc_head({{"grpc-encoding", "gzip"}}), message_of("plain", 0));
  ASSERT_EQ(notes.seen.size(), 2u);
  EXPECT_EQ(notes.seen[0].head.body_coding, coding::gzip);
  EXPECT_EQ(notes.seen[0].body, "zipped");
  EXPECT_EQ(notes.seen[1].head.body_coding, coding::identity);
}

TEST_F(Http2ServerTest, GrpcMistakesAreAnsweredWithTheirCodeInOneHeadersFrame) {
  options.message_bytes_max = 1'000;
  listen();
  std::vector<field> no_slash = grpc_head();
  no_slash[2].value = "a.B/C";
  struct {
    std::vector<field> head;
    std::string body;
    grpc::code code;
    std::string_view http;
  } const cases[] = {
      {grpc_head(), "", grpc::code::unimplemented, "200"},
      {grpc_head(), message_of("one") + message_of("two"), grpc::code::unimplemented, "200"},
      {grpc_head(), message_of("one") + "x", grpc::code::unimplemented, "200"},
      {grpc_head(), message_of("cut").substr(0, 7), grpc::code::internal, "200"},
      {grpc_head(), message_of("flag", 2), grpc::code::internal, "200"},
      {grpc_head(), message_of("no coding", 1), grpc::code::internal, "200"},
      {grpc_head({{"grpc-encoding", "identity"}}), message_of("x", 1), grpc::code::internal, "200"},
      {grpc_head({{"grpc-encoding", "lzma"}}), message_of("x", 1), grpc::code::unimplemented,
       "200"},
      {grpc_head({{"grpc-timeout", "soon"}}), message_of("x"), grpc::code::internal, "400"},
      {grpc_head({{"grpc-timeout", "0S"}}), message_of("x"), grpc::code::deadline_exceeded, "200"},
      {grpc_head(), message_of(std::string(1'001, 'x')), grpc::code::resource_exhausted, "200"},
  };
  for (const auto& c : cases) {
    answer& a = ask(c.head, c.body);
    expect_grpc_refusal(a, c.code);
    EXPECT_EQ(a[":status"], c.http);
    EXPECT_EQ(a["grpc-status-details-bin"], "-");
    EXPECT_NE(a["grpc-message"], "-");
  }
  EXPECT_TRUE(notes.seen.empty());
  answer& good = ask(grpc_head(), message_of(std::string(1'000, 'x')));
  EXPECT_EQ(good["grpc-status"], "0");  // the connection has survived all that
  EXPECT_EQ(listening->statistics().accepted, 1u);
}

TEST_F(Http2ServerTest, AnUnknownCodingIsToldWhichOnesAreKnown) {
  listen();
  EXPECT_NE(
      ask(grpc_head({{"grpc-encoding", "lzma"}}), message_of("x"))["grpc-accept-encoding"].find(
          "gzip"),
      std::string::npos);
  EXPECT_NE(
      ask(http_head("POST", "/v1/logs", {{"content-encoding", "lzma"}}), "x")["accept-encoding"]
          .find("gzip"),
      std::string::npos);
}

TEST_F(Http2ServerTest, ATooLargeMessageIsRefusedFromItsPrefixWhileItStillComes) {
  options.message_bytes_max = 64_KiB;
  listen();
  answer& a = ask(grpc_head(), message_of(std::string(15'000'000, 'x')));
  expect_grpc_refusal(a, grpc::code::resource_exhausted);
  until([&] { return a.closed; });
  EXPECT_EQ(a.why, http2::error_code::no_error);
  EXPECT_LT(listening->statistics().bytes_received, 15'000'000u);
}

TEST_F(Http2ServerTest, MissingTeIsAccepted) {
  listen();
  std::vector<field> head = grpc_head();
  head.pop_back();
  EXPECT_EQ(ask(head, message_of("x"))["grpc-status"], "0");
}

TEST_F(Http2ServerTest, GrpcContentTypesAreToldFromOthers) {
  options.http = false;
  listen();
  const auto with_type = [&](std::string_view type) -> answer& {
    std::vector<field> head = grpc_head();
    head[4].value = type;
    return ask(head, message_of("x"));
  };
  EXPECT_EQ(with_type("application/grpc+proto")["grpc-status"], "0");
  EXPECT_EQ(with_type("application/grpc;charset=x")["grpc-status"], "0");
  for (const char* other : {"application/grpc-web", "application/json", "application/grpcx"}) {
    answer& a = with_type(other);
    EXPECT_EQ(a[":status"], "415") << other;
    EXPECT_NE(a["grpc-status"], "0") << other;
    EXPECT_NE(a["grpc-status"], "-") << other;
  }
  EXPECT_EQ(ask(http_head("GET", "/"), "")[":status"], "405");
}

TEST_F(Http2ServerTest, PlainHttpRequestsReachTheSameService) {
  listen();
  answer& a = ask(http_head("POST", "/v1/logs?x=1",
                            {{"content-type", "application/x-protobuf"}, {"content-length", "4"}}),
                  "body");
  EXPECT_EQ(a[":status"], "200");
  EXPECT_EQ(a["content-type"], "text/plain");
  EXPECT_EQ(a["content-length"], "2");
  EXPECT_EQ(text_of(a.body), "ok");
  EXPECT_EQ(a["grpc-status"], "-");
  ASSERT_EQ(notes.seen.size(), 1u);
  EXPECT_EQ(notes.seen[0].head.via, protocol::http2);
  EXPECT_EQ(notes.seen[0].head.path, "/v1/logs");
  EXPECT_EQ(notes.seen[0].head.query, "x=1");
  EXPECT_EQ(notes.seen[0].head.content_length, 4u);
  EXPECT_EQ(notes.seen[0].body, "body");
  EXPECT_EQ(text_of(ask(http_head("GET", "/healthz"), "").body), "ok");
  answer& head = ask(http_head("HEAD", "/healthz"), "");
  EXPECT_EQ(head["content-length"], "2");
  EXPECT_TRUE(head.body.empty());
}

TEST_F(Http2ServerTest, LongBodiesOfPlainRequestsAreWatched) {
  listen();
  const std::string body = std::string(50'000, 'a') + std::string(50'000, 'b');
  ask(http_head("POST", "/v1/logs", {{"content-length", "100000"}}), body);
  ask(http_head("POST", "/v1/logs"), body);  // nobody knows how long it will be
  ASSERT_EQ(notes.seen.size(), 2u);
  EXPECT_EQ(notes.seen[0].body, body);
  EXPECT_EQ(notes.seen[0].watched, body);
  EXPECT_EQ(notes.seen[1].body, body);
  EXPECT_EQ(notes.seen[1].watched, "");
}

TEST_F(Http2ServerTest, HttpRefusalsCarryAStatusInTheRequestsEncoding) {
  options.message_bytes_max = 100;
  grpc::status busy;
  busy.grpc = grpc::code::unavailable;
  busy.http = 503;
  busy.message = "say \"when\"";
  busy.retry_after = 1'200ms;
  notes.refuse_with = busy;
  listen();
  answer& json = ask(http_head("POST", "/refused", {{"content-type", "application/json"}}), "{}");
  EXPECT_EQ(json[":status"], "503");
  EXPECT_EQ(json["content-type"], "application/json");
  EXPECT_EQ(json["retry-after"], "2");
  EXPECT_EQ(text_of(json.body), "{\"code\":14,\"message\":\"say \\\"when\\\"\"}");
  answer& large = ask(http_head("POST", "/x", {{"content-type", "application/x-protobuf"}}),
                      std::string(101, 'x'));
  EXPECT_EQ(large[":status"], "413");
  EXPECT_EQ(large["content-type"], "application/x-protobuf");
  EXPECT_EQ(grpc::message_in_status(text_of(large.body)), "the body is larger than the limit");
  answer& announced =
      ask(http_head("POST", "/x", {{"content-length", "101"}}), std::string(101, 'x'));
  EXPECT_EQ(announced[":status"], "413");
}

TEST_F(Http2ServerTest, ThrottlingSpeaksInAllThreeForms) {
  grpc::status busy;
  busy.grpc = grpc::code::unavailable;
  busy.http = 503;
  busy.message = "busy";
  busy.retry_after = 900ms;
  notes.refuse_with = busy;
  listen();
  std::vector<field> head = grpc_head();
  head[2].value = "/refused";
  answer& a = ask(head, message_of("x"));
  expect_grpc_refusal(a, grpc::code::unavailable);
  EXPECT_EQ(a["grpc-retry-pushback-ms"], "900");
  const auto details = grpc::base64_decode(a["grpc-status-details-bin"]);
  ASSERT_TRUE(details);
  EXPECT_EQ(grpc::retry_delay_in_status(*details), 900ms);
  EXPECT_EQ(grpc::message_in_status(*details), "busy");
  EXPECT_EQ(grpc::base64_decode(a["google.rpc.retryinfo-bin"]).value_or(""),
            grpc::encode_retry_info(900ms));
  EXPECT_TRUE(notes.seen.empty());
}

TEST_F(Http2ServerTest, TooLargeHeadsAreAnswered) {
  listen();
  const std::string long_value(17'000, 'v');
  expect_grpc_refusal(ask(grpc_head({{"x", long_value}}), message_of("x")),
                      grpc::code::resource_exhausted);
  EXPECT_EQ(ask(http_head("GET", "/", {{"x", long_value}}), "")[":status"], "431");
  EXPECT_EQ(ask(grpc_head(), message_of("x"))["grpc-status"], "0");
}

TEST_F(Http2ServerTest, ADeadlineThatPassesResetsTheStreamAndTellsTheService) {
  notes.wait = true;
  listen();
  answer& a = client->ask(grpc_head({{"grpc-timeout", "30m"}}), message_of("x"));
  until([&] { return !notes.waiting.empty(); });
  EXPECT_FALSE(notes.waiting[0]->client_gone());
  until([&] { return a.closed; });
  EXPECT_EQ(a.why, http2::error_code::cancel);
  EXPECT_TRUE(notes.waiting[0]->client_gone());
  notes.waiting[0]->answer({});  // goes nowhere
  notes.waiting.clear();
  EXPECT_EQ(listening->statistics().timed_out, 1u);
}

TEST_F(Http2ServerTest, AResetTellsTheServiceAndAnAnswerGoesNowhere) {
  notes.wait = true;
  listen();
  answer& a = client->ask(grpc_head(), message_of("x"));
  until([&] { return !notes.waiting.empty(); });
  client->http.reset(a, http2::error_code::cancel);
  client->push();
  until([&] { return notes.waiting[0]->client_gone(); });
  notes.waiting[0]->refuse({});
}

TEST_F(Http2ServerTest, ABodyThatStopsComingIsRefusedAfterAWhile) {
  options.body_progress_timeout = 50ms;
  listen();
  ask(grpc_head(), message_of("x"));
  client->bytes_left = 100'000;  // and then it falls silent
  answer& a = client->ask(grpc_head(), message_of(std::string(5'000'000, 'x')));
  until([&] { return a.ended; });
  expect_grpc_refusal(a, grpc::code::cancelled);
  EXPECT_EQ(listening->statistics().timed_out, 1u);
}

TEST_F(Http2ServerTest, ABodyThatStopsComingLeavesTheOthersOfItsConnectionAlone) {
  options.body_progress_timeout = 60ms;
  notes.wait = true;
  listen();
  answer& slow = client->ask(grpc_head(), message_of("x"));
  until([&] { return notes.waiting.size() == 1; });
  const auto pass = [&](std::chrono::milliseconds t) {
    const auto end = time.now() + t;
    until([&] { return time.now() >= end; });
  };
  // One body ends before its time; meanwhile the other comes in pieces, so that the connection has
  // looked at the clock for it before its stream has.
  client->bytes_left = 10'000;
  answer& first = client->ask(grpc_head(), message_of(std::string(600'000, 'x')));
  pass(30ms);
  client->bytes_left = SIZE_MAX;
  client->push();
  until([&] { return notes.waiting.size() == 2; });
  client->bytes_left = 10'000;
  answer& stalled = client->ask(grpc_head(), message_of(std::string(1'000'000, 'x')));
  pass(15ms);
  client->bytes_left = 10'000;
  client->push();
  until([&] { return stalled.closed || client->gone; });
  ASSERT_FALSE(client->gone);
  client->bytes_left = SIZE_MAX;
  for (auto& waiting : notes.waiting) {
    reply r;
    r.body = bytes::from_static("late");
    waiting->answer(std::move(r));
  }
  client->push();
  until([&] { return slow.ended && first.ended; });
  EXPECT_EQ(text_of(slow.body), message_of("late"));
}

TEST_F(Http2ServerTest, TheHeadsOfRequestsCountAgainstTheQuota) {
  listen();
  ask(grpc_head(), message_of("x"));
  turn(3);
  const std::size_t before = limits.used();
  const std::string long_type = "application/grpc;" + std::string(10'000, 'x');
  notes.wait = true;
  for (int i = 0; i < 50; ++i) {
    std::vector<field> head = grpc_head();
    head[4].value = long_type;
    client->ask(head, message_of("x"));
  }
  until([&] { return notes.waiting.size() == 50; });
  EXPECT_GE(limits.used(), before + 50 * 10'000);
  client.reset();
  listening.reset();
  EXPECT_GE(limits.used(), before + 50 * 10'000);  // the service still has them
  const std::size_t held = limits.used();
  notes.waiting.clear();
  EXPECT_LE(limits.used(), held - 50 * 10'000);
}

// A connection that always has a message under way is never paused for memory. It must not be let
// in for ever, either.
TEST_F(Http2ServerTest, ABusyConnectionIsRefusedWhenShortMemoryLasts) {
  options.admission_wait = 30ms;
  listen();
  ask(grpc_head(), message_of("x"));
  client->bytes_left = 200;  // of a message that stays under way
  client->ask(grpc_head(), message_of(std::string(1'000'000, 'x')));
  turn(5);
  std::vector<bytes_builder> taken;
  while (!limits.tight()) taken.push_back(on.memory().take(60'000));
  client->bytes_left = SIZE_MAX;
  answer* last = nullptr;
  until(
      [&] {
        answer& a = client->ask(grpc_head(), message_of("y"));
        until([&] { return a.ended || a.closed; });
        last = &a;
        return a["grpc-status"] == "14";
      },
      2s);
  ASSERT_NE(last, nullptr);
  EXPECT_NE((*last)["grpc-retry-pushback-ms"], "-");
  taken.clear();
  on.memory().trim();
  EXPECT_EQ(ask(grpc_head(), message_of("z"))["grpc-status"], "0");
}

TEST_F(Http2ServerTest, ALongMessageDoesNotMakeTheHeadOfARefusalTooLarge) {
  notes.refuse_with = grpc::status{};
  notes.refuse_with->grpc = grpc::code::unavailable;
  notes.refuse_with->message = std::string(60'000, '!');
  notes.refuse_with->retry_after = 2s;
  listen();
  std::vector<field> head = grpc_head();
  head[2].value = "/refused";
  answer& a = ask(head, message_of("x"));
  expect_grpc_refusal(a, grpc::code::unavailable);
  std::size_t size = 0;
  for (const auto& [name, value] : a.fields) size += name.size() + value.size() + 32;
  EXPECT_LT(size, 8'000u);  // what clients take without being told to take more
}

TEST_F(Http2ServerTest, AnExchangeThatIsDroppedAnswersInternal) {
  notes.drop = true;
  listen();
  expect_grpc_refusal(ask(grpc_head(), message_of("x")), grpc::code::internal);
  EXPECT_EQ(ask(http_head("POST", "/x"), "x")[":status"], "500");
}

TEST_F(Http2ServerTest, ExchangesMayOutliveTheirConnectionAndServer) {
  notes.wait = true;
  listen();
  client->ask(grpc_head(), message_of("x"));
  client->ask(http_head("POST", "/x"), "x");
  until([&] { return notes.waiting.size() == 2; });
  client.reset();
  until([&] { return notes.waiting[0]->client_gone(); });
  listening.reset();
  notes.waiting[0]->answer({});
  notes.waiting.clear();
}

TEST_F(Http2ServerTest, DrainingAnswersWhatIsUnderWayAndThenEnds) {
  notes.wait = true;
  listen();
  answer& a = client->ask(grpc_head(), message_of("x"));
  until([&] { return notes.waiting.size() == 1; });
  listening->drain();
  until([&] { return client->goaways == 2; });
  EXPECT_FALSE(listening->drained());
  reply r;
  r.body = bytes::from_static("late");
  notes.waiting[0]->answer(std::move(r));
  until([&] { return a.ended; });
  EXPECT_EQ(text_of(a.body), message_of("late"));
  until([&] { return client->gone; });
  client.reset();
  until([&] { return listening->drained(); });
}

TEST_F(Http2ServerTest, AnIdleConnectionIsDrainedAtOnce) {
  listen();
  ask(grpc_head(), message_of("x"));
  listening->drain();
  until([&] { return client->gone; }, 1s);
  client.reset();
  until([&] { return listening->drained(); }, 1s);
}

TEST_F(Http2ServerTest, FloodsCloseTheConnection) {
  listen();
  ask(grpc_head(), message_of("x"));
  for (int i = 0; i < 2'000 && !client->gone; ++i) {
    client->http.ping();
    client->push();
    on.run_turn(0ms);
  }
  until([&] { return client->gone; });
  EXPECT_EQ(listening->statistics().protocol_errors, 1u);
  EXPECT_GE(client->goaways, 1);
}

}  // namespace
}  // namespace zc::net
