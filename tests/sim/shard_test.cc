// What must hold of shards, timers, posts and pools, however turns are interleaved and whoever is
// not scheduled for a while: a timer fires once, never early, and late by no more than its shard
// was away; posts arrive once, in order and soon; blocks that wander between shards come home; the
// quota is never exceeded.
//
// Method: a few shards whose workers do at random what they can - arm and disarm timers, post bytes
// to each other, hold them, take and return blocks, queue work for the end of the turn - and each
// of them checks what it sees against what it noted.

#include "zc/shard/shard.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"
#include "zc/testing/sim/world.h"

namespace sluice::sim {
namespace {

class crew;

class worker {
 public:
  worker(crew& with, zc::shard& on, sim_random random);
  void begin();
  void receive(unsigned from, std::uint64_t number, zc::bytes payload, time_point sent);
  void stop() { stopped_ = true; }
  zc::shard& on() noexcept { return on_; }
  std::uint64_t fired() const noexcept { return fired_; }

 private:
  struct probe final : zc::timer {
    void on_timer() override { of->on_probe(*this); }
    worker* of = nullptr;
    std::optional<time_point> due;  // armed for
  };
  struct late_work final : zc::turn_end_work {
    explicit late_work(worker& w) : of(w) {}
    void at_turn_end() override { of.on_turn_end(); }
    worker& of;
  };

  void on_probe(probe& p);
  void on_turn_end();
  void arm(probe& p);
  void act();
  void post();
  void take();

  crew& crew_;
  zc::shard& on_;
  sim_random random_;
  std::array<probe, 8> probes_;
  late_work late_{*this};
  std::optional<time_point> late_wanted_;  // the turn in which it was queued
  std::vector<zc::bytes> held_;
  std::vector<std::uint64_t> next_to_;    // numbers of posts, by receiver
  std::vector<std::uint64_t> next_from_;  // by sender
  std::uint64_t fired_ = 0;
  bool stopped_ = false;
};

class crew {
 public:
  static sim_world::options timing(std::uint64_t seed) {
    sim_random r = sim_random(seed).fork(77);
    sim_world::options how;
    how.turn_max = r.between(std::chrono::microseconds(2), std::chrono::microseconds(500));
    how.stall = r.chance(0.5) ? r.unit() * 0.05 : 0;
    how.stall_max = r.between(milliseconds(1), milliseconds(200));
    return how;
  }

  explicit crew(std::uint64_t seed)
      : how(timing(seed)),
        limits(1_MiB + sim_random(seed).fork(78).scaled(0, 15_MiB)),
        world(seed, how) {
    const std::size_t count = world.random().between(std::size_t{1}, std::size_t{4});
    for (std::size_t i = 0; i < count; ++i) {
      workers.push_back(
          std::make_unique<worker>(*this, world.add_shard(limits), world.random().fork(100 + i)));
    }
    for (auto& w : workers) w->begin();
  }
  // How long a shard may be away: a stall, and turns that come before it.
  nanoseconds away() const { return how.stall_max + 20 * how.turn_max + milliseconds(1); }

