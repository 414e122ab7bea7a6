// What zc/shard/poller.h promises, held against every poller that there is: the one on sockets and
// the simulated one, quiet and with links that are slow, small and cut everything anywhere. One
// body, so that the twin is proved to behave as the real one does.
//
// Method: both ends of every connection are streams of one poller; time is the poller's own, so
// that "nothing happens for 100 ms" costs the simulation nothing. What only sockets can show
// (descriptors, options, names, paths) is epoll_poller_test.cc; what only the simulation can,
// network_test.cc.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/units.h"
#include "zc/io/epoll_poller.h"
#include "zc/shard/clock.h"
#include "zc/shard/poller.h"
#include "zc/testing/seed.h"
#include "zc/testing/sim/network.h"

namespace zc::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::network_profile;
using testing::sim_network;

// A poller, its time, and how much is more than its connections hold.
struct lab {
  virtual ~lab() = default;
  std::unique_ptr<poller> poll;
  clock* time = nullptr;
  std::size_t plenty = 16_MiB;
  nanoseconds patience = seconds(60);
};

struct socket_lab final : lab {
  socket_lab() {
    poll = make_epoll_poller();
    time = &real;
  }
  steady_clock real;
};

struct sim_lab final : lab {
  sim_lab(std::uint64_t seed, bool slow)
      : events(simulated, testing::sim_random(seed)),
        trace(simulated),
        network(simulated, events, testing::sim_random(seed + 1), trace) {
    testing::sim_random chances(seed + 2);
    if (slow) network.set(network_profile::slow(chances));
    poll = network.make_poller(sim_network::driver::poll);
    time = &simulated;
    plenty = slow ? 1_MiB : 6_MiB;
    patience = std::chrono::hours(4);
  }
  ~sim_lab() override { poll.reset(); }
  testing::sim_clock simulated;
  testing::sim_schedule events;
  testing::sim_trace trace;
  sim_network network;
};

