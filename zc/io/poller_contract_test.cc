// What zc/shard/poller.h promises of pollers and acceptors, held against every poller that there
// is: connecting in vain, names, ports, backlogs, waits, and who outlives whom. What it promises
// of streams is stream_contract_test.cc, in the same way.
//
// Method: both ends of every connection are streams of one poller, whose time is its own. What
// only sockets can show (descriptors, options, paths) is epoll_poller_test.cc and
// epoll_acceptor_test.cc; what only the simulation can, network_test.cc.

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "zc/io/poller_contract_for_tests.h"

namespace zc::io {
namespace {

using namespace for_tests;
using PollerContractTest = any_poller;
INSTANTIATE_TEST_SUITE_P(, PollerContractTest, all_pollers(), name_of);

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
  EXPECT_EQ(client_.io->peer(), "no-such-host.invalid:1");
  EXPECT_EQ(client_.failures, 0);
  ASSERT_TRUE(until([&] { return client_.failures == 1; }));
  EXPECT_EQ(client_.failure.code, errc::system);
  EXPECT_EQ(client_.connects, 0);
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

}  // namespace
}  // namespace zc::io
