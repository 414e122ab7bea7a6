// What must hold of a channel that coroutines wait for: they go on from the loop of their shard,
// and never inline; whoever is destroyed while it waits, or after it was woken, loses no item, no
// room and no wake-up of another; and whoever finds that somebody else was faster keeps its place.
//
// Method: coroutines on shards turned by hand, some cancelled at random, and shards on threads.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/channel.h"
#include "zc/shard/channel_for_tests.h"
#include "zc/testing/job.h"
#include "zc/testing/seed.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using namespace for_tests;
using testing::job;
using testing::running_shard;
using testing::shard_rig;

template <class Topology>
class ChannelCoroutinesTest : public channel_cases<Topology> {};
TYPED_TEST_SUITE(ChannelCoroutinesTest, topologies, topology_names);

template <class Channel>
job receive_into(Channel& c, std::vector<int>& into, int most = 1'000'000) {
  for (int i = 0; i < most; ++i) {
    auto got = co_await c.receive();
    if (!got) {
      into.push_back(-1);
      co_return;
    }
    into.push_back(**got);
  }
}
template <class Channel>
job send_all(Channel& c, std::vector<int> what, std::vector<int>& sent) {
  for (const int n : what) {
    item one = make(n);
    const auto how = co_await c.send(std::move(one));
    EXPECT_EQ(one == nullptr, how.has_value());
    if (how) sent.push_back(n);
    if (!how) sent.push_back(how.error() == refusal::too_large ? -2 : -1);
  }
}

TYPED_TEST(ChannelCoroutinesTest, ACoroutineWaitsForAnItemAndForTheEnd) {
  shard_rig r;
  typename TestFixture::plain c({.items_max = 2});
  std::vector<int> got;
  const job receiving = receive_into(c, got);
  r.turns(3);
  EXPECT_EQ(c.stats().receivers_waiting, 1u);
  ASSERT_TRUE(c.try_send(make(1)));
  EXPECT_TRUE(got.empty());  // never inline
  r.turn();
  EXPECT_EQ(got, (std::vector{1}));
  ASSERT_TRUE(c.try_send(make(2)));
  ASSERT_TRUE(c.try_send(make(3)));
  c.close();
  r.turns(2);
  EXPECT_EQ(got, (std::vector{1, 2, 3, -1}));
  EXPECT_TRUE(receiving.ended());
}

TYPED_TEST(ChannelCoroutinesTest, ACoroutineWaitsForRoom) {
  shard_rig r;
  typename TestFixture::heavy c({.items_max = 2, .weight_max = 10});
  std::vector<int> sent;
  const job sending = send_all(c, {6, 5, 11, 1, 2, 3}, sent);
  r.turn();
  EXPECT_EQ(sent, (std::vector{6}));
  EXPECT_EQ(**c.try_receive(), 6);
  r.turn();
  EXPECT_EQ(sent, (std::vector{6, 5, -2, 1}));  // two slots
  EXPECT_EQ(c.try_receive_many(1, [](item&&) {}), 1u);
  r.turn();
  EXPECT_EQ(sent, (std::vector{6, 5, -2, 1, 2}));
  c.close();
  r.turn();
  EXPECT_EQ(sent.back(), -1);
  EXPECT_TRUE(sending.ended());
  EXPECT_EQ(c.drain(), 2u);
  EXPECT_EQ(c.stats().weight, 0u);
}

TYPED_TEST(ChannelCoroutinesTest, ACoroutineReceivesManyAtOnce) {
  shard_rig r;
  typename TestFixture::heavy c({.items_max = 8, .weight_max = 100});
  std::vector<item> got;
  std::vector<std::size_t> counts;
  const auto body = [](auto& from, auto& into, auto& n) -> job {
    for (;;) {
      const auto taken = co_await from.receive_many(into, 3, 10);
      n.push_back(taken.value_or(0));
      if (!taken) co_return;
    }
  };
  const job receiving = body(c, got, counts);
  r.turn();
  for (const int n : {1, 2, 3, 4, 9, 20}) ASSERT_TRUE(c.try_send(make(n)));
  r.turn();
  EXPECT_EQ(counts, (std::vector<std::size_t>{3, 1, 1, 1}));
  c.close();
  r.turn();
  EXPECT_EQ(counts.back(), 0u);
  EXPECT_EQ(got.size(), 6u);
}

