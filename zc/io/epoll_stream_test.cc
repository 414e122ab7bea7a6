// What must hold of a stream on a socket: every byte arrives once and in order however writes are
// cut, a paused stream costs nothing and loses nothing, every way a connection can end is told
// once, streams may be destroyed anywhere, and no state makes poll() spin.
//
// Method: real sockets on the loopback, both ends on one poller unless another thread is the
// question. Spinning is found by counting how often poll() returns events while nothing can happen.

#include "zc/io/epoll_stream.h"

#include "zc/io/epoll_for_tests.h"

namespace zc::io {
namespace {

using namespace for_tests;
using EpollStreamTest = sockets;

TEST_F(EpollStreamTest, MegabytesComeBackUnchangedThroughPartialWrites) {
  SCOPED_TRACE(testing::seed_trace());
  party& server = connected();
  client_.outgoing = random_text(24 << 20);
  client_.end_after = true;
  client_.pump();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received, client_.outgoing);
  EXPECT_GT(client_.completed, 0) << "no send was ever cut: the test proves nothing";
  server.outgoing = server.received;
  server.end_after = true;
  server.pump();
  ASSERT_TRUE(until([&] { return client_.ends == 1; }));
  EXPECT_TRUE(client_.received == client_.outgoing);
  EXPECT_EQ(client_.failures + server.failures, 0);
}

TEST_F(EpollStreamTest, AllSlicesOfASendLeaveInOneCall) {
  party& server = connected();
  const std::string text = "0123456789";
  std::vector<io_slice> slices(1024, io_slice{text.data(), 1});
  const auto went = client_.io->send(slices);
  ASSERT_TRUE(went);
  EXPECT_EQ(*went, 1024u);
  ASSERT_TRUE(until([&] { return server.received.size() == 1024; }));
}

TEST_F(EpollStreamTest, ASendThatWaitsReadsTheCallersMemoryWhenItGoes) {
  party& server = connected();
  server.room_size = 0;
  client_.outgoing = std::string(16 << 20, 'a');  // more than the sockets hold
  client_.pump();
  ASSERT_TRUE(until([&] { return server.rooms == 1; }));
  for (std::size_t before = 0; before != client_.sent;) {  // until the kernel takes no more
    before = client_.sent;
    for (int i = 0; i < 20; ++i) poll_->poll(milliseconds(5));
  }
  ASSERT_LT(client_.sent, client_.outgoing.size());
  // The send that waits was given these bytes as 'a'. A poller that had put them aside sends 'a'.
  std::fill(client_.outgoing.begin() + static_cast<std::ptrdiff_t>(client_.sent),
            client_.outgoing.end(), 'b');
  server.room_size = 256 * 1024;
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.received.size() == client_.outgoing.size(); }));
  EXPECT_TRUE(server.received == client_.outgoing);
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

TEST_F(EpollStreamTest, AnEmptyRoomPausesWithoutSpinningThePeerBlocksAndResumingLosesNothing) {
  SCOPED_TRACE(testing::seed_trace());
  party& server = connected();
  server.room_size = 0;
  client_.outgoing = random_text(16 << 20);
  client_.end_after = true;
  client_.pump();
  EXPECT_TRUE(until([&] { return server.rooms == 1; }));
  EXPECT_LT(events_within(milliseconds(200)), 200u);
  EXPECT_EQ(events_within(milliseconds(200)), 0u) << "a paused stream must not wake anybody";
  EXPECT_EQ(server.rooms, 1);
  EXPECT_LT(client_.sent, client_.outgoing.size()) << "somebody buffered all of it";
  EXPECT_GT(client_.io->unsent(), 0u);
  server.room_size = 256 * 1024;
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_TRUE(server.received == client_.outgoing);
}

TEST_F(EpollStreamTest, PausingInsideACallbackStopsTheReads) {
  party& server = connected();
  server.room_size = 10;
  server.on_data = [&] { server.io->pause_read(); };
  client_.outgoing = std::string(30, 'x');
  client_.pump();
  ASSERT_TRUE(until([&] { return server.received.size() == 10; }));
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  EXPECT_EQ(server.received.size(), 10u);
  server.on_data = nullptr;
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.received.size() == 30; }));
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

