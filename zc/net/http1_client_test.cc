// What must hold of the HTTP/1.1 client: exactly one outcome per request, of the right kind,
// whatever the server does; bodies go out uncopied; kept-alive connections that the server closed
// cost nobody a request.
//
// Method: our own server for whole exchanges, and a scripted socket for everything a server should
// not do.

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"
#include "zc/net/client.h"
#include "zc/net/loopback_for_tests.h"
#include "zc/net/server.h"

namespace zc::net {
namespace {

using namespace std::chrono_literals;

bytes_chain body_of(std::string text) {
  return bytes_chain(bytes::from_string(std::move(text)));
}

class Http1ClientTest : public ::testing::Test {
 protected:
  void make(const endpoint& to, const std::function<void(client_options&)>& adjust = {}) {
    client_options how;
    how.to = to;
    how.backoff_min = 30ms;
    if (adjust) adjust(how);
    c = client::http1(l.on, std::move(how));
  }
  void serve_echo() {
    server_options how;
    how.at = any_port();
    auto made = server::listen(l.on, how, echo);
    ASSERT_TRUE(made.has_value());
    s = std::move(*made);
  }
  void send(bytes_chain body, nanoseconds timeout = 0ns, coding c_ = coding::identity) {
    client_request r;
    r.path = "/v1/logs";
    r.content_type = "application/x-protobuf";
    r.body_coding = c_;
    r.body = std::move(body);
    r.timeout = timeout;
    c->send(std::move(r), [this](outcome&& o) { outcomes.push_back(std::move(o)); });
  }
  bool told(std::size_t n, std::chrono::milliseconds longest = 10s) {
    return l.run_until([&] { return outcomes.size() >= n; }, longest);
  }
  // The connection of the scripted server with this number, once it has heard `what`.
  raw_peer* peer(std::size_t i, std::string_view what = "") {
    const bool came = l.run_until([&] {
      return scripted.peers.size() > i && scripted.peers[i]->heard.find(what) != std::string::npos;
    });
    EXPECT_TRUE(came);
    return came ? scripted.peers[i].get() : nullptr;
  }

