// What must hold of the poller on sockets: every byte arrives once and in order however writes are
// cut, a paused stream costs nothing and loses nothing, every way a connection can end is told
// once, streams may be destroyed anywhere, and no state makes poll() spin.
//
// Method: real sockets on the loopback, both ends on one poller unless another thread is the
// question. Spinning is found by counting how often poll() returns events while nothing can happen.

#include "zc/io/epoll_poller.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <random>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "zc/io/address.h"
#include "zc/io/fd.h"
#include "zc/shard/shard.h"
#include "zc/testing/seed.h"

namespace zc::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Reads into its own buffer, sends what it is given, notes what happens.
struct party final : stream_events {
  std::span<std::byte> receive_room() override {
    rooms += 1;
    if (on_room) on_room();
    return std::span(buffer).first(room_size);
  }
  void on_received(std::size_t n) override {
    if (keep) received.append(reinterpret_cast<const char*>(buffer.data()), n);
    received_bytes += n;
    if (on_data) on_data();
  }
  void on_end() override {
    ends += 1;
    if (on_finish) on_finish();
  }
  void on_sent(std::size_t n) override {
    sent += n;
    sends_completed += 1;
    pump();
  }
  void on_failed(const error& why) override {
    failures += 1;
    failure = why;
    if (on_failure) on_failure();
  }
  void on_connected() override {
    connects += 1;
    if (on_connect) on_connect();
  }

  // Sends the rest of `outgoing`, in slices of odd sizes.
  void pump() {
    while (sent < outgoing.size()) {
      slices.clear();
      std::size_t at = sent;
      for (std::size_t step = 1; at < outgoing.size() && slices.size() < slices_max;
           step = step * 7 + 3) {
        const std::size_t size = std::min({step, slice_max, outgoing.size() - at});
        slices.push_back({outgoing.data() + at, size});
        at += size;
      }
      const auto went = io->send(slices);
      if (!went) {
        send_errors += 1;
        return;
      }
      if (*went == 0) return;  // on_sent() goes on
      sent += *went;
    }
    if (end_after) {
      end_after = false;
      io->shutdown_send();
    }
  }

  std::unique_ptr<stream> io;
  std::vector<std::byte> buffer = std::vector<std::byte>(256 * 1024);
  std::size_t room_size = 256 * 1024;
  std::string received;
  std::size_t received_bytes = 0;
  bool keep = true;
  std::string outgoing;
  std::size_t sent = 0;
  std::size_t slices_max = 1024;
  std::size_t slice_max = 65536;
  std::vector<io_slice> slices;
  bool end_after = false;
  int rooms = 0, ends = 0, failures = 0, connects = 0, sends_completed = 0, send_errors = 0;
  error failure;
  std::function<void()> on_room, on_data, on_finish, on_failure, on_connect;
};

struct listener final : acceptor_events {
  void on_accepted(std::unique_ptr<stream> connection) override {
    accepted += 1;
    if (refuse) return;
    parties.push_back(std::make_unique<party>());
    party& p = *parties.back();
    p.io = std::move(connection);
    if (prepare) prepare(p);
    poll->start(*p.io, p);
    if (after) after();
  }
  poller* poll = nullptr;
  std::unique_ptr<acceptor> io;
  std::vector<std::unique_ptr<party>> parties;
  std::function<void(party&)> prepare;
  std::function<void()> after;
  int accepted = 0;
  bool refuse = false;
};

class EpollPollerTest : public ::testing::Test {
 protected:
  EpollPollerTest() { server_.poll = poll_.get(); }

  void listen(const char* at = "127.0.0.1:0", const socket_options& how = {}) {
    auto made = poll_->listen(*endpoint::parse(at), how, server_);
    ASSERT_TRUE(made) << made.error().reason;
    server_.io = std::move(*made);
  }
  void connect(party& p) {
    auto made = poll_->connect(server_.io->local(), {}, p);
    ASSERT_TRUE(made) << made.error().reason;
    p.io = std::move(*made);
  }
  // A connected pair: client_ and server_.parties.back().
  party& connected() {
    if (!server_.io) listen();
    const std::size_t before = server_.parties.size();
    connect(client_);
    EXPECT_TRUE(until([&] { return server_.parties.size() > before && client_.connects == 1; }));
    return *server_.parties.back();
  }
  bool until(const std::function<bool()>& done, seconds limit = seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      poll_->poll(milliseconds(20));
    }
    return true;
  }
  // How many events come while nothing should happen.
  std::size_t events_within(milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    std::size_t events = 0;
    while (std::chrono::steady_clock::now() < end) events += poll_->poll(milliseconds(5));
    return events;
  }
  // A plain blocking socket connected to the listener.
  fd raw() {
    const auto places = resolve(server_.io->local(), purpose::connecting);
    fd made(::socket(places->front().family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(made.get(), places->front().get(), places->front().size()), 0);
    return made;
  }
  static void reset(fd& socket) {
    const linger at_once{1, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    socket.reset();
  }
  std::string random_text(std::size_t size) {
    std::mt19937_64 random(testing::seed());
    std::string text(size, '\0');
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      const std::uint64_t word = random();
      std::memcpy(text.data() + i, &word, 8);
    }
    return text;
  }

  std::unique_ptr<poller> poll_ = make_epoll_poller();
  listener server_;
  party client_;
};

