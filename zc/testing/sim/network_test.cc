// What must hold of the simulated network beyond what every poller promises
// (zc/io/poller_contract_test.cc): every fault that can be asked for comes, streams never lose or
// mix bytes short of breaking, time is what the profile says, and a script does what it says.

#include "zc/testing/sim/network.h"

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace zc::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct party final : stream_events {
  std::span<std::byte> receive_room() override { return buffer; }
  void on_received(std::size_t n) override {
    received.append(reinterpret_cast<const char*>(buffer.data()), n);
  }
  void on_end() override { ends += 1; }
  void on_sent(std::size_t n) override {
    sent += n;
    pump();
  }
  void on_failed(const error& why) override {
    failures += 1;
    failure = why;
  }
  void on_connected() override {
    connects += 1;
    pump();
  }
  void pump() {
    while (sent < outgoing.size()) {
      slice = {outgoing.data() + sent, outgoing.size() - sent};
      const auto went = io->send(std::span(&slice, 1));
      if (!went || *went == 0) return;
      sent += *went;
    }
  }
  std::unique_ptr<stream> io;
  std::vector<std::byte> buffer = std::vector<std::byte>(4096);
  io_slice slice{};
  std::string outgoing;
  std::string received;
  std::size_t sent = 0;
  int ends = 0, failures = 0, connects = 0;
  error failure;
};

struct bench : acceptor_events {
  explicit bench(std::uint64_t seed)
      : events(time, sim_random(seed)),
        trace(time),
        network(time, events, sim_random(seed), trace) {
    poll = network.make_poller(sim_network::driver::poll);
    door = std::move(*poll->listen(*endpoint::parse("127.0.0.1:4317"), {}, *this));
  }
  ~bench() {
    parties.clear();
    door.reset();
    poll.reset();
  }
  void on_accepted(std::unique_ptr<stream> connection) override {
    parties.push_back(std::make_unique<party>());
    parties.back()->io = std::move(connection);
    poll->start(*parties.back()->io, *parties.back());
  }
  void connect(party& p) { p.io = std::move(*poll->connect(door->local(), {}, p)); }
  bool until(const std::function<bool()>& done, nanoseconds limit = std::chrono::hours(1)) {
    const time_point end = time.now() + limit;
    while (!done() && time.now() < end) poll->poll(milliseconds(100));
    return done();
  }
  party& connected(party& client) {
    connect(client);
    EXPECT_TRUE(until([&] { return client.connects == 1 && !parties.empty(); }));
    return *parties.back();
  }

  sim_clock time;
  sim_schedule events;
  sim_trace trace;
  sim_network network;
  std::unique_ptr<sim_poller> poll;
  std::unique_ptr<acceptor> door;
  std::vector<std::unique_ptr<party>> parties;
};

