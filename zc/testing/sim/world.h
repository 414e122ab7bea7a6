// zc/testing/sim/world.h - several shards, a network and a disk in one thread, from one seed.
//
//     world w(seed);
//     shard& server = w.add_shard(limits);      // a real zc::shard on the simulated network
//     shard& client = w.add_shard(limits);
//     ... use them as in a program; posting from one to the other is fine ...
//     EXPECT_TRUE(w.run_until([&] { return answered == 100; }, std::chrono::minutes(5)));
//
// Turns and events happen in the order of simulated time; what happens at one time, in the seed's
// order. A turn takes a few microseconds, and now and then (options::stall) a shard is not
// scheduled for a while, as threads are. Time jumps to whatever is next. A shard sleeps as long as
// its poller was asked to; whenever another shard has done something it has a look, so that posts
// and wake-ups arrive (spurious wake-ups are harmless, lost ones would show as time-outs).
//
// Ownership  Owns shards, network and disk. What users build on a shard goes before the world does.
// Threads    One.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "zc/shard/shard.h"
#include "zc/testing/sim/clock.h"
#include "zc/testing/sim/disk.h"
#include "zc/testing/sim/network.h"
#include "zc/testing/sim/random.h"
#include "zc/testing/sim/schedule.h"
#include "zc/testing/sim/trace.h"

namespace zc::testing {

class sim_world {
 public:
  struct options {
    nanoseconds turn_min = std::chrono::microseconds(1);
    nanoseconds turn_max = std::chrono::microseconds(30);
    double stall = 0;  // per turn: the shard is not scheduled for up to stall_max
    nanoseconds stall_max = std::chrono::milliseconds(50);
    // A run that needs more turns and events than this has stopped making progress.
    std::uint64_t steps_max = 20'000'000;
  };

  explicit sim_world(std::uint64_t seed) : sim_world(seed, options()) {}
  sim_world(std::uint64_t seed, const options& how);
  sim_world(const sim_world&) = delete;
  sim_world& operator=(const sim_world&) = delete;
  ~sim_world();

  std::uint64_t seed() const noexcept { return seed_; }
  sim_clock& time() noexcept { return time_; }
  // A stream for the test's own decisions; the parts of the world have theirs.
  sim_random& random() noexcept { return random_; }
  sim_trace& trace() noexcept { return trace_; }
  sim_schedule& schedule() noexcept { return events_; }
  sim_network& network() noexcept { return network_; }
  sim_disk& disk() noexcept { return disk_; }
  time_point now() noexcept { return time_.now(); }

  // `limits` must outlive the world. The first shard has id 0, unless `each` says otherwise.
  shard& add_shard(quota& limits) { return add_shard(limits, next_options()); }
  shard& add_shard(quota& limits, const shard::options& each);
  // As when its process ends: its connections are closed. What was built on it must be gone.
  void remove_shard(shard& which);

  // Work of a thread that is no shard (a writer on the disk): `step` runs again and again, and
  // returns how long it wants to rest (0: it has done something, and there may be more); what the
  // disk took it to do its work is added.
  using actor = std::move_only_function<nanoseconds()>;
  void add_actor(actor step);

  // The test's own doing at a later time, whatever it touches: every shard has a look after it.
  void later(nanoseconds delay, std::move_only_function<void()> what);

  // Runs until `holds`; false when simulated time is over first, or the run takes too many steps.
  bool run_until(const std::function<bool()>& holds, nanoseconds longest);
  void run_for(nanoseconds t);
  std::uint64_t steps() const noexcept { return steps_; }
  bool stuck() const noexcept { return steps_ >= how_.steps_max; }

 private:
  struct member;

  shard::options next_options() const;
  bool step(time_point until);
  void turn(member& m);
  member* earliest() noexcept;
  void wake_all() noexcept;

  const std::uint64_t seed_;
  const options how_;
  sim_clock time_;
  sim_random random_;
  sim_random order_;
  sim_trace trace_;
  sim_schedule events_;
  sim_network network_;
  sim_disk disk_;
  std::vector<std::unique_ptr<member>> members_;
  std::vector<std::unique_ptr<actor>> actors_;
  std::uint64_t steps_ = 0;
};

}  // namespace zc::testing
