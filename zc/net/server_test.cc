// What must hold of the server whatever is spoken on a connection: it tells protocols apart, holds
// its limits and time-outs, pushes back when memory or the peer is slow, and ends in order.
//
// Method: real sockets on loopback and a real poller; the peers are scripted byte by byte
// (loopback_for_tests.h).

#include "zc/net/server.h"

#include <string>

#include <gtest/gtest.h>

#include "zc/net/loopback_for_tests.h"

namespace zc::net {
namespace {

using namespace std::chrono_literals;

class ServerTest : public ::testing::Test {
 protected:
  void start(const std::function<void(server_options&)>& adjust = {}) {
    server_options how;
    how.at = any_port();
    if (adjust) adjust(how);
    auto made = server::listen(l.on, how, echo);
    ASSERT_TRUE(made.has_value());
    s = std::move(*made);
  }
  std::unique_ptr<raw_peer> connect() { return std::make_unique<raw_peer>(l, s->local()); }
  bool heard(raw_peer& p, std::string_view what) {
    return l.run_until([&] { return p.heard.find(what) != std::string::npos; });
  }
  bool over(raw_peer& p, std::chrono::milliseconds longest = 10s) {
    return l.run_until([&] { return p.over(); }, longest);
  }
  // Memory that is in use while nothing is under way: the receive slab of the shard.
  std::size_t settled_memory() {
    l.on.memory().trim();
    return l.limits.used();
  }

