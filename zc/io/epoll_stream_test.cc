// What must hold of a stream on a socket beyond what every stream promises
// (stream_contract_test.cc): how many system calls it takes, what a hang-up and a reset of the
// kernel's own do to it, names and addresses of real networks, and the options that every
// connection gets.
//
// Method: real sockets on the loopback, against plain blocking sockets where the peer's doings have
// to be exact. Spinning is found by counting how often poll() returns events while nothing can
// happen.

#include "zc/io/epoll_stream.h"

#include "zc/io/epoll_for_tests.h"

namespace zc::io {
namespace {

using namespace for_tests;
using EpollStreamTest = sockets;

TEST_F(EpollStreamTest, AllSlicesOfASendLeaveInOneCall) {
  party& server = connected();
  const std::string text = "0123456789";
  std::vector<io_slice> slices(1024, io_slice{text.data(), 1});
  const auto went = client_.io->send(slices);
  ASSERT_TRUE(went);
  EXPECT_EQ(*went, 1024u);
  ASSERT_TRUE(until([&] { return server.received.size() == 1024; }));
}

TEST_F(EpollStreamTest, ReadsStopAtTheFirstShortOne) {
  party& server = connected();
  const int before = server.rooms;
  client_.outgoing = "short";
  client_.pump();
  ASSERT_TRUE(until([&] { return !server.received.empty(); }));
  EXPECT_EQ(server.rooms, before + 1);
}

TEST_F(EpollStreamTest, OneReadinessMakesAtMostFourReads) {
  party& server = connected();
  server.room_size = 10;
  client_.outgoing = std::string(100, 'x');
  client_.pump();
  ASSERT_TRUE(until([&] { return !server.received.empty(); }));
  EXPECT_EQ(server.received.size(), 40u);
  ASSERT_TRUE(until([&] { return server.received.size() == 100; }));
}

TEST_F(EpollStreamTest, APausedStreamWhosePeerHangsUpDoesNotSpinAndStillGetsEverything) {
  listen();
  fd peer = raw();
  ASSERT_TRUE(until([&] { return server_.parties.size() == 1; }));
  party& server = *server_.parties.back();
  server.io->pause_read();
  server.io->shutdown_send();  // with the peer's end both directions are over: a hang-up, which
                               // cannot be masked
  ASSERT_EQ(::write(peer.get(), "last words", 10), 10);
  peer.reset();
  events_within(milliseconds(50));
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  EXPECT_EQ(server.ends + server.failures, 0);
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received, "last words");
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
}

TEST_F(EpollStreamTest, ASendThatFailsIsToldOnceMoreByPollUnlessTheStreamIsGone) {
  listen();
  for (const bool destroy : {false, true}) {
    server_.parties.clear();
    fd peer = raw();
    ASSERT_TRUE(until([&] { return server_.parties.size() == 1; }));
    party& server = *server_.parties.back();
    reset(peer);
    server.outgoing = "too late";
    while (server.send_errors == 0) server.pump(), server.sent = 0;
    EXPECT_EQ(server.failures, 0) << "a callback from inside send()";
    if (destroy) server.io.reset();
    events_within(milliseconds(30));
    EXPECT_EQ(server.failures, destroy ? 0 : 1);
  }
}

TEST_F(EpollStreamTest, WhatThePeerSaidBeforeItsResetIsDeliveredAfterASendHasFailed) {
  listen();
  for (const bool pending : {false, true}) {
    SCOPED_TRACE(pending);
    server_.parties.clear();
    fd peer = raw();
    ASSERT_TRUE(until([&] { return server_.parties.size() == 1; }));
    party& server = *server_.parties.back();
    if (pending) {
      server.outgoing = std::string(32 << 20, 'x');
      server.pump();
      ASSERT_LT(server.sent, server.outgoing.size());
    }
    ASSERT_EQ(::write(peer.get(), "413", 3), 3);
    reset(peer);
    if (!pending) {  // the answer lies in the socket, unread, when the send fails
      server.outgoing = "too late";
      server.pump();
      ASSERT_EQ(server.send_errors, 1);
      EXPECT_EQ(server.received, "");
    }
    ASSERT_TRUE(until([&] { return server.failures == 1; }));
    EXPECT_EQ(server.received, "413");
    EXPECT_EQ(server.ends, 0);
    events_within(milliseconds(30));
    EXPECT_EQ(server.failures, 1);
  }
}

TEST_F(EpollStreamTest, LastWordsMayDestroyTheStreamOrBeUnwanted) {
  listen();
  for (const bool destroy : {false, true}) {
    SCOPED_TRACE(destroy);
    server_.parties.clear();
    fd peer = raw();
    ASSERT_TRUE(until([&] { return server_.parties.size() == 1; }));
    party& server = *server_.parties.back();
    if (!destroy) server.io->pause_read();
    server.on_data = [&] { server.io.reset(); };
    ASSERT_EQ(::write(peer.get(), "413", 3), 3);
    reset(peer);
    server.outgoing = "too late";
    server.pump();
    ASSERT_EQ(server.send_errors, 1);
    events_within(milliseconds(30));
    EXPECT_EQ(server.received, destroy ? "413" : "");
    EXPECT_EQ(server.failures, destroy ? 0 : 1);
  }
}

TEST_F(EpollStreamTest, ANameIsTriedAddressByAddress) {
  listen("127.0.0.1:0");  // "localhost" may be ::1 first, where nobody listens
  endpoint to = server_.io->local();
  to.host = "localhost";
  auto made = poll_->connect(to, {}, client_);
  ASSERT_TRUE(made) << made.error().reason;
  client_.io = std::move(*made);
  ASSERT_TRUE(until([&] { return client_.connects == 1; }));
  EXPECT_EQ(client_.io->peer(), server_.io->local().text());
}

TEST_F(EpollStreamTest, IPv6AndTheWildcardServe) {
  for (const char* at : {"[::1]:0", ":0", "[::]:0", "0.0.0.0:0"}) {
    auto made = poll_->listen(*endpoint::parse(at), {}, server_);
    if (!made && (made.error().os == EAFNOSUPPORT || made.error().os == EADDRNOTAVAIL)) continue;
    ASSERT_TRUE(made) << at << ": " << made.error().reason;
    endpoint to = (*made)->local();
    ASSERT_NE(to.port, 0);
    if (std::string_view(at) == ":0")
      to.host = "127.0.0.1";  // a dual-stack wildcard takes IPv4 too
    party p;
    auto begun = poll_->connect(to, {}, p);
    ASSERT_TRUE(begun);
    p.io = std::move(*begun);
    const int before = server_.accepted;
    ASSERT_TRUE(until([&] { return p.connects == 1 && server_.accepted > before; })) << at;
    if (std::string_view(at) == ":0") {
      EXPECT_TRUE(server_.parties.back()->io->peer().starts_with("127.0.0.1:"));
    }
    server_.parties.clear();
  }
}

TEST_F(EpollStreamTest, TcpNoDelayIsOnAtBothEnds) {
  // Seen from outside: the descriptors of both ends are those the process gained.
  party& server = connected();
  (void)server;
  int with_no_delay = 0;
  for (int i = 3; i < 256; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    int on = 0;
    socklen_t on_size = sizeof(on);
    if (::getpeername(i, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        ::getsockopt(i, IPPROTO_TCP, TCP_NODELAY, &on, &on_size) == 0 && on != 0) {
      with_no_delay += 1;
    }
  }
  EXPECT_EQ(with_no_delay, 2);
}

}  // namespace
}  // namespace zc::io