// Reads into its own buffer, sends what it is given, notes what happens.
struct party final : stream_events {
  std::span<std::byte> receive_room() override {
    rooms += 1;
    if (on_room) on_room();
    return std::span(buffer).first(room_size);
  }
  void on_received(std::size_t n) override {
    received.append(reinterpret_cast<const char*>(buffer.data()), n);
    if (on_data) on_data();
  }
  void on_end() override {
    ends += 1;
    if (on_finish) on_finish();
  }
  void on_sent(std::size_t n) override {
    EXPECT_GT(n, 0u);
    sent += n;
    completed += 1;
    if (on_progress) return on_progress();
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
      for (std::size_t step = 1; at < outgoing.size() && slices.size() < 1024;
           step = step * 7 + 3) {
        const std::size_t size = std::min({step, std::size_t{65536}, outgoing.size() - at});
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
    if (std::exchange(end_after, false)) io->shutdown_send();
  }

  std::unique_ptr<stream> io;
  std::vector<std::byte> buffer = std::vector<std::byte>(256 * 1024);
  std::size_t room_size = 256 * 1024;
  std::string received;
  std::string outgoing;
  std::size_t sent = 0;
  std::vector<io_slice> slices;
  bool end_after = false;
  int rooms = 0, ends = 0, failures = 0, connects = 0, completed = 0, send_errors = 0;
  error failure;
  std::function<void()> on_room, on_data, on_finish, on_failure, on_connect, on_progress;
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

struct variant {
  const char* name;
  std::uint64_t seed;  // 0: sockets
  bool slow;
};

class PollerContractTest : public ::testing::TestWithParam<variant> {
 protected:
  PollerContractTest() {
    const variant& v = GetParam();
    if (v.seed == 0) {
      lab_ = std::make_unique<socket_lab>();
    } else {
      lab_ = std::make_unique<sim_lab>(v.seed, v.slow);
    }
    server_.poll = lab_->poll.get();
  }
  poller& io() { return *lab_->poll; }
  void listen() {
    auto made = io().listen(*endpoint::parse("127.0.0.1:0"), {}, server_);
    ASSERT_TRUE(made) << made.error().reason;
    server_.io = std::move(*made);
  }
  void connect(party& p) {
    auto made = io().connect(server_.io->local(), {}, p);
    ASSERT_TRUE(made) << made.error().reason;
    p.io = std::move(*made);
  }
  // A connected pair: client_ and the last of the server's parties.
  party& connected() { return connected(client_); }
  party& connected(party& client) {
    if (!server_.io) listen();
    const std::size_t before = server_.parties.size();
    connect(client);
    EXPECT_TRUE(until([&] { return server_.parties.size() > before && client.connects == 1; }));
    return *server_.parties.back();
  }
  bool until(const std::function<bool()>& done) {
    const time_point end = lab_->time->now() + lab_->patience;
    while (!done()) {
      if (lab_->time->now() > end) return false;
      io().poll(milliseconds(20));
    }
    return true;
  }
  // How many events come meanwhile.
  std::size_t events_within(milliseconds time) {
    const time_point end = lab_->time->now() + time;
    std::size_t events = 0;
    while (lab_->time->now() < end) events += io().poll(milliseconds(5));
    return events;
  }
  void settle() {  // until nothing has happened for a while
    while (events_within(milliseconds(60)) > 0) {
    }
  }
  static void reset(party& p) {
    p.io->abort_on_close();
    p.io.reset();
  }
  static std::string random_text(std::size_t size) {
    std::mt19937_64 random(testing::seed());
    std::string text(size, '\0');
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      const std::uint64_t word = random();
      std::memcpy(text.data() + i, &word, 8);
    }
    return text;
  }

  std::unique_ptr<lab> lab_;
  listener server_;
  party client_;
};

INSTANTIATE_TEST_SUITE_P(
    , PollerContractTest,
    ::testing::Values(variant{"epoll", 0, false}, variant{"sim", 1, false},
                      variant{"sim_slow_1", 11, true}, variant{"sim_slow_2", 12, true},
                      variant{"sim_slow_3", 13, true}, variant{"sim_slow_4", 14, true},
                      variant{"sim_slow_5", 15, true}, variant{"sim_slow_6", 16, true},
                      variant{"sim_slow_7", 17, true}, variant{"sim_slow_8", 18, true}),
    [](const auto& of) { return std::string(of.param.name); });

TEST_P(PollerContractTest, EveryByteComesBackOnceAndInOrderHoweverSendsAreCut) {
  SCOPED_TRACE(testing::seed_trace());
  party& server = connected();
  client_.outgoing = random_text(lab_->plenty);
  client_.end_after = true;
  client_.pump();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_TRUE(server.received == client_.outgoing);
  EXPECT_GT(client_.completed, 0) << "no send was ever cut: the test proves nothing";
  server.outgoing = server.received;
  server.end_after = true;
  server.pump();
  ASSERT_TRUE(until([&] { return client_.ends == 1; }));
  EXPECT_TRUE(client_.received == client_.outgoing);
  EXPECT_EQ(client_.failures + server.failures, 0);
}

TEST_P(PollerContractTest, ASendThatWaitsReadsTheCallersMemoryWhenItGoes) {
  party& server = connected();
  server.room_size = 0;
  client_.outgoing = std::string(lab_->plenty, 'a');
  client_.pump();
  settle();
  ASSERT_EQ(server.rooms, 1);
  ASSERT_LT(client_.sent, client_.outgoing.size());
  // The send that waits was given these bytes as 'a'. A poller that had put them aside sends 'a'.
  std::fill(client_.outgoing.begin() + static_cast<std::ptrdiff_t>(client_.sent),
            client_.outgoing.end(), 'b');
  server.room_size = 256 * 1024;
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.received.size() == client_.outgoing.size(); }));
  EXPECT_TRUE(server.received == client_.outgoing);
}

TEST_P(PollerContractTest, AnEmptyRoomPausesWithoutSpinningThePeerBlocksAndResumingLosesNothing) {
  SCOPED_TRACE(testing::seed_trace());
  party& server = connected();
  server.room_size = 0;
  client_.outgoing = random_text(lab_->plenty);
  client_.end_after = true;
  client_.pump();
  settle();
  EXPECT_EQ(events_within(milliseconds(200)), 0u) << "a paused stream must not wake anybody";
  EXPECT_EQ(server.rooms, 1);
  EXPECT_LT(client_.sent, client_.outgoing.size()) << "somebody buffered all of it";
  EXPECT_GT(client_.io->unsent(), 0u);
  server.room_size = 256 * 1024;
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_TRUE(server.received == client_.outgoing);
}

