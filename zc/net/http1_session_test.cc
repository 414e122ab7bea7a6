// What must hold of HTTP/1.1 on the server: bodies arrive equal and uncopied however they are
// framed and cut; limits are decided before buffering; clients see the answer that explains, with
// the hints their kind understands.
//
// Method: real sockets on loopback, requests written by hand (loopback_for_tests.h).

#include <string>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/net/loopback_for_tests.h"
#include "zc/net/server.h"
#include "zc/testing/expect_copies.h"

namespace zc::net {
namespace {

using namespace std::chrono_literals;

class Http1SessionTest : public ::testing::Test {
 protected:
  void start(const std::function<void(server_options&)>& adjust = {}) {
    server_options how;
    how.at = any_port();
    if (adjust) adjust(how);
    auto made = server::listen(l.on, how, echo);
    ASSERT_TRUE(made.has_value());
    s = std::move(*made);
    p = connect();
  }
  std::unique_ptr<raw_peer> connect() { return std::make_unique<raw_peer>(l, s->local()); }
  bool heard(std::string_view what) {
    return l.run_until([&] { return p->heard.find(what) != std::string::npos; }, 5s);
  }
  bool answers(std::size_t n) {
    return l.run_until([&] { return count_of(p->heard, "HTTP/1.1 ") >= n; }, 5s);
  }
  bool over() {
    return l.run_until([&] { return p->over(); }, 5s);
  }
  bool has(std::string_view what) const { return p->heard.find(what) != std::string::npos; }

