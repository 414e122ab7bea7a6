// What must hold of a channel between coroutines on several shards, however their turns are
// interleaved, whoever is away for a while and whoever is cancelled: what was sent is received
// once, in the order of its sender; the bounds hold at every moment; nobody sleeps while there is
// work for him; after close() everybody goes home.
//
// Method: senders and receivers on random shards send, receive and rest at random; some are
// destroyed while they wait and begun anew. That a single operation is right under threads,
// and in every interleaving of small models, is channel_threads_test.cc and
// channel_interleavings_test.cc of zc/shard.

#include "zc/shard/channel.h"

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"
#include "zc/shard/shard.h"
#include "zc/testing/job.h"
#include "zc/testing/sim/world.h"

namespace sluice::sim {
namespace {

using zc::testing::job;

struct rest final : zc::timer {
  rest(zc::shard& on, nanoseconds t) : on_(on), time_(t) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> who) {
    who_ = who;
    on_.arm(*this, time_);
  }
  void await_resume() const noexcept {}

 private:
  void on_timer() override { who_.resume(); }
  zc::shard& on_;
  nanoseconds time_;
  std::coroutine_handle<> who_;
};

struct parcel {
  std::uint32_t from;
  std::uint32_t number;
  std::size_t weight;
};
struct weight_of {
  std::size_t operator()(const parcel& p) const noexcept { return p.weight; }
};
using line = zc::channel<parcel, zc::mpmc, weight_of>;

struct market {
  explicit market(std::uint64_t seed)
      : random(sim_random(seed).fork(21)),
        limits(64_MiB),
        world(seed, timing(random)),
        bounds{random.scaled(1, 64), random.between(std::size_t{100}, std::size_t{1000})},
        channel(bounds) {
    for (std::size_t i = random.between(std::size_t{1}, std::size_t{4}); i > 0; --i) {
      shards.push_back(&world.add_shard(limits));
    }
    people.resize(random.between(std::size_t{2}, std::size_t{10}));
    senders = random.between(std::size_t{1}, people.size() - 1);
    for (std::size_t i = 0; i < people.size(); ++i) {
      person& p = people[i];
      p.on = shards[random.below(shards.size())];
      p.random = std::make_unique<sim_random>(random.fork(100 + i));
      begin(i);
    }
  }
  ~market() { end(); }

  static sim_world::options timing(sim_random& r) {
    sim_world::options how;
    how.stall = r.chance(0.5) ? r.unit() * 0.02 : 0;
    return how;
  }
  struct person {
    zc::shard* on = nullptr;
    std::unique_ptr<sim_random> random;
    job work;
    std::uint32_t next = 0;              // a sender's
    std::vector<std::uint32_t> last_of;  // a receiver's: per sender, the last one seen plus 1
  };

  void begin(std::size_t i) {
    people[i].on->post([this, i] { people[i].work = i < senders ? send(i) : receive(i); });
  }
  void cancel(std::size_t i) {
    people[i].on->post([this, i] { people[i].work.cancel(); });
    if (!closing) begin(i);
  }
  job send(std::size_t me) {
    person& p = people[me];
    while (!closing) {
      if (p.random->chance(0.4)) {
        co_await rest(*p.on,
                      nanoseconds(static_cast<std::int64_t>(p.random->scaled(0, 20'000'000))));
      }
      parcel one{static_cast<std::uint32_t>(me), p.next, p.random->scaled(0, 100)};
      zc::channel_result<void> how;
      if (p.random->chance(0.3)) {
        how = channel.try_send(std::move(one));
      } else {
        how = co_await channel.send(std::move(one));
      }
      look();
      if (how) {
        p.next += 1;
        sent += 1;
      } else if (how.error() == zc::refusal::closed) {
        co_return;
      } else {
        co_await rest(*p.on, milliseconds(1));
      }
    }
  }
  job receive(std::size_t me) {
    person& p = people[me];
    std::vector<parcel> many;
    for (;;) {
      if (p.random->chance(0.3)) {
        co_await rest(*p.on,
                      nanoseconds(static_cast<std::int64_t>(p.random->scaled(0, 20'000'000))));
      }
      if (p.random->chance(0.5)) {
        const zc::channel_result<parcel> one = co_await channel.receive();
        if (!one) co_return;
        take(p, *one);
      } else {
        many.clear();
        const auto got =
            co_await channel.receive_many(many, p.random->between(std::size_t{1}, std::size_t{9}));
        if (!got) co_return;
        EXPECT_EQ(*got, many.size());
        for (const parcel& one : many) take(p, one);
      }
      look();
    }
  }
  void take(person& p, const parcel& one) {
    received += 1;
    if (seen.size() <= one.from) seen.resize(one.from + 1);
    auto& of = seen[one.from];
    if (of.size() <= one.number) of.resize(one.number + 1);
    of[one.number] += 1;
    EXPECT_EQ(of[one.number], 1) << "received twice";
    if (p.last_of.size() <= one.from) p.last_of.resize(one.from + 1);
    EXPECT_GE(one.number + 1, p.last_of[one.from]) << "out of order";
    p.last_of[one.from] = one.number + 1;
  }
  void look() {
    const zc::channel_statistics now = channel.stats();
    EXPECT_LE(now.depth, bounds.items_max);
    EXPECT_LE(now.weight, bounds.weight_max);
  }
  // On their shards, as tasks have to.
  void end() {
    std::size_t gone = 0;
    for (person& p : people) {
      p.on->post([&p, &gone] {
        p.work.cancel();
        gone += 1;
      });
    }
    EXPECT_TRUE(world.run_until([&] { return gone == people.size(); }, seconds(10)));
  }

  sim_random random;
  zc::quota limits;
  sim_world world;
  zc::channel_limits bounds;
  line channel;
  std::vector<zc::shard*> shards;
  std::vector<person> people;
  std::size_t senders = 0;
  std::uint64_t sent = 0, received = 0;
  std::vector<std::vector<int>> seen;
  bool closing = false;
};

std::uint64_t live(std::uint64_t seed) {
  market m(seed);
  for (int i = 0; i < 20; ++i) {
    m.world.run_for(m.random.between(nanoseconds(0), milliseconds(50)));
    if (m.random.chance(0.5)) m.cancel(m.random.below(m.people.size()));
  }
  m.world.run_for(milliseconds(100));
  EXPECT_GT(m.sent, 0u);
  if (m.random.chance(0.5)) {
    // Senders stop of their own; who receives is woken for everything that is inside.
    m.closing = true;
    m.world.run_for(milliseconds(100));
    EXPECT_TRUE(m.world.run_until([&] { return m.channel.stats().depth == 0; }, seconds(5)))
        << "somebody sleeps while there is work for him";
  }
  m.closing = true;
  m.channel.close();
  EXPECT_TRUE(m.world.run_until(
      [&] { return std::ranges::all_of(m.people, [](auto& p) { return p.work.ended(); }); },
      seconds(5)))
      << "the channel is closed and somebody still waits";
  EXPECT_EQ(m.received, m.sent);
  EXPECT_TRUE(m.channel.drained());
  EXPECT_FALSE(m.world.stuck());
  return m.world.trace().hash();
}

TEST(SimChannelTest, WhatWasSentIsReceivedOnceWhoeverIsLateOrCancelled) {
  over_seeds(1000, live);
}

}  // namespace
}  // namespace sluice::sim