TEST_P(PollerContractTest, PausingInsideACallbackStopsTheReads) {
  party& server = connected();
  server.room_size = 10;
  server.on_data = [&] { server.io->pause_read(); };
  client_.outgoing = std::string(30, 'x');
  client_.pump();
  ASSERT_TRUE(until([&] { return !server.received.empty(); }));
  settle();
  const std::size_t first = server.received.size();
  EXPECT_LE(first, 10u);
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  EXPECT_EQ(server.received.size(), first);
  server.on_data = nullptr;
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.received.size() == 30; }));
}

TEST_P(PollerContractTest, AStreamPausedBeforeItStartsReadsNothing) {
  server_.prepare = [](party& p) { p.io->pause_read(); };
  party& server = connected();
  client_.outgoing = "early";
  client_.pump();
  settle();
  EXPECT_EQ(server.rooms, 0);
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.received == "early"; }));
}

TEST_P(PollerContractTest, APausedStreamWhosePeerEndsDoesNotSpinAndStillGetsEverything) {
  party& server = connected();
  server.io->pause_read();
  server.io->shutdown_send();
  client_.outgoing = "last words";
  client_.end_after = true;
  client_.pump();
  ASSERT_TRUE(until([&] { return client_.ends == 1; }));
  settle();
  EXPECT_EQ(server.ends + server.failures, 0);
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received, "last words");
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
}

TEST_P(PollerContractTest, APausedStreamLearnsOfAReset) {
  party& server = connected();
  server.io->pause_read();
  reset(client_);
  ASSERT_TRUE(until([&] { return server.failures == 1; }));
  EXPECT_EQ(server.failure.code, errc::closed);
  EXPECT_EQ(server.failure.os, ECONNRESET);
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
}

TEST_P(PollerContractTest, DataBeforeAResetIsDeliveredAndTheResetIsToldOnce) {
  party& server = connected();
  client_.outgoing = "before";
  client_.pump();
  ASSERT_TRUE(until([&] { return client_.sent == 6 && client_.io->unsent() == 0; }));
  reset(client_);
  ASSERT_TRUE(until([&] { return server.failures == 1; }));
  EXPECT_EQ(server.received, "before");
  EXPECT_EQ(server.ends, 0);
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
  EXPECT_EQ(server.failures, 1);
}

TEST_P(PollerContractTest, AResetWhileASendIsPendingFailsTheStream) {
  party& server = connected();
  client_.room_size = 0;
  server.outgoing = std::string(lab_->plenty, 'x');
  server.pump();
  settle();
  ASSERT_LT(server.sent, server.outgoing.size());
  reset(client_);
  ASSERT_TRUE(until([&] { return server.failures == 1; }));
  const auto again = server.io->send(server.slices);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, errc::closed);
  settle();
  EXPECT_EQ(server.failures, 1);
}

TEST_P(PollerContractTest, ASendThatFailsIsToldOnceMoreByPollUnlessTheStreamIsGone) {
  for (const bool destroy : {false, true}) {
    SCOPED_TRACE(destroy);
    party client;
    party& server = connected(client);
    reset(client);
    server.outgoing = "too late";
    // The first ones may go to a peer of which nobody knows yet that it is gone.
    bool told = false;
    server.on_failure = [&] { told = true; };
    server.on_progress = [] {};
    while (server.send_errors == 0 && !told) {
      server.sent = 0;
      server.slices = {{"x", 1}};
      const auto went = server.io->send(server.slices);
      if (!went) {
        server.send_errors += 1;
        break;
      }
      const int completed = server.completed;
      if (*went == 0) until([&] { return told || server.completed > completed; });
    }
    if (told) continue;  // poll() was faster
    EXPECT_EQ(server.failures, 0) << "a callback from inside send()";
    if (destroy) server.io.reset();
    settle();
    EXPECT_EQ(server.failures, destroy ? 0 : 1);
  }
}

TEST_P(PollerContractTest, WhatThePeerSaidBeforeItsResetIsDeliveredThoughASendIsPending) {
  party& server = connected();
  client_.room_size = 0;
  server.outgoing = std::string(lab_->plenty, 'x');
  server.pump();
  settle();
  ASSERT_LT(server.sent, server.outgoing.size());
  client_.outgoing = "413";
  client_.pump();
  ASSERT_TRUE(until([&] { return client_.sent == 3 && client_.io->unsent() == 0; }));
  reset(client_);
  ASSERT_TRUE(until([&] { return server.failures == 1; }));
  EXPECT_EQ(server.received, "413");
  EXPECT_EQ(server.ends, 0);
}