  loop l;
  echo_service echo;
  raw_server scripted{l};
  std::unique_ptr<server> s;
  std::unique_ptr<client> c;
  std::vector<outcome> outcomes;
};

TEST_F(Http1ClientTest, SendsAWellFormedRequest) {
  make(scripted.at(), [](client_options& how) {
    how.authority = "collector:4318";
    how.user_agent = "sluice/1";
    how.fields = {{"authorization", "Bearer x"}, {"evil", "a\r\nb: c"}};
  });
  EXPECT_FALSE(c->connected());
  EXPECT_EQ(c->capacity(), 1u);
  send(body_of("payload"), 0ns, coding::gzip);
  EXPECT_EQ(c->pending(), 1u);
  raw_peer* p = peer(0, "payload");
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(p->heard,
            "POST /v1/logs HTTP/1.1\r\nHost: collector:4318\r\nUser-Agent: sluice/1\r\n"
            "authorization: Bearer x\r\nevil: a  b: c\r\nContent-Type: application/x-protobuf\r\n"
            "Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\npayload");
  p->send(
      "HTTP/1.1 200 Fine\r\nContent-Type: application/x-protobuf\r\nContent-Length: 2\r\n\r\nok");
  ASSERT_TRUE(told(1));
  EXPECT_EQ(outcomes[0].what, outcome::kind::answered);
  EXPECT_EQ(outcomes[0].http_status, 200);
  EXPECT_EQ(outcomes[0].message, "Fine");
  EXPECT_EQ(outcomes[0].content_type, "application/x-protobuf");
  EXPECT_EQ(text_of(outcomes[0].body), "ok");
  EXPECT_EQ(c->pending(), 0u);
  EXPECT_TRUE(c->connected());
}

TEST_F(Http1ClientTest, LargeBodiesGoThroughServerAndClientUncopied) {
  serve_echo();
  make(s->local());
  for (const std::size_t size : {64_KiB, 256_KiB, 1_MiB}) {
    SCOPED_TRACE(size);
    const bytes_chain body = body_of(noise(size));
    const auto before = ledger::read();
    outcomes.clear();
    send(body);
    ASSERT_TRUE(told(1));
    EXPECT_EQ(outcomes[0].http_status, 200);
    EXPECT_TRUE(outcomes[0].body == body);
    const auto after = ledger::read();
    EXPECT_EQ(after.copied() - before.copied(), 0u);
    EXPECT_EQ(after.forwarded - before.forwarded, size);
    EXPECT_EQ(after.received - before.received,
              2 * size);  // by the server, and the echo by the client
  }
  EXPECT_EQ(s->statistics().accepted, 1u);  // one connection, kept alive
}

TEST_F(Http1ClientTest, SeveralConnectionsCarrySeveralRequests) {
  serve_echo();
  echo.hold = true;
  make(s->local(), [](client_options& how) { how.connections_max = 3; });
  for (int i = 0; i < 3; ++i) send(body_of("request " + std::to_string(i)));
  EXPECT_EQ(c->pending(), c->capacity());
  ASSERT_TRUE(l.run_until([&] { return echo.held.size() == 3; }));
  EXPECT_EQ(s->statistics().open, 3u);
  echo.answer_held();
  ASSERT_TRUE(told(3));
  send(body_of("again"));
  ASSERT_TRUE(l.run_until([&] { return echo.held.size() == 1; }));
  EXPECT_EQ(s->statistics().accepted, 3u);
  echo.answer_held();
  ASSERT_TRUE(told(4));
}

TEST_F(Http1ClientTest, AnswersOfEveryFramingAreUnderstood) {
  make(scripted.at());
  const std::pair<std::string, std::string> cases[] = {
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: "
       "r\r\n\r\n",
       "abcde"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 1\r\n\r\nx",
       "x"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""},
  };
  std::size_t n = 0;
  for (const auto& [answer, body] : cases) {
    send(body_of("q" + std::to_string(n)));
    raw_peer* p = peer(0, "q" + std::to_string(n));
    ASSERT_NE(p, nullptr);
    for (const char one : answer) {  // byte by byte
      p->send(std::string(1, one));
      l.on.run_turn(0ns);
    }
    ASSERT_TRUE(told(++n)) << answer;
    EXPECT_EQ(outcomes.back().what, outcome::kind::answered) << outcomes.back().message;
    EXPECT_EQ(text_of(outcomes.back().body), body);
  }
  EXPECT_EQ(scripted.peers.size(), 1u);
  send(body_of("until close"));
  raw_peer* p = peer(0, "until close");
  p->send("HTTP/1.0 200 OK\r\n\r\nall the ");
  l.run_for(10ms);
  p->send("rest");
  p->shut();
  ASSERT_TRUE(told(5));
  EXPECT_EQ(text_of(outcomes[4].body), "all the rest");
}

TEST_F(Http1ClientTest, ErrorsCarryTheirHints) {
  make(scripted.at());
  send(body_of("q"));
  grpc::status busy;
  busy.grpc = grpc::code::unavailable;
  busy.message = "queue is full";
  const std::string body = grpc::encode_status(busy);
  peer(0, "q")->send(
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Type: "
      "application/x-protobuf\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  ASSERT_TRUE(told(1));
  EXPECT_EQ(outcomes[0].what, outcome::kind::answered);
  EXPECT_EQ(outcomes[0].http_status, 503);
  EXPECT_EQ(outcomes[0].message, "queue is full");
  EXPECT_EQ(outcomes[0].retry_after, 7s);
}

TEST_F(Http1ClientTest, NonsenseIsAProtocolError) {
  const std::string_view cases[] = {
      "SSH-2.0-OpenSSH\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
      "HTTP/2.0 200 OK\r\n\r\n",
  };
  std::size_t n = 0;
  for (const std::string_view answer : cases) {
    make(scripted.at());
    send(body_of("q"));
    raw_peer* p = peer(n, "q");
    ASSERT_NE(p, nullptr);
    p->send(std::string(answer));
    ASSERT_TRUE(told(++n)) << answer;
    EXPECT_EQ(outcomes.back().what, outcome::kind::protocol_error) << answer;
    EXPECT_TRUE(l.run_until([&] { return p->over(); }));
  }
}

TEST_F(Http1ClientTest, AnAnswerAboveTheLimitIsTooLarge) {
  for (const std::string_view head :
       {"Content-Length: 1001\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3e9\r\n", "\r\n"}) {
    make(scripted.at(), [](client_options& how) { how.response_bytes_max = 1'000; });
    outcomes.clear();
    const std::size_t n = scripted.peers.size();
    send(body_of("q"));
    peer(n, "q")->send("HTTP/1.1 200 OK\r\n" + std::string(head) + noise(1'001));
    ASSERT_TRUE(told(1));
    EXPECT_EQ(outcomes[0].what, outcome::kind::too_large);
  }
}

TEST_F(Http1ClientTest, AConnectionThatBreaksBeforeTheAnswerIsDisconnected) {
  make(scripted.at());
  send(body_of("q"));
  peer(0, "q")->close();
  ASSERT_TRUE(told(1));
  EXPECT_EQ(outcomes[0].what, outcome::kind::disconnected);
  send(body_of("r"));
  peer(1, "r")->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  l.run_for(10ms);
  scripted.peers[1]->close();
  ASSERT_TRUE(told(2));
  EXPECT_EQ(outcomes[1].what, outcome::kind::disconnected);
  EXPECT_EQ(scripted.peers.size(), 2u);  // fresh connections are not tried twice
}

TEST_F(Http1ClientTest, ABusyConnectionThatBreaksIsNotRetriedUnseen) {
  make(scripted.at());
  send(body_of("first"));
  peer(0, "first")->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(told(1));
  send(body_of("second"));     // at once: the server cannot have meant the idle connection
  peer(0, "second")->close();  // so it may be the request that broke it
  ASSERT_TRUE(told(2));
  EXPECT_EQ(outcomes[1].what, outcome::kind::disconnected);
  EXPECT_EQ(scripted.peers.size(), 1u);
}

TEST_F(Http1ClientTest, AnswersAreReadThoughNoMemoryIsLeft) {
  make(scripted.at());
  send(body_of("q"));
  raw_peer* p = peer(0, "q");
  ASSERT_NE(p, nullptr);
  std::vector<bytes_builder> taken;
  for (const std::size_t size : {64_KiB, 4_KiB}) {
    for (;;) {
      auto block = l.on.memory().take(size - 2 * pool::slack);
      if (!block) break;
      taken.push_back(std::move(block));
    }
  }
  // Until the slab is used up as well; and in small pieces, which are put side by side.
  p->send("HTTP/1.1 200 OK\r\nContent-Length: 400300\r\n\r\n" + noise(400'000));
  for (int i = 0; i < 300; ++i) {
    l.run_for(1ms);
    p->send("x");
  }
  ASSERT_TRUE(told(1, 3s));
  EXPECT_EQ(outcomes[0].what, outcome::kind::answered) << outcomes[0].message;
  EXPECT_EQ(outcomes[0].body.size(), 400'300u);
}

TEST_F(Http1ClientTest, AnAnswerThatIsThereWhenSendingFailsIsRead) {
  make(scripted.at());
  send(body_of(noise(8'000'000)));
  raw_peer* p = peer(0, "POST");
  ASSERT_NE(p, nullptr);
  p->stop_reading();
  l.run_for(20ms);
  p->send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(p->all_sent());
  p->reset();
  ASSERT_TRUE(told(1));
  EXPECT_EQ(outcomes[0].what, outcome::kind::answered) << outcomes[0].message;
  EXPECT_EQ(outcomes[0].http_status, 413);
}

TEST_F(Http1ClientTest, AnOutcomeDuringDestructionMaySendAgainAndIsCancelled) {
  make(scripted.at(), [](client_options& how) { how.connections_max = 2; });
  int first = 0;
  std::vector<outcome::kind> later;
  client* const raw = c.get();
  for (int i = 0; i < 2; ++i) {
    client_request r;
    r.path = "/";
    r.body = body_of("x");
    c->send(std::move(r), [&, raw](outcome&& o) {
      EXPECT_EQ(o.what, outcome::kind::cancelled);
      first += 1;
      client_request again;
      again.path = "/";
      again.body = body_of("y");
      raw->send(std::move(again), [&](outcome&& second) { later.push_back(second.what); });
    });
  }
  l.run_for(10ms);
  c.reset();
  EXPECT_EQ(first, 2);
  EXPECT_EQ(later, (std::vector<outcome::kind>(2, outcome::kind::cancelled)));
}

TEST_F(Http1ClientTest, AKeptConnectionThatTheServerClosedIsRetriedOnceAndUnseen) {
  make(scripted.at());
  send(body_of("first"));
  peer(0, "first")->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(told(1));
  l.run_for(250ms);  // idle: about now servers close what they keep
  send(body_of("second"));
  peer(0, "second")->close();  // it has even seen the request; no byte of an answer came
  raw_peer* again = peer(1, "second");
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(outcomes.size(), 1u);
  again->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(told(2));
  EXPECT_EQ(outcomes[1].what, outcome::kind::answered);
  l.run_for(250ms);
  send(body_of("third"));
  peer(1, "third")->close();
  peer(2, "third")->close();  // only once
  ASSERT_TRUE(told(3));
  EXPECT_EQ(outcomes[2].what, outcome::kind::disconnected);
}

TEST_F(Http1ClientTest, AConnectionClosedWhileIdleIsReplacedOnDemand) {
  make(scripted.at());
  send(body_of("first"));
  peer(0, "first")->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(told(1));
  scripted.peers[0]->close();
  ASSERT_TRUE(l.run_until([&] { return !c->connected(); }));
  l.run_for(20ms);
  EXPECT_EQ(scripted.peers.size(), 1u);
  send(body_of("second"));
  peer(1, "second")->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(told(2));
  EXPECT_TRUE(l.run_until([&] { return scripted.peers[1]->over(); }));
}

TEST_F(Http1ClientTest, UnaskedBytesEndAnIdleConnection) {
  make(scripted.at());
  send(body_of("q"));
  peer(0, "q")->send(
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(told(1));
  EXPECT_EQ(outcomes[0].what, outcome::kind::answered);
  EXPECT_TRUE(l.run_until([&] { return scripted.peers[0]->over(); }));
}

TEST_F(Http1ClientTest, NobodyListeningIsUnreachableAndComesBackAfterABackOff) {
  const endpoint at = scripted.at();
  scripted.stop();
  make(at);
  send(body_of("q"));
  ASSERT_TRUE(told(1));
  EXPECT_EQ(outcomes[0].what, outcome::kind::unreachable);
  EXPECT_NE(outcomes[0].message, "");
  server_options how;
  how.at = at;
  auto made = server::listen(l.on, how, echo);
  ASSERT_TRUE(made.has_value());
  s = std::move(*made);
  send(body_of("r"));  // waits for the next attempt
  ASSERT_TRUE(told(2));
  EXPECT_EQ(outcomes[1].what, outcome::kind::answered);
}

TEST_F(Http1ClientTest, TimeoutsCountWaitingForAConnection) {
  const endpoint at = scripted.at();
  scripted.stop();
  make(at, [](client_options& how) { how.backoff_min = 10s; });
  send(body_of("q"));
  ASSERT_TRUE(told(1));
  send(body_of("r"), 40ms);
  ASSERT_TRUE(told(2, 2s));
  EXPECT_EQ(outcomes[1].what, outcome::kind::timed_out);
}

TEST_F(Http1ClientTest, AnAnswerThatDoesNotComeTimesOutAndEndsTheConnection) {
  make(scripted.at());
  send(body_of("q"), 50ms);
  raw_peer* p = peer(0, "q");
  ASSERT_TRUE(told(1, 2s));
  EXPECT_EQ(outcomes[0].what, outcome::kind::timed_out);
  EXPECT_TRUE(l.run_until([&] { return p->over(); }));
  EXPECT_EQ(c->pending(), 0u);
}

TEST_F(Http1ClientTest, AnEarlyRefusalStopsTheSending) {
  make(scripted.at());
  const std::size_t size = 40_MiB;
  send(body_of(noise(size)));
  raw_peer* p = peer(0, "Content-Length");
  p->stop_reading();
  p->send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(told(1));
  EXPECT_EQ(outcomes[0].what, outcome::kind::answered);
  EXPECT_EQ(outcomes[0].http_status, 413);
  p->read_on();
  EXPECT_TRUE(l.run_until([&] { return p->over(); }));
  EXPECT_LT(p->heard.size(), size);
}

TEST_F(Http1ClientTest, OurServersRefusalOfALargeBodyIsSeen) {
  server_options how;
  how.at = any_port();
  how.message_bytes_max = 1_MiB;
  auto made = server::listen(l.on, how, echo);
  s = std::move(*made);
  make(s->local());
  send(body_of(noise(8_MiB)));
  ASSERT_TRUE(told(1));
  EXPECT_EQ(outcomes[0].what, outcome::kind::answered);
  EXPECT_EQ(outcomes[0].http_status, 413);
  EXPECT_EQ(outcomes[0].message, "the body is larger than the limit");
}

TEST_F(Http1ClientTest, IdleConnectionsAreClosed) {
  make(scripted.at(), [](client_options& how) { how.idle_timeout = 40ms; });
  send(body_of("q"));
  peer(0, "q")->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(told(1));
  EXPECT_TRUE(l.run_until([&] { return scripted.peers[0]->over(); }));
  EXPECT_FALSE(c->connected());
}

TEST_F(Http1ClientTest, DestroyingTheClientCancelsWhatIsUnderWay) {
  make(scripted.at(), [](client_options& how) { how.connections_max = 2; });
  send(body_of("sent"));
  ASSERT_NE(peer(0, "sent"), nullptr);
  send(body_of("waiting"));
  c.reset();
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].what, outcome::kind::cancelled);
  EXPECT_EQ(outcomes[1].what, outcome::kind::cancelled);
}

TEST_F(Http1ClientTest, AnOutcomeMayDestroyTheClientOrSendAgain) {
  serve_echo();
  make(s->local(), [](client_options& how) { how.connections_max = 2; });
  int rounds = 0;
  std::function<void()> next = [&] {
    client_request r;
    r.path = "/";
    r.body = body_of("x");
    c->send(std::move(r), [&](outcome&& o) {
      EXPECT_EQ(o.what, outcome::kind::answered);
      if (++rounds < 20) {
        next();
      } else {
        c.reset();
      }
    });
  };
  next();
  EXPECT_TRUE(l.run_until([&] { return rounds == 20 && c == nullptr; }));
}

TEST_F(Http1ClientTest, RequestsAreTheSameBytesWhenSentAgain) {
  make(scripted.at());
  const bytes_chain body = body_of(noise(300'000));
  for (int i = 0; i < 2; ++i) {
    send(body);
    raw_peer* p = nullptr;
    ASSERT_TRUE(l.run_until([&] {
      p = scripted.peers.empty() ? nullptr : scripted.peers[0].get();
      return p != nullptr && p->heard.ends_with(text_of(body));
    }));
    p->heard.clear();
    p->send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(told(static_cast<std::size_t>(i) + 1));
  }
}

}  // namespace
}  // namespace zc::net