TEST_F(EpollStreamTest, APausedStreamLearnsOfAReset) {
  listen();
  fd peer = raw();
  ASSERT_TRUE(until([&] { return server_.parties.size() == 1; }));
  party& server = *server_.parties.back();
  server.io->pause_read();
  reset(peer);
  ASSERT_TRUE(until([&] { return server.failures == 1; }));
  EXPECT_EQ(server.failure.code, errc::closed);
  EXPECT_EQ(server.failure.os, ECONNRESET);
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
}

TEST_F(EpollStreamTest, DataBeforeAResetIsDeliveredAndTheResetIsToldOnce) {
  listen();
  fd peer = raw();
  ASSERT_TRUE(until([&] { return server_.parties.size() == 1; }));
  party& server = *server_.parties.back();
  ASSERT_EQ(::write(peer.get(), "before", 6), 6);
  reset(peer);
  ASSERT_TRUE(until([&] { return server.failures == 1; }));
  EXPECT_EQ(server.received, "before");
  EXPECT_EQ(server.ends, 0);
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  EXPECT_EQ(server.failures, 1);
}

TEST_F(EpollStreamTest, AResetWhileASendIsPendingFailsTheStream) {
  listen();
  fd peer = raw();
  ASSERT_TRUE(until([&] { return server_.parties.size() == 1; }));
  party& server = *server_.parties.back();
  server.outgoing = std::string(32 << 20, 'x');
  server.pump();
  ASSERT_LT(server.sent, server.outgoing.size());
  reset(peer);
  ASSERT_TRUE(until([&] { return server.failures == 1; }));
  const auto again = server.io->send(server.slices);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, errc::closed);
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

TEST_F(EpollStreamTest, EitherSideMayEndFirstAndTheOtherGoesOnSending) {
  party& server = connected();
  client_.outgoing = "question";
  client_.end_after = true;
  client_.pump();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(events_within(milliseconds(50)), 0u) << "the peer's end is told once";
  server.outgoing = std::string(8 << 20, 'a');
  server.end_after = true;
  server.pump();
  ASSERT_TRUE(until([&] { return client_.ends == 1; }));
  EXPECT_EQ(client_.received.size(), server.outgoing.size());
  EXPECT_EQ(server.ends, 1);
  EXPECT_EQ(events_within(milliseconds(100)), 0u)
      << "both ends are over: nothing to report for ever";
  EXPECT_EQ(client_.failures + server.failures, 0);
}

TEST_F(EpollStreamTest, ShuttingDownWhileASendIsPendingWaitsForIt) {
  party& server = connected();
  client_.outgoing = std::string(16 << 20, 'x');
  client_.pump();
  ASSERT_LT(client_.sent, client_.outgoing.size());
  client_.io->shutdown_send();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received.size(), client_.outgoing.size());
  const auto late = client_.io->send(std::array{io_slice{"x", 1}});
  ASSERT_FALSE(late);
}