TEST_P(PollerContractTest, EitherSideMayEndFirstAndTheOtherGoesOnSending) {
  party& server = connected();
  client_.outgoing = "question";
  client_.end_after = true;
  client_.pump();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  settle();
  EXPECT_EQ(server.ends, 1) << "the peer's end is told once";
  server.outgoing = std::string(lab_->plenty / 2, 'a');
  server.end_after = true;
  server.pump();
  ASSERT_TRUE(until([&] { return client_.ends == 1; }));
  EXPECT_EQ(client_.received.size(), server.outgoing.size());
  EXPECT_EQ(server.ends, 1);
  EXPECT_EQ(events_within(milliseconds(100)), 0u)
      << "both ends are over: nothing to report for ever";
  EXPECT_EQ(client_.failures + server.failures, 0);
}

TEST_P(PollerContractTest, ShuttingDownWhileASendIsPendingWaitsForIt) {
  party& server = connected();
  server.io->pause_read();
  client_.outgoing = std::string(lab_->plenty, 'x');
  client_.pump();
  ASSERT_LT(client_.sent, client_.outgoing.size());
  client_.io->shutdown_send();
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received.size(), client_.sent);
  EXPECT_GT(client_.sent, 0u);
  const auto late = client_.io->send(std::array{io_slice{"x", 1}});
  ASSERT_FALSE(late);
}

TEST_P(PollerContractTest, DestroyingAStreamEndsItOrderlyUnlessAskedOtherwise) {
  for (const bool abort : {false, true}) {
    SCOPED_TRACE(abort);
    party client;
    party& server = connected(client);
    server.outgoing = "goodbye";
    server.pump();
    ASSERT_TRUE(until([&] { return client.received == "goodbye"; }));
    if (abort) server.io->abort_on_close();
    server.io.reset();
    ASSERT_TRUE(until([&] { return client.ends + client.failures > 0; }));
    EXPECT_EQ(client.failures, abort ? 1 : 0);
    EXPECT_EQ(client.ends, abort ? 0 : 1);
    if (abort) {
      EXPECT_EQ(client.failure.os, ECONNRESET);
    }
  }
}

