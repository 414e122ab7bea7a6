// What zc/shard/poller.h promises of a stream, held against every poller that there is: the one on
// sockets and the simulated one. One body, so that the twin is proved to behave as the real one
// does.
//
// Method: both ends of every connection are streams of one poller; time is the poller's own, so
// that "nothing happens for 100 ms" costs the simulation nothing. What only sockets can show is
// epoll_stream_test.cc; what only the simulation can, network_test.cc.

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "zc/io/poller_contract_for_tests.h"

namespace zc::io {
namespace {

using namespace for_tests;
using StreamContractTest = any_poller;
using StreamContractDeathTest = any_poller;
INSTANTIATE_TEST_SUITE_P(, StreamContractTest, all_pollers(), name_of);
INSTANTIATE_TEST_SUITE_P(, StreamContractDeathTest, quiet_pollers(), name_of);

TEST_P(StreamContractTest, EveryByteComesBackOnceAndInOrderHoweverSendsAreCut) {
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

TEST_P(StreamContractTest, ASendThatWaitsReadsTheCallersMemoryWhenItGoes) {
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

TEST_P(StreamContractTest, AnEmptyRoomPausesWithoutSpinningThePeerBlocksAndResumingLosesNothing) {
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

TEST_P(StreamContractTest, PausingInsideACallbackStopsTheReads) {
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

TEST_P(StreamContractTest, AStreamPausedBeforeItStartsReadsNothing) {
  server_.prepare = [](party& p) { p.io->pause_read(); };
  party& server = connected();
  client_.outgoing = "early";
  client_.pump();
  settle();
  EXPECT_EQ(server.rooms, 0);
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.received == "early"; }));
}

TEST_P(StreamContractTest, APausedStreamWhosePeerEndsDoesNotSpinAndStillGetsEverything) {
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

TEST_P(StreamContractTest, APausedStreamLearnsOfAReset) {
  party& server = connected();
  server.io->pause_read();
  reset(client_);
  ASSERT_TRUE(until([&] { return server.failures == 1; }));
  EXPECT_EQ(server.failure.code, errc::closed);
  EXPECT_EQ(server.failure.os, ECONNRESET);
  EXPECT_EQ(events_within(milliseconds(100)), 0u);
}

TEST_P(StreamContractTest, DataBeforeAResetIsDeliveredAndTheResetIsToldOnce) {
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

TEST_P(StreamContractTest, AResetWhileASendIsPendingFailsTheStream) {
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

TEST_P(StreamContractTest, ASendThatFailsIsToldOnceMoreByPollUnlessTheStreamIsGone) {
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

TEST_P(StreamContractTest, WhatThePeerSaidBeforeItsResetIsDeliveredThoughASendIsPending) {
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

TEST_P(StreamContractTest, EitherSideMayEndFirstAndTheOtherGoesOnSending) {
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

TEST_P(StreamContractTest, ShuttingDownWhileASendIsPendingWaitsForIt) {
  party& server = connected();
  server.io->pause_read();
  client_.outgoing = std::string(lab_->plenty, 'x');
  client_.pump();
  ASSERT_LT(client_.sent, client_.outgoing.size());
  client_.io->shutdown_send();
  server.io->resume_read();
  ASSERT_TRUE(until([&] { return server.ends == 1; }));
  EXPECT_EQ(server.received.size(), client_.outgoing.size());
  const auto late = client_.io->send(std::array{io_slice{"x", 1}});
  ASSERT_FALSE(late);
}

TEST_P(StreamContractTest, DestroyingAStreamEndsItOrderlyUnlessAskedOtherwise) {
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

TEST_P(StreamContractTest, WhatWasSentBeforeAnOrderlyEndArrivesThoughTheSenderIsGone) {
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

TEST_P(StreamContractTest, ClosingWithUnreadBytesResetsThePeer) {
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

TEST_P(StreamContractTest, StreamsMayBeDestroyedInAnyCallback) {
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

TEST_P(StreamContractTest, AStreamMayDestroyAllOthersOfTheSameBatch) {
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

TEST_P(StreamContractTest, BeforeItIsConnectedASendWaitsAndDestroyingInOnSentAndOnConnectedIsFine) {
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

TEST_P(StreamContractDeathTest, SendingNothingTooMuchOrTwiceAtOnceIsABugOfTheCaller) {
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