TEST_F(EpollPollerTest, MegabytesComeBackUnchangedThroughPartialWrites) {
  SCOPED_TRACE(testing::seed_trace());
  party& server = connected();
  client_.outgoing = random_text(24 << 20);
  client_.end_after = true;
  client_.pump();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received, client_.outgoing);
  EXPECT_GT(client_.sends_completed, 0) << "no send was ever cut: the test proves nothing";
  server.outgoing = server.received;
  server.end_after = true;
  server.pump();
  ASSERT_TRUE(until([&] { return client_.ends == 1; }));
  EXPECT_TRUE(client_.received == client_.outgoing);
  EXPECT_EQ(client_.failures + server.failures, 0);
}

TEST_F(EpollPollerTest, AllSlicesOfASendLeaveInOneCall) {
  party& server = connected();
  const std::string text = "0123456789";
  std::vector<io_slice> slices(1024, io_slice{text.data(), 1});
  const auto went = client_.io->send(slices);
  ASSERT_TRUE(went);
  EXPECT_EQ(*went, 1024u);
  ASSERT_TRUE(until([&] { return server.received_bytes == 1024; }));
}

TEST_F(EpollPollerTest, ASendThatWaitsReadsTheCallersMemoryWhenItGoes) {
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
  ASSERT_TRUE(until([&] { return server.received_bytes == client_.outgoing.size(); }));
  EXPECT_TRUE(server.received == client_.outgoing);
}

TEST_F(EpollPollerTest, ReadsStopAtTheFirstShortOne) {
  party& server = connected();
  const int before = server.rooms;
  client_.outgoing = "short";
  client_.pump();
  ASSERT_TRUE(until([&] { return server.received_bytes > 0; }));
  EXPECT_EQ(server.rooms, before + 1);
}

TEST_F(EpollPollerTest, OneReadinessMakesAtMostFourReads) {
  party& server = connected();
  server.room_size = 10;
  client_.outgoing = std::string(100, 'x');
  client_.pump();
  ASSERT_TRUE(until([&] { return server.received_bytes > 0; }));
  EXPECT_EQ(server.received_bytes, 40u);
  ASSERT_TRUE(until([&] { return server.received_bytes == 100; }));
}

TEST_F(EpollPollerTest, AnEmptyRoomPausesWithoutSpinningThePeerBlocksAndResumingLosesNothing) {
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

TEST_F(EpollPollerTest, PausingInsideACallbackStopsTheReads) {
  party& server = connected();
  server.room_size = 10;
  server.on_data = [&] { server.io->pause_read(); };
  client_.outgoing = std::string(30, 'x');
  client_.pump();
  ASSERT_TRUE(until([&] { return server.received_bytes == 10; }));
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  EXPECT_EQ(server.received_bytes, 10u);
  server.on_data = nullptr;
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.received_bytes == 30; }));
}