TEST_P(PollerContractTest, WhatWasSentBeforeAnOrderlyEndArrivesThoughTheSenderIsGone) {
  SCOPED_TRACE(testing::seed_trace());
  party& server = connected();
  client_.outgoing = random_text(100'000);
  client_.pump();
  ASSERT_TRUE(until([&] { return client_.sent == client_.outgoing.size(); }));
  client_.io.reset();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_TRUE(server.received == client_.outgoing);
  EXPECT_EQ(server.failures, 0);
}

TEST_P(PollerContractTest, ClosingWithUnreadBytesResetsThePeer) {
  party& server = connected();
  server.io->pause_read();
  client_.outgoing = "nobody reads this";
  client_.pump();
  ASSERT_TRUE(
      until([&] { return client_.sent == client_.outgoing.size() && client_.io->unsent() == 0; }));
  server.io.reset();
  ASSERT_TRUE(until([&] { return client_.failures + client_.ends > 0; }));
  EXPECT_EQ(client_.failures, 1);
  EXPECT_EQ(client_.failure.os, ECONNRESET);
}

TEST_P(PollerContractTest, StreamsMayBeDestroyedInAnyCallback) {
  const auto drop = [&] { server_.parties.back()->io.reset(); };
  const std::function<void(party&)> cases[] = {
      [&](party& p) { p.on_room = drop; },
      [&](party& p) { p.on_data = drop; },
      [&](party& p) { p.on_finish = drop; },
      [&](party& p) { p.on_failure = drop; },
  };
  for (const auto& arrange : cases) {
    server_.prepare = arrange;
    party client;
    party& server = connected(client);
    if (server.on_failure) {
      reset(client);
    } else {
      client.outgoing = "hello";
      client.end_after = true;
      client.pump();
    }
    ASSERT_TRUE(until([&] { return server.io == nullptr; }));
    settle();
  }
}

TEST_P(PollerContractTest, AStreamMayDestroyAllOthersOfTheSameBatch) {
  listen();
  constexpr std::size_t count = 32;
  std::vector<std::unique_ptr<party>> peers;
  int callbacks = 0;
  server_.prepare = [&](party& p) {
    p.on_data = [&] {
      callbacks += 1;
      for (auto& other : server_.parties) other->io.reset();
    };
  };
  for (std::size_t i = 0; i < count; ++i) {
    peers.push_back(std::make_unique<party>());
    connect(*peers.back());
  }
  ASSERT_TRUE(until([&] { return server_.parties.size() == count; }));
  for (auto& p : peers) {
    ASSERT_TRUE(until([&] { return p->connects == 1; }));
  }
  for (auto& p : peers) {
    p->outgoing = "x";
    p->pump();
  }
  ASSERT_TRUE(until([&] { return callbacks > 0; }));
  settle();
  EXPECT_EQ(callbacks, 1) << "a destroyed stream got a callback";
}

TEST_P(PollerContractTest, BeforeItIsConnectedASendWaitsAndDestroyingInOnSentAndOnConnectedIsFine) {
  listen();
  party early, late;
  early.on_connect = [&] { early.io.reset(); };
  late.on_progress = [&] { late.io.reset(); };
  connect(early);
  connect(late);
  const std::string text(1000, 'x');
  const io_slice slice{text.data(), text.size()};
  ASSERT_EQ(late.io->send(std::span(&slice, 1)).value_or(9), 0u) << "not connected: it waits";
  ASSERT_TRUE(until([&] { return !early.io && !late.io; }));
  EXPECT_GT(late.sent, 0u);
}

TEST_P(PollerContractTest, ConnectingToAClosedPortIsRefused) {
  listen();
  const endpoint closed = server_.io->local();
  server_.io.reset();
  auto made = io().connect(closed, {}, client_);
  ASSERT_TRUE(made);
  client_.io = std::move(*made);
  EXPECT_EQ(client_.failures, 0) << "a callback from inside connect()";
  ASSERT_TRUE(until([&] { return client_.failures == 1; }));
  EXPECT_EQ(client_.failure.code, errc::refused);
  EXPECT_EQ(client_.failure.os, ECONNREFUSED);
  EXPECT_EQ(client_.connects, 0);
  EXPECT_EQ(events_within(milliseconds(50)), 0u);
}

TEST_P(PollerContractTest, ConnectingInVainIsToldByPollNotByConnect) {
  auto made = io().connect(*endpoint::parse("unix:/nonexistent/socket"), {}, client_);
  ASSERT_TRUE(made);
  client_.io = std::move(*made);
  EXPECT_EQ(client_.failures, 0);
  ASSERT_TRUE(until([&] { return client_.failures == 1; }));
  EXPECT_EQ(client_.failure.os, ENOENT);
}

TEST_P(PollerContractTest, AStreamDestroyedBeforeItsFailureIsToldHearsNothing) {
  auto made = io().connect(*endpoint::parse("unix:/nonexistent/socket"), {}, client_);
  ASSERT_TRUE(made);
  made->reset();
  settle();
  EXPECT_EQ(client_.failures, 0);
}

TEST_P(PollerContractTest, AnUnknownNameIsToldByPollAndToAListenerAtOnce) {
  EXPECT_FALSE(io().listen(*endpoint::parse("no-such-host.invalid:1"), {}, server_));
  auto made = io().connect(*endpoint::parse("no-such-host.invalid:1"), {}, client_);
  ASSERT_TRUE(made);
  client_.io = std::move(*made);
  EXPECT_EQ(client_.failures, 0);
  ASSERT_TRUE(until([&] { return client_.failures == 1; }));
  EXPECT_EQ(client_.failure.code, errc::system);
}

TEST_P(PollerContractTest, UnknownCongestionControlIsAnErrorValue) {
  socket_options how;
  how.congestion = "no-such-thing";
  EXPECT_FALSE(io().listen(*endpoint::parse("127.0.0.1:0"), how, server_));
  listen();
  EXPECT_FALSE(io().connect(server_.io->local(), how, client_));
  how.congestion = "reno";
  EXPECT_TRUE(io().connect(server_.io->local(), how, client_));
}

TEST_P(PollerContractTest, APortIsSharedOnlyIfBothSidesWantIt) {
  listen();
  listener second;
  second.poll = &io();
  auto also = io().listen(server_.io->local(), {}, second);
  ASSERT_TRUE(also) << also.error().reason;
  socket_options alone;
  alone.reuse_port = false;
  const auto third = io().listen(server_.io->local(), alone, second);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().os, EADDRINUSE);
  second.io = std::move(*also);
  second.refuse = server_.refuse = true;
  std::vector<std::unique_ptr<party>> peers;
  for (int i = 0; i < 64; ++i) {
    peers.push_back(std::make_unique<party>());
    connect(*peers.back());
  }
  ASSERT_TRUE(until([&] { return second.accepted + server_.accepted == 64; }));
  EXPECT_GT(second.accepted, 0);
  EXPECT_GT(server_.accepted, 0);
}

