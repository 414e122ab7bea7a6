// zc/testing/sim/link.h - one connection of the simulated network: two ends, two directions, and
// what befalls it on the way. For this room only.
//
// Ownership  Whoever holds an end, and whatever is scheduled for it, keep the link; the ends
//            themselves are only pointed to, and take themselves out when they close.
// Threads    One.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "zc/shard/poller.h"
#include "zc/testing/sim/network_core.h"

namespace zc::testing {

class sim_socket;

// One direction. `data` holds, from `head` on, what has arrived, then what flies, then what has not
// left yet.
struct sim_pipe {
  struct segment {
    time_point due;
    std::size_t size;  // 0: the end, or a reset
    int reset;         // the error number the receiver learns
  };

  std::vector<std::byte> data;
  std::size_t head = 0;
  std::size_t arrived = 0;
  std::size_t flying = 0;
  std::size_t unsent = 0;
  std::size_t send_max = 0;
  std::size_t receive_max = 0;
  double bytes_per_second = 0;
  nanoseconds latency{0};
  time_point line_free{};
  time_point last_arrival{};
  std::deque<segment> flight;
  std::uint64_t delivered = 0;
  std::uint64_t break_at = UINT64_MAX;
  bool fin_wanted = false;
  bool fin_sent = false;
  bool fin_arrived = false;
  bool dead = false;  // nothing leaves any more

  std::size_t space() const noexcept {
    const std::size_t held = flying + unsent;
    return dead || fin_wanted || held >= send_max ? 0 : send_max - held;
  }
  void put(std::span<const io_slice> from, std::size_t n);
  void take(std::span<std::byte> to);
  // Drops what has not arrived, but for the first `keep` segments.
  void lose_flight(std::size_t keep);
};

// A connection: two ends, two directions. way[0] leads from the client (end 0) to the server.
struct sim_link : std::enable_shared_from_this<sim_link> {
  sim_link(std::shared_ptr<network_core> in, std::uint64_t number, const endpoint& to,
           const endpoint& from)
      : net(std::move(in)), id(number), server(to), client(from), random(net->random.fork(id)) {
    net->links.emplace(id, this);
  }
  ~sim_link() { net->links.erase(id); }

  void draw();  // what this link is like, from the profile of now

  // Sends what the window allows. A vanished link takes and never delivers.
  void pump(unsigned from);
  void fly(unsigned from, std::size_t size, int reset);
  void deliver(unsigned from);  // what is due
  void arrive(unsigned from, const sim_pipe::segment& s);
  void notify(unsigned side);
  void told(unsigned side, int number);

  // A reset on its way to `side`, behind what flies there already.
  void send_reset(unsigned side, int number);
  // Both ends learn of it, each in its own time; of what flies a part never arrives, or all.
  void break_now(int number, bool at_once = false);
  void vanish();
  // The kernel's patience with a silent peer.
  void give_up_later();
  bool silent() const { return vanished || held_up; }
  void hold_up() {
    held_up = true;
    give_up_later();
  }
  void go_on();

  std::shared_ptr<network_core> net;
  const std::uint64_t id;
  const endpoint server;
  const endpoint client;
  sim_random random;
  std::array<sim_pipe, 2> way;
  std::array<sim_socket*, 2> end{};  // null: closed, or not made yet
  bool vanished = false;
  bool held_up = false;  // by script
  bool giving_up = false;
};

}  // namespace zc::testing