  sim_world::options how;
  zc::quota limits;
  sim_world world;
  std::vector<std::unique_ptr<worker>> workers;
  std::uint64_t posted = 0;
  std::uint64_t received = 0;
};

worker::worker(crew& with, zc::shard& on, sim_random random)
    : crew_(with), on_(on), random_(random) {
  next_to_.resize(8);
  next_from_.resize(8);
  for (probe& p : probes_) p.of = this;
}

void worker::begin() {
  for (probe& p : probes_) arm(p);
}

void worker::arm(probe& p) {
  const nanoseconds after(static_cast<std::int64_t>(random_.scaled(0, 1'000'000'000)));
  on_.arm(p, after);
  p.due = on_.now() + after;
}

void worker::on_probe(probe& p) {
  fired_ += 1;
  const time_point now = crew_.world.now();
  ASSERT_TRUE(p.due.has_value()) << "a timer that was not armed";
  EXPECT_GE(now, *p.due) << "too early";
  EXPECT_LE(now, *p.due + milliseconds(2) + crew_.away()) << "too late";
  p.due.reset();
  if (stopped_) return;
  act();
  if (!p.due) arm(p);
}

void worker::on_turn_end() {
  ASSERT_TRUE(late_wanted_.has_value()) << "work that nobody queued";
  EXPECT_EQ(crew_.world.now(), *late_wanted_) << "another turn";
  late_wanted_.reset();
}

void worker::act() {
  for (std::size_t n = random_.below(4); n > 0; --n) {
    switch (random_.below(6)) {
      case 0: {
        probe& other = probes_[random_.below(probes_.size())];
        arm(other);
        break;
      }
      case 1: {
        probe& other = probes_[random_.below(probes_.size())];
        other.disarm();
        other.due.reset();
        if (random_.chance(0.9)) arm(other);
        break;
      }
      case 2:
        on_.at_turn_end(late_);
        late_wanted_ = crew_.world.now();
        break;
      case 3:
        take();
        break;
      default:
        post();
        break;
    }
  }
}

void worker::take() {
  const std::size_t room = random_.scaled(1, 600'000);
  zc::bytes_builder b = on_.memory().take(room);
  EXPECT_LE(crew_.limits.used(), crew_.limits.limit());
  if (!b) {
    held_.clear();
    on_.memory().trim();
    return;
  }
  EXPECT_GE(b.capacity(), room);
  b.append_copy(std::string(std::min<std::size_t>(room, 64), static_cast<char>(room % 251)));
  zc::bytes made = std::move(b).freeze();
  held_.push_back(made.slice(0, random_.below(made.size() + 1)));
  if (held_.size() > 16) held_.erase(held_.begin());
}

void worker::post() {
  const auto to = static_cast<unsigned>(random_.below(crew_.workers.size()));
  zc::bytes payload = held_.empty() ? zc::bytes() : held_[random_.below(held_.size())];
  if (!held_.empty() && random_.chance(0.5)) held_.pop_back();
  worker* there = crew_.workers[to].get();
  crew_.posted += 1;
  there->on_.post(
      [there, from = on_.id(), number = next_to_[to]++, p = std::move(payload),
       sent = crew_.world.now()]() mutable { there->receive(from, number, std::move(p), sent); });
}

void worker::receive(unsigned from, std::uint64_t number, zc::bytes payload, time_point sent) {
  crew_.received += 1;
  EXPECT_EQ(number, next_from_[from]) << "lost, doubled or out of order";
  next_from_[from] = number + 1;
  EXPECT_LE(crew_.world.now(), sent + crew_.away()) << "a post that nobody noticed";
  const std::string_view text = payload.text();
  EXPECT_TRUE(std::ranges::all_of(text, [&](char c) { return c == text.front(); }));
  if (!payload.empty() && random_.chance(0.5)) held_.push_back(std::move(payload));
  if (held_.size() > 16) held_.clear();
  if (!stopped_ && random_.chance(0.3)) act();
}

std::uint64_t live(std::uint64_t seed) {
  crew c(seed);
  c.world.run_for(seconds(2));
  EXPECT_FALSE(c.world.stuck());
  for (auto& w : c.workers) w->stop();
  EXPECT_TRUE(c.world.run_until([&] { return c.received == c.posted; }, seconds(3)));
  std::uint64_t fired = 0;
  for (auto& w : c.workers) fired += w->fired();
  EXPECT_GT(fired, 20u);
  const std::uint64_t hash = c.world.trace().hash();
  std::vector<zc::shard*> shards;
  for (auto& w : c.workers) shards.push_back(&w->on());
  c.workers.clear();
  for (zc::shard* s : shards) c.world.remove_shard(*s);
  EXPECT_EQ(c.limits.used(), 0u) << "blocks that did not come home";
  return hash;
}

TEST(SimShardTest, TimersPostsAndBlocksKeepTheirPromisesWhoeverIsLate) {
  over_seeds(1000, live);
}

// A world in which wake-ups may be lost would not notice: here is one that loses them.
TEST(SimShardTest, ALostWakeUpWouldBeFound) {
  const auto lost = [](std::uint64_t seed) {
    zc::quota limits(16_MiB);
    sim_world world(seed);
    zc::shard& a = world.add_shard(limits);
    zc::shard& b = world.add_shard(limits);
    // Noticed only when the other shard has something else to do.
    std::deque<int> mailbox;
    int got = 0;
    struct sweeper final : zc::timer {
      void on_timer() override {
        *taken += static_cast<int>(box->size());
        box->clear();
        on->arm(*this, seconds(5));
      }
      std::deque<int>* box = nullptr;
      int* taken = nullptr;
      zc::shard* on = nullptr;
    } sweep;
    sweep.box = &mailbox;
    sweep.taken = &got;
    sweep.on = &b;
    b.arm(sweep, seconds(5));
    a.post([&] { mailbox.push_back(1); });
    return !world.run_until([&] { return got == 1; }, seconds(1));
  };
  EXPECT_EQ(seeds_until(10, lost), 1u);
}

}  // namespace
}  // namespace sluice::sim