  loop l;
  echo_service echo;
  std::unique_ptr<server> s;
  std::unique_ptr<raw_peer> p;
};

TEST_F(Http1SessionTest, AnEchoComesBack) {
  start();
  p->send(post("hello", "Content-Encoding: gzip\r\nAccept-Encoding: gzip\r\n", "/v1/logs?a=b"));
  ASSERT_TRUE(heard("hello"));
  EXPECT_EQ(
      p->heard,
      "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(echo.last_head.via, protocol::http1);
  EXPECT_EQ(echo.last_head.method, "POST");
  EXPECT_EQ(echo.last_head.path, "/v1/logs");
  EXPECT_EQ(echo.last_head.query, "a=b");
  EXPECT_EQ(echo.last_head.content_type, "application/x-protobuf");
  EXPECT_EQ(echo.last_head.accept_encoding, "gzip");
  EXPECT_EQ(echo.last_head.body_coding, coding::gzip);
  EXPECT_EQ(echo.last_head.content_length, 5u);
  EXPECT_EQ(echo.last_head.peer.substr(0, 10), "127.0.0.1:");
  EXPECT_TRUE(echo.last_head.metadata.empty());
}

TEST_F(Http1SessionTest, AnEmptyBodyIsAnsweredToo) {
  start();
  p->send(post(""));
  ASSERT_TRUE(heard("\r\n\r\n"));
  EXPECT_EQ(p->heard,
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(Http1SessionTest, MetadataIsKeptWhenAskedFor) {
  start([](server_options& how) { how.keep_metadata = true; });
  p->send(post("x", "X-Tenant: Blue\r\nConnection: keep-alive\r\n"));
  ASSERT_TRUE(answers(1));
  const std::vector<std::pair<std::string, std::string>> expected = {{"host", "test"},
                                                                     {"x-tenant", "Blue"}};
  EXPECT_EQ(echo.last_head.metadata, expected);
}

TEST_F(Http1SessionTest, LargeBodiesAreEqualAndNotCopied) {
  start();
  for (const std::size_t size : {64_KiB, 100_KiB, 256_KiB, 360_KiB, 1_MiB}) {
    SCOPED_TRACE(size);
    const std::string body = noise(size);
    p->heard.clear();
    const ledger::scope all(ledger::threads::all);
    EXPECT_USER_COPIES(0) {
      p->send(post(body));
      ASSERT_TRUE(l.run_until([&] { return p->heard.size() > size; }));
    }
    EXPECT_EQ(all.so_far().received, size);
    EXPECT_LE(echo.last_pieces, 3u);  // what came with the head, and one block (or two)
    ASSERT_TRUE(l.run_until([&] { return p->heard.ends_with(body); }));
  }
}

TEST_F(Http1SessionTest, ABodyOfManyMebibytesGrowsByWhatHasCome) {
  start();
  const std::string body = noise(20_MiB);
  EXPECT_USER_COPIES(0) {
    p->send(post(body).substr(0, 1'000));
    ASSERT_TRUE(l.run_until([&] { return p->all_sent(); }));
    l.run_for(10ms);
    EXPECT_LT(l.limits.used(), 3_MiB);  // a head that promises much gets little
    p->send(post(body).substr(1'000));
    ASSERT_TRUE(l.run_until([&] { return p->heard.ends_with(body); }));
  }
  EXPECT_LE(echo.last_pieces, 8u);
}

TEST_F(Http1SessionTest, EveryCutOfARequestGivesTheSameAnswer) {
  start();
  const std::string request = post("some body", "X: y\r\n");
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    p->heard.clear();
    p->send(request.substr(0, cut));
    const auto arrived = s->statistics().bytes_received;
    l.run_until([&] { return s->statistics().bytes_received > arrived; }, 20ms);
    p->send(request.substr(cut));
    ASSERT_TRUE(heard("\r\n\r\nsome body")) << cut;
  }
  EXPECT_EQ(echo.served, static_cast<int>(request.size()) - 1);
}

TEST_F(Http1SessionTest, ADribbledBodyIsCoalesced) {
  start();
  const std::string body = noise(3'000);
  const std::string head = post(body).substr(0, post(body).size() - body.size());
  p->send(head);
  for (const char c : body) {
    p->send(std::string(1, c));
    l.on.run_turn(0ns);
  }
  ASSERT_TRUE(l.run_until([&] { return p->heard.ends_with(body); }));
  EXPECT_LT(echo.last_pieces, 20u);
}

TEST_F(Http1SessionTest, ChunkedBodiesAreSlices) {
  start();
  const std::string large = noise(100'000);
  const ledger::scope all(ledger::threads::all);
  std::string request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  request += "186a0\r\n" + large + "\r\n5;x=y\r\nhello\r\n0\r\nTrailer: z\r\n\r\n";
  EXPECT_USER_COPIES(0) {
    p->send(request);
    ASSERT_TRUE(l.run_until([&] { return p->heard.ends_with(large + "hello"); }));
  }
  EXPECT_EQ(all.so_far().received, 100'005u);
  EXPECT_EQ(echo.last_head.content_length, std::nullopt);
}

TEST_F(Http1SessionTest, TinyChunksAreCoalesced) {
  start();
  std::string request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20'000; ++i) request += "1\r\na\r\n";
  p->send(request + "0\r\n\r\n");
  ASSERT_TRUE(l.run_until([&] { return p->heard.ends_with(std::string(20'000, 'a')); }));
  EXPECT_LT(echo.last_pieces, 40u);
}

TEST_F(Http1SessionTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  p->send(post("one") + post("two") + "\r\n" + post("three"));
  ASSERT_TRUE(heard("three"));
  EXPECT_LT(p->heard.find("one"), p->heard.find("two"));
  EXPECT_LT(p->heard.find("two"), p->heard.find("three"));
}

TEST_F(Http1SessionTest, PipelinedRequestsWaitForTheAnswerOfTheOneBefore) {
  start();
  echo.hold = true;
  std::string all;
  for (int i = 0; i < 50; ++i) all += post("request " + std::to_string(i));
  p->send(all);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
    ASSERT_EQ(echo.held.size(), 1u);
    ASSERT_EQ(echo.served, i + 1);
    echo.answer_held();
  }
  ASSERT_TRUE(heard("request 49"));
}

TEST_F(Http1SessionTest, WhileARequestWaitsLittleIsReadAhead) {
  start();
  echo.hold = true;
  p->send(post("first"));
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  for (int i = 0; i < 100; ++i) p->send(post(noise(100'000)));
  l.run_for(50ms);
  EXPECT_LT(s->statistics().bytes_received, 1'000'000u);
  echo.hold = false;
  echo.answer_held();
  ASSERT_TRUE(answers(101));
}

TEST_F(Http1SessionTest, KeepAliveFollowsVersionAndConnection) {
  start();
  p->send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(answers(1));
  EXPECT_TRUE(has("Connection: keep-alive\r\n"));
  p->send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + post("never"));
  ASSERT_TRUE(over());
  EXPECT_TRUE(has("Connection: close\r\n"));
  EXPECT_EQ(echo.served, 2);
  p = connect();
  p->send("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(over());
  EXPECT_EQ(count_of(p->heard, "HTTP/1.1 200"), 1u);
}

TEST_F(Http1SessionTest, AHalfClosedClientGetsItsAnswers) {
  start();
  echo.hold = true;
  p->send(post("one") + post("two"));
  p->shut();
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  l.run_for(20ms);
  EXPECT_FALSE(echo.held[0].first->client_gone());
  echo.answer_held();
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  echo.answer_held();
  ASSERT_TRUE(over());
  EXPECT_TRUE(has("one") && has("two"));
}

TEST_F(Http1SessionTest, AHalfClosedClientWithHalfARequestGetsNothing) {
  start();
  p->send(post("whole body").substr(0, 90));
  p->shut();
  ASSERT_TRUE(over());
  EXPECT_EQ(echo.served, 0);
  EXPECT_TRUE(l.run_until([&] { return s->statistics().open == 0; }));
}

TEST_F(Http1SessionTest, AClientThatLeavesIsSeenByItsExchange) {
  start();
  echo.hold = true;
  p->send(post("x"));
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  EXPECT_FALSE(echo.held[0].first->client_gone());
  p->reset();
  ASSERT_TRUE(l.run_until([&] { return echo.held[0].first->client_gone(); }));
  echo.answer_held();  // goes nowhere
  EXPECT_TRUE(l.run_until([&] { return s->statistics().open == 0; }));
}

TEST_F(Http1SessionTest, AnExchangeThatIsDroppedAnswers500) {
  start();
  echo.hold = true;
  p->send(post("x"));
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  echo.held.clear();
  ASSERT_TRUE(heard("HTTP/1.1 500 Internal Server Error"));
}

TEST_F(Http1SessionTest, ExpectContinueIsAnswered) {
  start();
  const std::string body = noise(2'000);
  const std::string whole = post(body, "Expect: 100-continue\r\n");
  p->send(whole.substr(0, whole.size() - body.size()));
  ASSERT_TRUE(heard("HTTP/1.1 100 Continue\r\n\r\n"));
  p->send(body);
  ASSERT_TRUE(l.run_until([&] { return p->heard.ends_with(body); }));
}

TEST_F(Http1SessionTest, UpgradeToH2cIsIgnored) {
  start();
  p->send(post("plain",
               "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"));
  ASSERT_TRUE(heard("\r\n\r\nplain"));
}

TEST_F(Http1SessionTest, HeadGetsNoBody) {
  start();
  echo.hold = true;
  p->send("HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  reply r;
  r.content_type = "text/plain";
  r.body = bytes_chain("content"_bytes);
  r.fields.emplace_back("X-More", "a\r\nb");
  echo.held[0].first->answer(std::move(r));
  ASSERT_TRUE(answers(1));
  EXPECT_EQ(
      p->heard,
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nX-More: a  b\r\n\r\n");
}

// ---------------------------------------------------------------------------------------- refusals

TEST_F(Http1SessionTest, TooLargeIsDecidedFromTheHead) {
  start([](server_options& how) { how.message_bytes_max = 1'000; });
  p->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  ASSERT_TRUE(heard("HTTP/1.1 413 "));
  EXPECT_TRUE(has("Connection: close\r\n"));
  EXPECT_EQ(echo.admitted, 0);
  EXPECT_EQ(s->statistics().refused_early, 1u);
}

TEST_F(Http1SessionTest, ChunkedBodiesAreCutOffAtTheLimit) {
  start([](server_options& how) { how.message_bytes_max = 1'000; });
  p->send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + noise(1'001));
  ASSERT_TRUE(heard("HTTP/1.1 413 "));
  ASSERT_TRUE(over());
  EXPECT_EQ(echo.served, 0);
  p = connect();
  p->send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + noise(1'000) +
          "\r\n0\r\n\r\n");
  EXPECT_TRUE(heard("HTTP/1.1 200 "));
}

TEST_F(Http1SessionTest, AClientThatGoesOnSendingSeesTheRefusalAndNoReset) {
  start([](server_options& how) { how.message_bytes_max = 1_MiB; });
  p->send(post(noise(5_MiB)));
  ASSERT_TRUE(heard("HTTP/1.1 413 "));
  ASSERT_TRUE(over());
  EXPECT_TRUE(p->ended);
  EXPECT_FALSE(p->failed);
}

TEST_F(Http1SessionTest, ReadingPastARefusedBodyIsBounded) {
  start([](server_options& how) { how.message_bytes_max = 1'000; });
  const std::string part = noise(1_MiB);
  p->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
  for (int i = 0; i < 64; ++i) p->send(part);
  ASSERT_TRUE(heard("HTTP/1.1 413 "));
  ASSERT_TRUE(l.run_until([&] { return s->statistics().open == 0; }));
  EXPECT_LT(s->statistics().bytes_received, 20_MiB);
}

TEST_F(Http1SessionTest, ARefusedShortBodyIsReadPastAndTheConnectionKept) {
  start();
  echo.refuse = [](request_head& head) -> std::optional<grpc::status> {
    if (head.path == "/v1/logs") return std::nullopt;
    grpc::status why;
    why.grpc = grpc::code::unimplemented;
    why.http = 404;
    why.message = "no such path";
    return why;
  };
  p->send(post("unwanted", "", "/elsewhere") + post("wanted"));
  ASSERT_TRUE(heard("\r\n\r\nwanted"));
  EXPECT_TRUE(has("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_FALSE(has("Connection: close"));
  EXPECT_EQ(echo.served, 1);
}

TEST_F(Http1SessionTest, ADrainWhileARefusedBodyIsReadPastEndsTheConnectionBehindIt) {
  start();
  echo.refuse = [](request_head&) {
    grpc::status no;
    no.grpc = grpc::code::not_found;
    no.http = 404;
    return std::optional(no);
  };
  const std::string text = post(noise(1'000));
  p->send(text.substr(0, text.size() - 10));
  ASSERT_TRUE(heard("HTTP/1.1 404"));
  s->drain();
  l.run_for(10ms);
  p->send(text.substr(text.size() - 10));
  EXPECT_TRUE(l.run_until([&] { return p->ended; }, 1s));
}

TEST_F(Http1SessionTest, ErrorsAreInTheEncodingOfTheRequest) {
  start();
  echo.refuse = [](request_head&) -> std::optional<grpc::status> {
    grpc::status why;
    why.grpc = grpc::code::unavailable;
    why.http = 503;
    why.message = "say \"when\"\n";
    why.retry_after = 1'200ms;
    return why;
  };
  p->send(post("x"));
  ASSERT_TRUE(answers(1));
  EXPECT_TRUE(has("Content-Type: application/x-protobuf\r\n"));
  EXPECT_TRUE(has("Retry-After: 2\r\n"));
  const std::string body = p->heard.substr(p->heard.find("\r\n\r\n") + 4);
  EXPECT_EQ(grpc::message_in_status(body), "say \"when\"\n");
  EXPECT_EQ(grpc::retry_delay_in_status(body), 1'200ms);
  p->heard.clear();
  p->send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: Application/JSON; "
      "charset=utf-8\r\nContent-Length: 2\r\n\r\n{}");
  ASSERT_TRUE(heard("}"));
  EXPECT_TRUE(has("Content-Type: application/json\r\n"));
  EXPECT_TRUE(p->heard.ends_with("{\"code\":14,\"message\":\"say \\\"when\\\"\\u000a\"}"));
  p->heard.clear();
  p->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(heard("when\"\n\n"));
  EXPECT_TRUE(has("Content-Type: text/plain\r\n"));
}

TEST_F(Http1SessionTest, StatusesCarryTheFieldsThatGoWithThem) {
  start();
  echo.refuse = [](request_head&) -> std::optional<grpc::status> {
    grpc::status why;
    why.grpc = grpc::code::unimplemented;
    why.http = 405;
    return why;
  };
  p->send("GET /v1/logs HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(heard("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_TRUE(has("Allow: POST\r\n"));
  p->send(post("x", "Content-Encoding: br\r\n"));
  ASSERT_TRUE(heard("HTTP/1.1 415 Unsupported Media Type\r\n"));
  EXPECT_TRUE(has("Accept-Encoding: gzip, zstd, snappy, deflate\r\n"));
}

TEST_F(Http1SessionTest, BadHeadsAreAnsweredAndClosed) {
  start();
  const std::pair<std::string, std::string_view> cases[] = {
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501"},
      {"GET / HTTP/1.1\n\n", "400"},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505"},
      {"hello there\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x'), "431"},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "413"},
  };
  for (const auto& [request, status] : cases) {
    p = connect();
    p->send(request);
    ASSERT_TRUE(over()) << request.substr(0, 60);
    EXPECT_EQ(p->heard.substr(0, 12), "HTTP/1.1 " + std::string(status)) << request.substr(0, 60);
    EXPECT_TRUE(has("Connection: close\r\n"));
  }
  EXPECT_EQ(echo.admitted, 0);
  EXPECT_EQ(s->statistics().protocol_errors, 8u);
}

TEST_F(Http1SessionTest, BadChunksAreAnsweredAndClosed) {
  start();
  p->send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
  ASSERT_TRUE(over());
  EXPECT_EQ(p->heard.substr(0, 12), "HTTP/1.1 400");
  EXPECT_EQ(echo.served, 0);
}

}  // namespace
}  // namespace zc::net