TEST_P(PollerContractTest, BothEndsKnowEachOthersNames) {
  party& server = connected();
  EXPECT_EQ(client_.io->peer(), server_.io->local().text());
  EXPECT_TRUE(server.io->peer().starts_with("127.0.0.1:")) << server.io->peer();
}

TEST_P(PollerContractTest, ARefusedConnectionIsClosed) {
  listen();
  server_.refuse = true;
  connect(client_);
  ASSERT_TRUE(until([&] { return client_.ends + client_.failures > 0; }));
  EXPECT_EQ(server_.accepted, 1);
}

TEST_P(PollerContractTest, APausedAcceptorLeavesConnectionsInTheBacklog) {
  listen();
  server_.io->pause();
  std::vector<std::unique_ptr<party>> peers;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(std::make_unique<party>());
    connect(*peers.back());
    ASSERT_TRUE(until([&] { return peers.back()->connects == 1; }));
  }
  settle();
  EXPECT_EQ(server_.accepted, 0);
  peers.front()->outgoing = "before anybody accepts";
  peers.front()->pump();
  server_.io->resume();
  ASSERT_TRUE(until([&] { return server_.accepted == 5; }));
  ASSERT_TRUE(until([&] {
    return std::ranges::any_of(server_.parties,
                               [](auto& p) { return p->received == "before anybody accepts"; });
  }));
}

TEST_P(PollerContractTest, AnAcceptorMayBeDestroyedWhileItAccepts) {
  listen();
  server_.io->pause();
  std::vector<std::unique_ptr<party>> peers;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(std::make_unique<party>());
    connect(*peers.back());
    ASSERT_TRUE(until([&] { return peers.back()->connects == 1; }));
  }
  server_.after = [&] { server_.io.reset(); };
  server_.io->resume();
  ASSERT_TRUE(until([&] { return server_.accepted > 0; }));
  settle();
  EXPECT_EQ(server_.accepted, 1);
  int broken = 0;
  for (auto& p : peers) broken += p->failures;
  EXPECT_EQ(broken, 4) << "who waited in the backlog is told";
}

TEST_P(PollerContractTest, WakingEndsAWaitOnce) {
  io().wake();
  io().wake();
  EXPECT_EQ(io().poll(seconds(30)), 1u);
  EXPECT_EQ(io().poll(nanoseconds(0)), 0u) << "one wait per wake, not for ever";
}

TEST_P(PollerContractTest, AWaitIsNotShorterThanAsked) {
  const time_point before = lab_->time->now();
  io().poll(std::chrono::microseconds(2500));
  EXPECT_GE(lab_->time->now() - before, std::chrono::microseconds(2500));
}

TEST_P(PollerContractTest, StreamsThatOutliveThePollerAreDeadButHarmless) {
  party& server = connected();
  lab_->poll.reset();
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

using PollerContractDeathTest = PollerContractTest;
INSTANTIATE_TEST_SUITE_P(, PollerContractDeathTest,
                         ::testing::Values(variant{"epoll", 0, false}, variant{"sim", 1, false}),
                         [](const auto& of) { return std::string(of.param.name); });

TEST_P(PollerContractDeathTest, SendingNothingTooMuchOrTwiceAtOnceIsABugOfTheCaller) {
  party& server = connected();
  server.io->pause_read();
  const io_slice one{"x", 1};
  EXPECT_DEATH((void)client_.io->send({}), "slices.empty");
  const std::vector<io_slice> many(1025, one);
  EXPECT_DEATH((void)client_.io->send(many), "slices.size\\(\\) <= ");
  client_.outgoing = std::string(lab_->plenty, 'x');
  client_.pump();
  EXPECT_DEATH((void)client_.io->send(std::span(&one, 1)), "pending_.empty");
}

}  // namespace
}  // namespace zc::io
