// zc/testing/sim/network_core.h - what all pollers of a simulated network share, and how its places
// and failures are told apart. For this room only.
//
// Ownership  Kept by the pollers, the links and whatever is scheduled; the network itself may go
//            before them. Points to doors and links, which take themselves out.
// Threads    One.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "zc/base/result.h"
#include "zc/shard/poller.h"
#include "zc/testing/sim/clock.h"
#include "zc/testing/sim/network.h"
#include "zc/testing/sim/random.h"
#include "zc/testing/sim/schedule.h"
#include "zc/testing/sim/trace.h"

namespace zc::testing {

class sim_door;
struct sim_link;

inline constexpr std::uint16_t first_port = 32768;  // of those that are given out

error failure(int number) noexcept;  // as a socket would tell it

bool any_host(const std::string& host);
bool same_place(const endpoint& a, const endpoint& b);
result<endpoint> resolved(const endpoint& what);
result<void> known(const socket_options& how);  // whether there is such a congestion control

struct sim_network::core {
  core(sim_clock& t, sim_schedule& e, sim_random r, sim_trace& tr)
      : time(t), events(e), random(r), trace(tr) {}

  struct bomb {
    endpoint at;
    towards side;
    std::size_t bytes;
  };

  sim_clock& time;
  sim_schedule& events;
  sim_random random;
  sim_trace& trace;
  network_profile how;
  statistics counts;
  std::vector<sim_door*> doors;  // by the order of listening
  std::map<std::uint64_t, sim_link*> links;
  std::vector<endpoint> cuts;
  std::vector<bomb> bombs;
  std::uint64_t next_link = 1;
  std::uint16_t next_port = first_port;

  bool is_cut(const endpoint& at) const {
    return std::ranges::any_of(cuts, [&](const endpoint& c) { return same_place(c, at); });
  }
  // Round robin: a port that was in use a moment ago is nobody's.
  std::uint16_t port() noexcept {
    const std::uint16_t given = next_port;
    next_port = next_port == UINT16_MAX ? first_port : static_cast<std::uint16_t>(next_port + 1);
    return given;
  }
};

using network_core = sim_network::core;

}  // namespace zc::testing