TYPED_TEST(ChannelCoroutinesTest, ACancelledReceiverLosesNoItemInWhateverStateItIs) {
  shard_rig r;
  typename TestFixture::plain c({.items_max = 4});
  std::vector<int> got;
  {
    const job waiting = receive_into(c, got);
  }
  EXPECT_EQ(c.stats().receivers_waiting, 0u);
  {
    const job woken = receive_into(c, got);
    ASSERT_TRUE(c.try_send(make(1)));  // fired, and has not run
  }
  r.turns(2);
  EXPECT_TRUE(got.empty());
  EXPECT_EQ(**c.try_receive(), 1);
}

TYPED_TEST(ChannelCoroutinesTest, ACancelledSenderKeepsItsItemAndGivesItsRoomBack) {
  shard_rig r;
  typename TestFixture::heavy c({.items_max = 4, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(8)));
  std::vector<int> sent;
  {
    const job waiting = send_all(c, {7}, sent);
    EXPECT_EQ(c.stats().senders_waiting, 1u);
  }
  EXPECT_EQ(c.stats().senders_waiting, 0u);
  {
    const job granted = send_all(c, {7}, sent);
    EXPECT_EQ(**c.try_receive(), 8);
    EXPECT_EQ(c.stats().weight, 7u);  // reserved for the one who wakes
  }
  EXPECT_EQ(c.stats().weight, 0u);
  EXPECT_EQ(c.stats().depth, 0u);
  EXPECT_TRUE(sent.empty());
}

TEST(ChannelOfManyTest, AWakeUpOfOneWhoIsGonePassesToTheNext) {
  shard_rig r;
  channel<item, mpmc> c({.items_max = 4});
  std::vector<int> first, second;
  job a = receive_into(c, first);
  const job b = receive_into(c, second, 1);
  ASSERT_TRUE(c.try_send(make(1)));  // wakes a
  a.cancel();
  r.turn();
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(second, (std::vector{1}));
}

TEST(ChannelOfManyTest, AGrantOfOneWhoIsGonePassesToTheNext) {
  shard_rig r;
  channel<item, mpmc, by_value> c({.items_max = 4, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(10)));
  std::vector<int> first, second;
  job a = send_all(c, {9}, first);
  const job b = send_all(c, {8}, second);
  EXPECT_EQ(**c.try_receive(), 10);  // a has the room now
  r.worker.post([&] { a.cancel(); });
  r.turn();
  r.turn();
  EXPECT_EQ(c.stats().depth, 1u);
  EXPECT_EQ(first.size() + second.size(), 1u);
}

TEST(ChannelOfManyTest, OneWhoFindsNothingWaitsOnAndKeepsItsPlace) {
  shard_rig r;
  channel<item, mpmc> c({.items_max = 4});
  std::vector<int> first, second;
  const job a = receive_into(c, first, 1);
  const job b = receive_into(c, second, 1);
  ASSERT_TRUE(c.try_send(make(1)));  // wakes a
  EXPECT_EQ(**c.try_receive(), 1);   // but we are faster
  r.turn();
  EXPECT_EQ(c.stats().receivers_waiting, 2u);
  ASSERT_TRUE(c.try_send(make(2)));
  r.turn();
  EXPECT_EQ(first, (std::vector{2}));  // not b, who came later
  ASSERT_TRUE(c.try_send(make(3)));
  r.turn();
  EXPECT_EQ(second, (std::vector{3}));
}

TEST(ChannelOfManyTest, LightItemsDoNotOvertakeAHeavyOneThatWaits) {
  shard_rig r;
  channel<item, mpmc, by_value> c({.items_max = 100, .weight_max = 10});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(c.try_send(make(1)));
  std::vector<int> heavy, light;
  const job a = send_all(c, {9}, heavy);
  const job b = send_all(c, {1}, light);
  for (int i = 0; i < 8; ++i) {
    (void)c.try_receive();
    EXPECT_EQ(c.try_send(make(1)).error(), refusal::full);  // there would be room
    r.turn();
    EXPECT_TRUE(heavy.empty() && light.empty());
  }
  (void)c.try_receive();
  r.turn();
  EXPECT_EQ(heavy.size(), 1u);
  EXPECT_TRUE(light.empty() == (c.stats().weight == 10 && c.stats().senders_waiting == 1));
  (void)c.try_receive();
  r.turn();
  EXPECT_EQ(light.size(), 1u);
}

TEST(ChannelOfManyTest, NeitherDoesAThreadThatWaits) {
  shard_rig r;
  channel<item, mpmc, by_value> c({.items_max = 100, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(5)));
  std::vector<int> heavy;
  const job a = send_all(c, {9}, heavy);
  // There would be room.
  EXPECT_EQ(c.send_blocking(make(1), in(std::chrono::milliseconds(1))).error(), refusal::timed_out);
  EXPECT_EQ(c.stats().weight, 5u);
  (void)c.try_receive();
  r.turn();
  EXPECT_EQ(heavy.size(), 1u);
}

