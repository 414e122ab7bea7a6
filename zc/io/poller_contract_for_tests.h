// zc/io/poller_contract_for_tests.h - every poller that there is, each with its own time: the one
// on sockets and the simulated one, quiet and with links that are slow, small and cut everything
// anywhere. For the tests that hold all of them to one contract.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "zc/base/units.h"
#include "zc/io/epoll_poller.h"
#include "zc/io/parties_for_tests.h"
#include "zc/shard/clock.h"
#include "zc/shard/poller.h"
#include "zc/testing/sim/network.h"

namespace zc::io::for_tests {

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

struct variant {
  const char* name;
  std::uint64_t seed;  // 0: sockets
  bool slow;
};

class any_poller : public ::testing::TestWithParam<variant> {
 protected:
  any_poller() {
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
    for (int i = 0; i < 1'000; ++i) {
      if (events_within(milliseconds(60)) == 0) return;
    }
    ADD_FAILURE() << "something happens for ever";
  }
  static void reset(party& p) {
    p.io->abort_on_close();
    p.io.reset();
  }
  std::unique_ptr<lab> lab_;
  listener server_;
  party client_;
};

inline std::string name_of(const ::testing::TestParamInfo<variant>& of) {
  return of.param.name;
}
inline auto all_pollers() {
  return ::testing::Values(variant{"epoll", 0, false}, variant{"sim", 1, false},
                           variant{"sim_slow_1", 11, true}, variant{"sim_slow_2", 12, true},
                           variant{"sim_slow_3", 13, true}, variant{"sim_slow_4", 14, true},
                           variant{"sim_slow_5", 15, true}, variant{"sim_slow_6", 16, true},
                           variant{"sim_slow_7", 17, true}, variant{"sim_slow_8", 18, true});
}
inline auto quiet_pollers() {
  return ::testing::Values(variant{"epoll", 0, false}, variant{"sim", 1, false});
}

}  // namespace zc::io::for_tests