TEST(SimNetworkTest, LatencyAndBandwidthAreTheProfiles) {
  bench b(1);
  network_profile how;
  how.latency_min = how.latency_max = milliseconds(50);
  how.bytes_per_second_min = how.bytes_per_second_max = 1e6;
  b.network.set(how);
  party client;
  const time_point start = b.time.now();
  b.connect(client);
  ASSERT_TRUE(b.until([&] { return client.connects == 1; }));
  EXPECT_EQ(b.time.now() - start, milliseconds(100)) << "there and back";
  client.outgoing = std::string(100'000, 'x');
  client.pump();
  ASSERT_TRUE(b.until([&] { return b.parties.back()->received.size() == 100'000; }));
  EXPECT_GE(b.time.now() - start, milliseconds(100 + 100 + 50));
  EXPECT_LE(b.time.now() - start, milliseconds(100 + 100 + 50 + 10));
}

TEST(SimNetworkTest, WhateverBreaksWhatArrivedIsABeginningOfWhatWasSent) {
  sim_network::statistics sum;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    bench b(seed);
    sim_random chances(seed);
    b.network.set(network_profile::rough(chances));
    party client;
    b.connect(client);
    for (int i = 0; i < 20'000; ++i) client.outgoing += static_cast<char>('a' + i % 23);
    ASSERT_TRUE(b.until([&] {
      return client.failures == 1 ||
             (client.sent == client.outgoing.size() && client.io->unsent() == 0);
    })) << "neither sent nor told that it failed";
    if (!b.parties.empty()) {
      const std::string& got = b.parties.back()->received;
      EXPECT_EQ(got, client.outgoing.substr(0, got.size()));
      EXPECT_LE(got.size(), client.sent);
    }
    sum.refused += b.network.read().refused;
    sum.resets += b.network.read().resets;
    sum.vanished += b.network.read().vanished;
    sum.sends_cut += b.network.read().sends_cut;
    sum.receives_cut += b.network.read().receives_cut;
  }
  EXPECT_GT(sum.refused, 0u);
  EXPECT_GT(sum.resets, 0u);
  EXPECT_GT(sum.vanished, 0u);
  EXPECT_GT(sum.sends_cut, 0u);
  EXPECT_GT(sum.receives_cut, 0u);
}

TEST(SimNetworkTest, NobodyHearsOfALinkThatVanishedUntilTheKernelGivesUp) {
  bench b(1);
  party client;
  party& server = b.connected(client);
  network_profile how;
  how.vanish = 1;
  b.network.set(how);
  const time_point start = b.time.now();
  client.outgoing = "into the void";
  client.pump();
  ASSERT_TRUE(b.until([&] { return client.failures == 1 && server.failures == 1; }));
  EXPECT_GE(b.time.now() - start, how.give_up_min);
  EXPECT_LE(b.time.now() - start, how.give_up_max + seconds(1));
  EXPECT_EQ(client.failure.code, errc::timed_out);
  EXPECT_EQ(server.received, "");
}

TEST(SimNetworkTest, AnAttemptThatIsNeverAnsweredEndsAfterTwoMinutes) {
  bench b(1);
  network_profile how;
  how.vanish_connect = 1;
  b.network.set(how);
  party client;
  const time_point start = b.time.now();
  b.connect(client);
  ASSERT_TRUE(b.until([&] { return client.failures == 1; }));
  EXPECT_EQ(client.failure.os, ETIMEDOUT);
  EXPECT_GE(b.time.now() - start, how.connect_give_up);
  EXPECT_TRUE(b.parties.empty());
}

TEST(SimNetworkTest, ACutHoldsEverythingUpAndHealingLetsItArrive) {
  bench b(1);
  party client;
  party& server = b.connected(client);
  b.network.cut(b.door->local());
  client.outgoing = "patience";
  client.pump();
  party late;
  b.connect(late);
  EXPECT_FALSE(b.until([&] { return !server.received.empty() || late.connects > 0; }, seconds(10)));
  b.network.heal(b.door->local());
  EXPECT_TRUE(b.until([&] { return server.received == "patience" && late.connects == 1; }));
  EXPECT_EQ(client.failures + server.failures, 0);
}

TEST(SimNetworkTest, AScriptedBreakComesWhenSoManyBytesHaveArrived) {
  bench b(1);
  b.network.break_after(b.door->local(), sim_network::towards::server, 5000);
  party client, unharmed;
  party& server = b.connected(client);
  party& other = b.connected(unharmed);
  network_profile how;
  how.segment_max = 100;
  b.network.set(how);
  client.outgoing = unharmed.outgoing = std::string(20'000, 'x');
  client.pump();
  unharmed.pump();
  ASSERT_TRUE(b.until([&] { return client.failures == 1 && server.failures == 1; }));
  EXPECT_EQ(server.received.size(), 5000u);
  ASSERT_TRUE(b.until([&] { return other.received.size() == 20'000; }));
  b.network.break_all(b.door->local());
  ASSERT_TRUE(b.until([&] { return unharmed.failures == 1 && other.failures == 1; }));
}

TEST(SimNetworkTest, AFullBacklogMakesThePeerTryAgain) {
  bench b(1);
  socket_options how;
  how.backlog = 1;
  b.door.reset();
  b.door = std::move(*b.poll->listen(*endpoint::parse("127.0.0.1:4317"), how, b));
  b.door->pause();
  party first, second;
  b.connect(first);
  ASSERT_TRUE(b.until([&] { return first.connects == 1; }));
  b.connect(second);
  EXPECT_FALSE(b.until([&] { return second.connects == 1; }, milliseconds(500)));
  b.door->resume();
  const time_point start = b.time.now();
  EXPECT_TRUE(b.until([&] { return second.connects == 1; }));
  EXPECT_GE(b.time.now() - start, milliseconds(400)) << "a second after the first attempt";
}

TEST(SimNetworkTest, NothingIsLeftWhenEverybodyHasClosed) {
  bench b(3);
  party client;
  b.connected(client);
  EXPECT_EQ(b.network.links(), 1u);
  client.io.reset();
  ASSERT_TRUE(b.until([&] { return b.parties.back()->ends == 1; }));
  b.parties.clear();
  EXPECT_EQ(b.network.links(), 0u);
}

TEST(SimNetworkDeathTest, PollingOrStartingTwiceIsABugOfTheCaller) {
  bench b(1);
  party client;
  party& server = b.connected(client);
  EXPECT_DEATH(b.poll->start(*server.io, client), "start\\(\\) must be called once");
  struct nested final : acceptor_events {
    void on_accepted(std::unique_ptr<stream>) override { from->poll(nanoseconds(0)); }
    poller* from = nullptr;
  } events;
  events.from = b.poll.get();
  auto other = std::move(*b.poll->listen(*endpoint::parse("127.0.0.1:4318"), {}, events));
  party to_other;
  to_other.io = std::move(*b.poll->connect(other->local(), {}, to_other));
  EXPECT_DEATH((void)b.until([] { return false; }), "inside a callback");
}

}  // namespace
}  // namespace zc::testing