TEST(ChannelOfManyTest, WhenAHeavyOneGivesUpWhoStoodBehindItGoesOn) {
  shard_rig r;
  channel<item, mpmc, by_value> c({.items_max = 100, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(5)));
  std::vector<int> heavy, light;
  job a = send_all(c, {9}, heavy);
  const job b = send_all(c, {2}, light);
  const job d = send_all(c, {3}, light);
  r.turns(3);
  EXPECT_TRUE(light.empty());
  a.cancel();
  r.turns(3);
  EXPECT_EQ(light, (std::vector{2, 3}));
}

TEST(ChannelOfManyTest, WhenAHeavyThreadGivesUpWhoStoodBehindItGoesOn) {
  running_shard s;
  channel<item, mpmc, by_value> c({.items_max = 100, .weight_max = 10});
  ASSERT_TRUE(c.try_send(make(5)));
  std::vector<int> light;
  std::optional<job> behind;
  std::thread heavy([&] {
    EXPECT_EQ(c.send_blocking(make(9), in(std::chrono::milliseconds(20))).error(),
              refusal::timed_out);
  });
  while (c.stats().senders_waiting == 0) std::this_thread::yield();
  s.run([&](shard&) { behind = send_all(c, {2}, light); });
  heavy.join();
  for (bool done = false; !done;) s.run([&](shard&) { done = behind->ended(); });
  s.run([&](shard&) { behind.reset(); });
  EXPECT_EQ(light, (std::vector{2}));
}

TEST(ChannelOfManyTest, CoroutinesOfTwoShardsAndAThreadShareOneChannel) {
  channel<item, mpmc> c({.items_max = 2});
  running_shard one, two;
  std::vector<int> got_one, got_two, sent;
  std::optional<job> r1, r2;
  one.run([&](shard&) { r1 = receive_into(c, got_one); });
  two.run([&](shard&) { r2 = receive_into(c, got_two); });
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(c.send_blocking(make(i)));
  c.close();
  const auto over = [](running_shard& s, std::optional<job>& j) {
    for (bool done = false; !done;) s.run([&](shard&) { done = j->ended(); });
    s.run([&](shard&) { j.reset(); });
  };
  over(one, r1);
  over(two, r2);
  ASSERT_EQ(got_one.back(), -1);
  ASSERT_EQ(got_two.back(), -1);
  EXPECT_EQ(got_one.size() + got_two.size(), 5002u);
  EXPECT_TRUE(std::is_sorted(got_one.begin(), got_one.end() - 1));
}

TEST(ChannelOfManyTest, CancellingAtRandomLosesNothing) {
  SCOPED_TRACE(testing::seed_trace());
  std::mt19937 random(testing::seed());
  shard_rig r;
  channel<item, mpmc, by_value> c({.items_max = 3, .weight_max = 12});
  std::vector<job> jobs(12);
  std::vector<int> sent, got;
  std::uint64_t out = 0;
  for (int i = 0; i < 20'000; ++i) {
    job& j = jobs[random() % jobs.size()];
    switch (random() % 5) {
      case 0:
        j = receive_into(c, got, 1);
        break;
      case 1:
        j = send_all(c, {static_cast<int>(random() % 12)}, sent);
        break;
      case 2:
        j.cancel();
        break;
      case 3:
        if (const auto one = c.try_receive()) out += static_cast<std::uint64_t>(**one);
        break;
      default:
        r.turn();
    }
    const channel_statistics now = c.stats();
    ASSERT_LE(now.weight, 12u);
    ASSERT_LE(now.depth, 3u);
  }
  r.turns(50);
  // Nobody sleeps who could go on.
  const channel_statistics now = c.stats();
  EXPECT_TRUE(now.receivers_waiting == 0 || now.depth == 0);
  jobs.clear();
  while (const auto one = c.try_receive()) out += static_cast<std::uint64_t>(**one);
  EXPECT_EQ(std::accumulate(sent.begin(), sent.end(), std::uint64_t{0}),
            std::accumulate(got.begin(), got.end(), out));
  EXPECT_EQ(c.stats().weight, 0u);
}

TEST(ChannelDeathTest, AChannelThatGoesBeforeWhoWaitsStopsTheProgram) {
  const auto too_early = [] {
    shard_rig r;
    auto c = std::make_unique<channel<item, spsc>>(channel_limits{.items_max = 1});
    std::vector<int> got;
    const job waiting = receive_into(*c, got);
    c.reset();
  };
  EXPECT_DEATH(too_early(), "a channel must outlive who waits for it");
}

}  // namespace
}  // namespace zc