TEST_F(EpollStreamTest, DestroyingAStreamResetsItWhenAsked) {
  listen();
  fd peer = raw();
  ASSERT_TRUE(until([&] { return server_.parties.size() == 1; }));
  server_.parties.back()->io->abort_on_close();
  server_.parties.clear();
  char c;
  EXPECT_EQ(::recv(peer.get(), &c, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(EpollStreamTest, StreamsMayBeDestroyedInAnyCallback) {
  listen();
  const auto drop = [&] { server_.parties.back()->io.reset(); };
  const std::function<void(party&)> cases[] = {
      [&](party& p) { p.on_room = drop; },
      [&](party& p) { p.on_data = drop; },
      [&](party& p) { p.on_finish = drop; },
      [&](party& p) { p.on_failure = drop; },
  };
  for (const auto& arrange : cases) {
    server_.prepare = arrange;
    fd peer = raw();
    const std::size_t before = server_.parties.size();
    ASSERT_TRUE(until([&] { return server_.parties.size() > before; }));
    party& server = *server_.parties.back();
    ASSERT_EQ(::write(peer.get(), "hello", 5), 5);
    if (server.on_failure) {
      reset(peer);
    } else {
      ::shutdown(peer.get(), SHUT_WR);
    }
    ASSERT_TRUE(until([&] { return server.io == nullptr; }));
  }
}

TEST_F(EpollStreamTest, AStreamMayDestroyAllOthersOfTheSameBatch) {
  listen();
  constexpr std::size_t count = 32;
  std::vector<fd> peers;
  int callbacks = 0;
  server_.prepare = [&](party& p) {
    p.on_data = [&] {
      callbacks += 1;
      for (auto& other : server_.parties) other->io.reset();
    };
  };
  for (std::size_t i = 0; i < count; ++i) peers.push_back(raw());
  ASSERT_TRUE(until([&] { return server_.parties.size() == count; }));
  for (fd& p : peers) ASSERT_EQ(::write(p.get(), "x", 1), 1);
  ASSERT_TRUE(until([&] { return callbacks > 0; }));
  events_within(milliseconds(50));
  EXPECT_EQ(callbacks, 1) << "a destroyed stream got a callback";
}

TEST_F(EpollStreamTest, DestroyingAStreamInOnSentAndOnConnectedIsFine) {
  connected();
  client_.outgoing = std::string(64 << 20, 'x');
  client_.pump();
  struct dropping final : stream_events {
    std::span<std::byte> receive_room() override { return {}; }
    void on_received(std::size_t) override {}
    void on_end() override {}
    void on_failed(const error&) override {}
    void on_sent(std::size_t) override { io.reset(); }
    void on_connected() override {
      if (at_once) io.reset();
    }
    std::unique_ptr<stream> io;
    bool at_once = false;
  };
  dropping early, late;
  early.at_once = true;
  early.io = std::move(*poll_->connect(server_.io->local(), {}, early));
  late.io = std::move(*poll_->connect(server_.io->local(), {}, late));
  const std::string text(1000, 'x');
  const io_slice slice{text.data(), text.size()};
  ASSERT_EQ(late.io->send(std::span(&slice, 1)).value_or(9), 0u) << "not connected: it waits";
  ASSERT_TRUE(until([&] { return !early.io && !late.io; }));
}

TEST_F(EpollStreamTest, ConnectingToAClosedPortIsRefused) {
  listen();
  const endpoint closed = server_.io->local();
  server_.io.reset();
  auto made = poll_->connect(closed, {}, client_);
  ASSERT_TRUE(made);
  client_.io = std::move(*made);
  ASSERT_TRUE(until([&] { return client_.failures == 1; }));
  EXPECT_EQ(client_.failure.code, errc::refused);
  EXPECT_EQ(client_.failure.os, ECONNREFUSED);
  EXPECT_EQ(client_.connects, 0);
  EXPECT_EQ(events_within(milliseconds(50)), 0u);
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

TEST_F(EpollStreamTest, AnUnknownNameIsToldAsAFailure) {
  auto made = poll_->connect(*endpoint::parse("no-such-host.invalid:1"), {}, client_);
  ASSERT_TRUE(made);
  client_.io = std::move(*made);
  EXPECT_EQ(client_.io->peer(), "no-such-host.invalid:1");
  ASSERT_TRUE(until([&] { return client_.failures == 1; }));
  EXPECT_EQ(client_.failure.code, errc::system);
  EXPECT_EQ(client_.connects, 0);
}

TEST_F(EpollStreamTest, UnknownCongestionControlIsAnErrorValueAndAKnownOneWorks) {
  listen();
  socket_options how;
  how.congestion = "no-such-thing";
  EXPECT_FALSE(poll_->connect(server_.io->local(), how, client_));
  EXPECT_FALSE(poll_->listen(*endpoint::parse("127.0.0.1:0"), how, server_));
  how.congestion = "reno";  // built into every kernel
  EXPECT_TRUE(poll_->connect(server_.io->local(), how, client_));
}

TEST_F(EpollStreamTest, ConnectingInVainIsToldByPollNotByConnect) {
  auto made = poll_->connect(*endpoint::parse("unix:/nonexistent/socket"), {}, client_);
  ASSERT_TRUE(made);
  client_.io = std::move(*made);
  EXPECT_EQ(client_.failures, 0);
  poll_->poll(nanoseconds(0));
  EXPECT_EQ(client_.failures, 1);
  EXPECT_EQ(client_.failure.os, ENOENT);
}

TEST_F(EpollStreamTest, AStreamDestroyedBeforeItsFailureIsToldHearsNothing) {
  auto made = poll_->connect(*endpoint::parse("unix:/nonexistent/socket"), {}, client_);
  ASSERT_TRUE(made);
  made->reset();
  poll_->poll(nanoseconds(0));
  EXPECT_EQ(client_.failures, 0);
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