TEST_F(EpollPollerTest, APausedStreamWhosePeerHangsUpDoesNotSpinAndStillGetsEverything) {
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

TEST_F(EpollPollerTest, APausedStreamLearnsOfAReset) {
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

TEST_F(EpollPollerTest, DataBeforeAResetIsDeliveredAndTheResetIsToldOnce) {
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

TEST_F(EpollPollerTest, AResetWhileASendIsPendingFailsTheStream) {
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

TEST_F(EpollPollerTest, ASendThatFailsIsToldOnceMoreByPollUnlessTheStreamIsGone) {
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

TEST_F(EpollPollerTest, WhatThePeerSaidBeforeItsResetIsDeliveredAfterASendHasFailed) {
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

TEST_F(EpollPollerTest, LastWordsMayDestroyTheStreamOrBeUnwanted) {
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

TEST_F(EpollPollerTest, EitherSideMayEndFirstAndTheOtherGoesOnSending) {
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
  EXPECT_EQ(client_.received_bytes, server.outgoing.size());
  EXPECT_EQ(server.ends, 1);
  EXPECT_EQ(events_within(milliseconds(100)), 0u)
      << "both ends are over: nothing to report for ever";
  EXPECT_EQ(client_.failures + server.failures, 0);
}

TEST_F(EpollPollerTest, ShuttingDownWhileASendIsPendingWaitsForIt) {
  party& server = connected();
  client_.outgoing = std::string(16 << 20, 'x');
  client_.pump();
  ASSERT_LT(client_.sent, client_.outgoing.size());
  client_.io->shutdown_send();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received_bytes, client_.outgoing.size());
  const auto late = client_.io->send(std::array{io_slice{"x", 1}});
  ASSERT_FALSE(late);
}

TEST_F(EpollPollerTest, DestroyingAStreamResetsItWhenAsked) {
  listen();
  fd peer = raw();
  ASSERT_TRUE(until([&] { return server_.parties.size() == 1; }));
  server_.parties.back()->io->abort_on_close();
  server_.parties.clear();
  char c;
  EXPECT_EQ(::recv(peer.get(), &c, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(EpollPollerTest, StreamsMayBeDestroyedInAnyCallback) {
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

TEST_F(EpollPollerTest, AStreamMayDestroyAllOthersOfTheSameBatch) {
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

TEST_F(EpollPollerTest, DestroyingAStreamInOnSentAndOnConnectedIsFine) {
  party& server = connected();
  server.keep = false;
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

// ------------------------------------------------------------------------------------------
// connecting

TEST_F(EpollPollerTest, ConnectingToAClosedPortIsRefused) {
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

TEST_F(EpollPollerTest, ANameIsTriedAddressByAddress) {
  listen("127.0.0.1:0");  // "localhost" may be ::1 first, where nobody listens
  endpoint to = server_.io->local();
  to.host = "localhost";
  auto made = poll_->connect(to, {}, client_);
  ASSERT_TRUE(made) << made.error().reason;
  client_.io = std::move(*made);
  ASSERT_TRUE(until([&] { return client_.connects == 1; }));
  EXPECT_EQ(client_.io->peer(), server_.io->local().text());
}

TEST_F(EpollPollerTest, AnUnknownNameIsAnErrorValue) {
  auto made = poll_->connect(*endpoint::parse("no-such-host.invalid:1"), {}, client_);
  EXPECT_FALSE(made);
}

TEST_F(EpollPollerTest, UnknownCongestionControlIsAnErrorValueAndAKnownOneWorks) {
  listen();
  socket_options how;
  how.congestion = "no-such-thing";
  EXPECT_FALSE(poll_->connect(server_.io->local(), how, client_));
  EXPECT_FALSE(poll_->listen(*endpoint::parse("127.0.0.1:0"), how, server_));
  how.congestion = "reno";  // built into every kernel
  EXPECT_TRUE(poll_->connect(server_.io->local(), how, client_));
}

TEST_F(EpollPollerTest, ConnectingInVainIsToldByPollNotByConnect) {
  auto made = poll_->connect(*endpoint::parse("unix:/nonexistent/socket"), {}, client_);
  ASSERT_TRUE(made);
  client_.io = std::move(*made);
  EXPECT_EQ(client_.failures, 0);
  poll_->poll(nanoseconds(0));
  EXPECT_EQ(client_.failures, 1);
  EXPECT_EQ(client_.failure.os, ENOENT);
}

TEST_F(EpollPollerTest, AStreamDestroyedBeforeItsFailureIsToldHearsNothing) {
  auto made = poll_->connect(*endpoint::parse("unix:/nonexistent/socket"), {}, client_);
  ASSERT_TRUE(made);
  made->reset();
  poll_->poll(nanoseconds(0));
  EXPECT_EQ(client_.failures, 0);
}

TEST_F(EpollPollerTest, IPv6AndTheWildcardServe) {
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

TEST_F(EpollPollerTest, TcpNoDelayIsOnAtBothEnds) {
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

// ----------------------------------------------------------------------------------------- Unix
// sockets

struct temporary_path {
  temporary_path() {
    std::string pattern = (std::filesystem::temp_directory_path() / "zc_io_XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~temporary_path() { std::filesystem::remove_all(directory); }
  std::string socket() const { return directory + "/socket"; }
  std::string directory;
};

TEST_F(EpollPollerTest, UnixSocketsCarryTheSameTrafficAndTheListenerRemovesItsPath) {
  const temporary_path place;
  listen(("unix:" + place.socket()).c_str());
  EXPECT_EQ(server_.io->local().unix_path, place.socket());
  party& server = connected();
  client_.outgoing = random_text(4 << 20);
  client_.end_after = true;
  client_.pump();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_TRUE(server.received == client_.outgoing);
  server_.io.reset();
  EXPECT_FALSE(std::filesystem::exists(place.socket()));
}

TEST_F(EpollPollerTest, APausedUnixStreamWhosePeerIsGoneDoesNotSpin) {
  const temporary_path place;
  listen(("unix:" + place.socket()).c_str());
  party& server = connected();
  server.io->pause_read();
  client_.outgoing = "last words";
  client_.pump();
  client_.io.reset();
  events_within(milliseconds(50));
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received, "last words");
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
}

TEST_F(EpollPollerTest, AStalePathIsTakenOverALiveOneIsNot) {
  const temporary_path place;
  const auto at = resolve(*endpoint::parse("unix:" + place.socket()), purpose::listening)->front();
  {
    const fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(dead.get(), at.get(), at.size()), 0);
  }
  listen(("unix:" + place.socket()).c_str());
  const auto second = poll_->listen(server_.io->local(), {}, server_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().os, EADDRINUSE);
  party& server = connected();
  EXPECT_EQ(server.failures, 0);
}

TEST_F(EpollPollerTest, ASocketPathIsNotTakenFromAFile) {
  const temporary_path place;
  const fd file(::open(place.socket().c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_FALSE(poll_->listen(*endpoint::parse("unix:" + place.socket()), {}, server_));
  EXPECT_TRUE(std::filesystem::exists(place.socket()));
}

// --------------------------------------------------------------------------------------------
// accepting

TEST_F(EpollPollerTest, ARefusedConnectionIsClosed) {
  listen();
  server_.refuse = true;
  fd peer = raw();
  ASSERT_TRUE(until([&] { return server_.accepted == 1; }));
  char c;
  EXPECT_LE(::recv(peer.get(), &c, 1, 0), 0);
}

TEST_F(EpollPollerTest, APausedAcceptorLeavesConnectionsInTheBacklog) {
  listen();
  server_.io->pause();
  std::vector<fd> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(raw());
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  EXPECT_EQ(server_.accepted, 0);
  server_.io->resume();
  EXPECT_TRUE(until([&] { return server_.accepted == 5; }));
}

TEST_F(EpollPollerTest, AnAcceptorMayBeDestroyedWhileItAccepts) {
  listen();
  std::vector<fd> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(raw());
  server_.after = [&] { server_.io.reset(); };
  ASSERT_TRUE(until([&] { return server_.accepted > 0; }));
  EXPECT_EQ(server_.accepted, 1);
  EXPECT_EQ(events_within(milliseconds(50)), 0u);
}

TEST_F(EpollPollerTest, WithoutDescriptorsTheAcceptorWaitsWithoutSpinningAndGoesOnLater) {
  listen();
  fd peer = raw();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const fd next(::dup(0));
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next.get());  // every number below is taken, or will be
  std::vector<fd> hoard;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  for (int number; (number = ::dup(0)) >= 0;) hoard.emplace_back(number);
  const std::size_t events = events_within(milliseconds(350));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(server_.accepted, 0);
  EXPECT_LE(events, 10u) << "a try every 100 ms";
  EXPECT_GE(events, 2u);
  EXPECT_TRUE(until([&] { return server_.accepted == 1; }, seconds(2)));
}

TEST(EpollPollerShardsTest, TwoShardsListenOnOnePortAndBothServe) {
  auto first = make_epoll_poller();
  auto second = make_epoll_poller();
  listener a, b;
  a.poll = first.get();
  b.poll = second.get();
  a.refuse = b.refuse = true;
  a.io = std::move(*first->listen(*endpoint::parse("127.0.0.1:0"), {}, a));
  auto also = second->listen(a.io->local(), {}, b);
  ASSERT_TRUE(also) << also.error().reason;
  b.io = std::move(*also);
  std::vector<fd> peers;
  for (int i = 0; i < 64; ++i) {
    const auto to = resolve(a.io->local(), purpose::connecting)->front();
    peers.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(::connect(peers.back().get(), to.get(), to.size()), 0);
  }
  for (int i = 0; i < 1000 && a.accepted + b.accepted < 64; ++i) {
    first->poll(milliseconds(1));
    second->poll(milliseconds(1));
  }
  EXPECT_EQ(a.accepted + b.accepted, 64);
  EXPECT_GT(a.accepted, 0);
  EXPECT_GT(b.accepted, 0);
  socket_options alone;
  alone.reuse_port = false;
  EXPECT_FALSE(second->listen(a.io->local(), alone, b));
}

// ------------------------------------------------------------------------------------ waking,
// lifetimes

TEST(EpollPollerWakeTest, AnotherThreadEndsAWaitAgainAndAgain) {
  auto poll = make_epoll_poller();
  for (int i = 0; i < 100; ++i) {
    std::jthread waker([&] { poll->wake(); });
    EXPECT_EQ(poll->poll(seconds(30)), 1u);
  }
  poll->wake();
  poll->wake();
  EXPECT_EQ(poll->poll(seconds(30)), 1u);
  EXPECT_EQ(poll->poll(nanoseconds(0)), 0u) << "one wait per wake, not for ever";
}

TEST(EpollPollerWakeTest, AWaitIsNotShorterThanAsked) {
  auto poll = make_epoll_poller();
  const auto before = std::chrono::steady_clock::now();
  poll->poll(std::chrono::microseconds(2500));
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::microseconds(2500));
}

TEST_F(EpollPollerTest, StreamsThatOutliveThePollerAreDeadButHarmless) {
  party& server = connected();
  poll_.reset();
  EXPECT_FALSE(server.io->send(std::array{io_slice{"x", 1}}));
  server.io->pause_read();
  server.io->resume_read();
  server.io->shutdown_send();
  server_.io->pause();
  server_.io->resume();
  server.io.reset();
  client_.io.reset();
  server_.io.reset();
}

TEST(EpollPollerLoopTest, AShardEchoesWithItsReceiveSlab) {
  struct echo final : stream_events, acceptor_events {
    explicit echo(shard& s) : worker(s) {}
    std::span<std::byte> receive_room() override { return worker.receive_room(); }
    void on_received(std::size_t n) override {
      waiting.append(worker.received(n));
      flush();
    }
    void on_end() override {
      ended = true;
      flush();
    }
    void on_sent(std::size_t n) override {
      busy = false;
      waiting.consume(n);
      flush();
    }
    void on_failed(const error& why) override { ADD_FAILURE() << why.reason; }
    void on_accepted(std::unique_ptr<stream> connection) override {
      io = std::move(connection);
      worker.io().start(*io, *this);
    }
    void flush() {
      while (!busy && !waiting.empty()) {
        const std::size_t count = waiting.gather(0, slices);
        const auto went = io->send(std::span(slices).first(count));
        if (!went) return;
        busy = *went == 0;
        waiting.consume(*went);
      }
      if (ended && waiting.empty()) io->shutdown_send();
    }
    shard& worker;
    std::unique_ptr<stream> io;
    std::unique_ptr<acceptor> door;
    bytes_chain waiting;
    std::array<io_slice, 64> slices;
    bool busy = false, ended = false;
  };
  std::atomic<int> port{0};
  std::atomic<shard*> worker{nullptr};
  std::jthread server([&] {
    steady_clock time;
    quota limits(64_MiB);
    shard mine({}, make_epoll_poller(), limits, time);
    echo e(mine);
    e.door = std::move(*mine.io().listen(*endpoint::parse("127.0.0.1:0"), {}, e));
    worker = &mine;
    port = e.door->local().port;
    port.notify_one();
    mine.run();
    EXPECT_LE(limits.peak(), 64_MiB);
  });
  port.wait(0);
  const auto to =
      resolve({"127.0.0.1", static_cast<std::uint16_t>(port.load()), ""}, purpose::connecting);
  fd socket(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(socket.get(), to->front().get(), to->front().size()), 0);
  std::string text(8 << 20, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761U >> 13);
  std::jthread writer([&] {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t n = ::send(socket.get(), text.data() + at, text.size() - at, MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      at += static_cast<std::size_t>(n);
    }
    ::shutdown(socket.get(), SHUT_WR);
  });
  std::string back;
  std::vector<char> part(1 << 16);
  for (ssize_t n; (n = ::recv(socket.get(), part.data(), part.size(), 0)) > 0;) {
    back.append(part.data(), static_cast<std::size_t>(n));
  }
  EXPECT_TRUE(back == text);
  worker.load()->request_stop();
}

}  // namespace
}  // namespace zc::io