  loop l;
  echo_service echo;
  std::unique_ptr<server> s;
};

TEST_F(ServerTest, ATlsHandshakeOnAPlainPortIsClosedWithoutAnAnswer) {
  start();
  auto p = connect();
  p->send(std::string("\x16\x03\x01\x02\x00\x01", 6));
  ASSERT_TRUE(over(*p));
  EXPECT_EQ(p->heard, "");
  EXPECT_EQ(s->statistics().protocol_errors, 1u);
}

TEST_F(ServerTest, APortForGrpcOnlySaysSoInHttp1) {
  start([](server_options& how) { how.http = false; });
  auto p = connect();
  p->send(post("abc"));
  ASSERT_TRUE(over(*p));
  EXPECT_EQ(p->heard.substr(0, 12), "HTTP/1.1 400");
  EXPECT_NE(p->heard.find("gRPC"), std::string::npos);
  EXPECT_EQ(echo.served, 0);
}

TEST_F(ServerTest, Http1IsRecognisedFromPiecesOfAnyLength) {
  start();
  for (std::size_t cut = 1; cut < 6; ++cut) {
    auto p = connect();
    const std::string text = post("abc");
    p->send(text.substr(0, cut));
    l.run_for(5ms);
    p->send(text.substr(cut));
    EXPECT_TRUE(heard(*p, "\r\n\r\nabc"));
  }
}

TEST_F(ServerTest, AHeadMustEndInTime) {
  start([](server_options& how) { how.head_timeout = 80ms; });
  auto p = connect();
  auto prefix_only = connect();
  prefix_only->send("PRI * HT");
  for (int i = 0; i < 200 && !p->over(); ++i) {  // a byte now and then does not help
    p->send("P");
    l.run_for(5ms);
  }
  EXPECT_TRUE(p->over());
  EXPECT_TRUE(over(*prefix_only));
  EXPECT_EQ(s->statistics().timed_out, 2u);
}

TEST_F(ServerTest, ABodyMustGoOn) {
  start([](server_options& how) { how.body_progress_timeout = 300ms; });
  auto slow = connect();
  auto stuck = connect();
  const std::string text = post(noise(60'000));
  slow->send(text.substr(0, 200));
  stuck->send(text.substr(0, 200));
  for (std::size_t i = 200; i < 220;
       ++i) {  // slower than the time-out in all, but never without progress
    slow->send(text.substr(i, 1));
    l.run_for(25ms);
  }
  EXPECT_TRUE(over(*stuck));
  EXPECT_FALSE(slow->over());
  slow->send(text.substr(220));
  EXPECT_TRUE(heard(*slow, "HTTP/1.1 200 OK"));
  EXPECT_EQ(s->statistics().timed_out, 1u);
}

TEST_F(ServerTest, IdleConnectionsAreClosedInOrder) {
  start([](server_options& how) { how.idle_timeout = 200ms; });
  auto fresh = connect();
  auto used = connect();
  used->send(post("x"));
  ASSERT_TRUE(heard(*used, "\r\n\r\nx"));
  ASSERT_TRUE(over(*fresh));
  ASSERT_TRUE(over(*used));
  EXPECT_TRUE(used->ended);
  EXPECT_EQ(s->statistics().timed_out, 0u);
  EXPECT_TRUE(l.run_until([&] { return s->statistics().open == 0; }));
}

TEST_F(ServerTest, ARequestBeingServedIsNoIdleConnection) {
  start([](server_options& how) { how.idle_timeout = 150ms; });
  echo.hold = true;
  auto p = connect();
  p->send(post("later"));
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  l.run_for(400ms);
  EXPECT_FALSE(p->over());
  echo.answer_held();
  EXPECT_TRUE(heard(*p, "\r\n\r\nlater"));
}

TEST_F(ServerTest, APeerThatDoesNotReadIsNotReadFromAndTimesOut) {
  start([](server_options& how) { how.write_timeout = 150ms; });
  auto p = connect();
  p->stop_reading();
  const std::string text = post(noise(200'000));
  for (int i = 0; i < 200; ++i) p->send(text);  // 40 MB of answers nobody reads
  ASSERT_TRUE(l.run_until([&] { return s->statistics().timed_out == 1; }));
  EXPECT_LT(echo.served, 150);  // the kernel's buffers and out_high_water, not everything
  EXPECT_TRUE(l.run_until([&] { return s->statistics().open == 0; }));
}

TEST_F(ServerTest, APeerThatReadsLateGetsEverything) {
  start();
  auto p = connect();
  p->stop_reading();
  const std::string text = post(noise(200'000));
  for (int i = 0; i < 100; ++i) p->send(text);
  l.run_for(100ms);
  p->read_on();
  EXPECT_TRUE(l.run_until([&] { return count_of(p->heard, "HTTP/1.1 200") == 100; }));
  EXPECT_EQ(echo.served, 100);
}

TEST_F(ServerTest, BeyondTheLimitConnectionsWaitInTheBacklog) {
  start([](server_options& how) { how.connections_max = 2; });
  auto a = connect();
  auto b = connect();
  auto c = connect();
  for (auto* p : {a.get(), b.get(), c.get()}) p->send(post("hi"));
  ASSERT_TRUE(l.run_until([&] { return s->statistics().open == 2 && echo.served == 2; }));
  l.run_for(30ms);
  EXPECT_EQ(echo.served, 2);
  a->close();
  b->close();
  EXPECT_TRUE(heard(*c, "\r\n\r\nhi"));
}

TEST_F(ServerTest, DrainAnswersWhatIsUnderWayAndThenNothingIsLeft) {
  start();
  echo.hold = true;
  auto idle = connect();
  auto busy = connect();
  idle->send(post("x"));
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  echo.answer_held();
  ASSERT_TRUE(heard(*idle, "\r\n\r\nx"));
  busy->send(post("last words"));
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  s->drain();
  EXPECT_FALSE(s->drained());
  EXPECT_TRUE(over(*idle));
  EXPECT_FALSE(busy->over());
  raw_peer late(l, s->local());
  EXPECT_TRUE(over(late));
  echo.answer_held();
  ASSERT_TRUE(over(*busy));
  EXPECT_NE(busy->heard.find("Connection: close"), std::string::npos);
  EXPECT_NE(busy->heard.find("\r\n\r\nlast words"), std::string::npos);
  busy->close();
  idle->close();
  EXPECT_TRUE(l.run_until([&] { return s->drained(); }));
}

TEST_F(ServerTest, DestroyingTheServerLeavesExchangesHarmless) {
  start();
  echo.hold = true;
  auto p = connect();
  p->send(post("orphan"));
  ASSERT_TRUE(l.run_until([&] { return !echo.held.empty(); }));
  EXPECT_FALSE(echo.held[0].first->client_gone());
  s.reset();
  EXPECT_TRUE(echo.held[0].first->client_gone());
  echo.answer_held();
  EXPECT_TRUE(over(*p));
}

TEST_F(ServerTest, AResetInTheMiddleOfABodyGivesItsMemoryBack) {
  start();
  auto warm = connect();
  warm->send(post("x"));
  ASSERT_TRUE(heard(*warm, "\r\n\r\nx"));
  const std::size_t before = settled_memory();
  auto p = connect();
  const std::string text = post(noise(900'000));
  p->send(text.substr(0, 500'000));
  ASSERT_TRUE(l.run_until([&] { return p->all_sent() && settled_memory() > before + 500'000; }));
  p->reset();
  ASSERT_TRUE(l.run_until([&] { return s->statistics().open == 1; }));
  EXPECT_EQ(settled_memory(), before);
}

// ------------------------------------------------------------------------------------------ memory

class ServerMemoryTest : public ServerTest {
 protected:
  // Takes memory until the quota is tight (above 7/8), or until nothing is left.
  void take_memory(bool everything) {
    const std::size_t stop = everything ? l.limits.limit() : l.limits.soft_limit() + 1;
    while (l.limits.used() + 64_KiB <= stop || !l.limits.tight()) {
      auto block = l.on.memory().take(64_KiB - 2 * pool::slack);
      if (!block) break;
      taken.push_back(std::move(block));
    }
    for (;;) {
      if (!everything) break;
      auto block = l.on.memory().take(2'000);
      if (!block) break;
      taken.push_back(std::move(block));
    }
  }
  void give_memory() {
    taken.clear();
    l.on.memory().trim();
  }
  std::vector<bytes_builder> taken;
};

TEST_F(ServerMemoryTest, ShortOverloadIsAbsorbedByNotReading) {
  start([](server_options& how) { how.admission_wait = 5s; });
  auto p = connect();
  p->send(post("first"));
  ASSERT_TRUE(heard(*p, "\r\n\r\nfirst"));
  take_memory(false);
  p->send(post("second"));
  l.run_for(50ms);
  EXPECT_EQ(echo.served, 1);  // it waits, unread
  give_memory();
  EXPECT_TRUE(heard(*p, "\r\n\r\nsecond"));
  EXPECT_EQ(s->statistics().refused_memory, 0u);
}

TEST_F(ServerMemoryTest, LongOverloadIsRefusedWithAHintAndEndsWhenMemoryIsBack) {
  start([](server_options& how) {
    how.admission_wait = 30ms;
    how.retry_after = 1'500ms;
  });
  auto p = connect();
  p->send(post("first"));
  ASSERT_TRUE(heard(*p, "\r\n\r\nfirst"));
  take_memory(false);
  p->send(post("second"));
  ASSERT_TRUE(heard(*p, "HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_NE(p->heard.find("Retry-After: 2\r\n"),
            std::string::npos);  // 1.125 to 1.875 s, rounded up
  EXPECT_EQ(echo.served, 1);
  EXPECT_EQ(s->statistics().refused_memory, 1u);
  p->send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");  // takes no memory: served even now
  ASSERT_TRUE(l.run_until([&] { return echo.served == 2; }));
  give_memory();
  p->send(post("third"));
  EXPECT_TRUE(heard(*p, "\r\n\r\nthird"));
}

TEST_F(ServerMemoryTest, WhoFindsMemoryTakenEachTimeItIsFreeIsRefusedInTheEnd) {
  start([](server_options& how) { how.admission_wait = 100ms; });
  auto p = connect();
  p->send(post("first"));
  ASSERT_TRUE(heard(*p, "\r\n\r\nfirst"));
  take_memory(false);
  p->send(post("second"));
  for (int i = 0; i < 100 && p->heard.find("503") == std::string::npos; ++i) {
    l.run_for(10ms);
    give_memory();                              // tells the connection, in the next turn,
    l.on.post([this] { take_memory(false); });  // and here somebody is faster
  }
  // Looked at without another turn: memory that stays away would get it refused in any case.
  EXPECT_NE(p->heard.find("HTTP/1.1 503 Service Unavailable\r\n"), std::string::npos) << p->heard;
  EXPECT_EQ(echo.served, 1);
  give_memory();
}

TEST_F(ServerMemoryTest, ABodyForWhichNothingIsLeftWaitsAndIsThenRefused) {
  start([](server_options& how) { how.admission_wait = 40ms; });
  echo.hold = true;
  auto p = connect();
  const std::string text = post(noise(4'000'000));
  p->send(text.substr(0, 300'000));
  ASSERT_TRUE(l.run_until([&] { return p->all_sent(); }));
  l.run_for(20ms);
  take_memory(true);
  p->send(text.substr(300'000));
  ASSERT_TRUE(heard(*p, "HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_NE(p->heard.find("Retry-After: "), std::string::npos);
  EXPECT_EQ(echo.served, 0);
  EXPECT_LE(l.limits.used(), l.limits.limit() + 1_MiB);  // the overdraft is a slab or two
  give_memory();
  auto again = connect();
  echo.hold = false;
  again->send(post("back"));
  EXPECT_TRUE(heard(*again, "\r\n\r\nback"));
}

}  // namespace
}  // namespace zc::net
