// zc/testing/sim/door.h - a listening place of the simulated network: its backlog, and who knocks.
// For this room only.
//
// Ownership  The acceptor holds the sim_door; the sim_door holds what nobody has accepted yet.
// Bounds     The backlog, as the options of listen() say.
// Threads    One.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "zc/shard/poller.h"
#include "zc/testing/sim/link.h"
#include "zc/testing/sim/network_poller.h"
#include "zc/testing/sim/socket.h"

namespace zc::testing {

class sim_door final : public sim_pollee {
 public:
  sim_door(const endpoint& at, const socket_options& how, acceptor_events& events)
      : at_(at), how_(how), events_(events) {}

  void open(sim_network_poller& home) {
    enlist(home);
    net_ = home.net();
    net_->doors.push_back(this);
  }
  const endpoint& at() const noexcept { return at_; }
  const socket_options& how() const noexcept { return how_; }
  bool full() const noexcept { return backlog_.size() >= static_cast<std::size_t>(how_.backlog); }
  void offer(std::shared_ptr<sim_socket> s);
  sim_network_poller& home() noexcept { return *home_; }
  void pause() { paused_ = true; }
  void resume() {
    paused_ = false;
    look();
  }
  void close();

 private:
  bool wants_turn() const override {
    return !closed_ && !paused_ && !waiting_ && !backlog_.empty();
  }
  std::size_t take_turn() override;
  void home_is_gone() override { close(); }

  const endpoint at_;
  const socket_options how_;
  acceptor_events& events_;
  std::shared_ptr<network_core> net_;
  std::deque<std::shared_ptr<sim_socket>> backlog_;  // at most how_.backlog
  bool paused_ = false;
  bool waiting_ = false;
  bool closed_ = false;
};

class sim_acceptor final : public acceptor {
 public:
  explicit sim_acceptor(std::shared_ptr<sim_door> state) : state_(std::move(state)) {}
  ~sim_acceptor() override { state_->close(); }
  endpoint local() const override { return state_->at(); }
  void pause() override { state_->pause(); }
  void resume() override { state_->resume(); }

 private:
  std::shared_ptr<sim_door> state_;
};

// A connection attempt arrives where it wants to: a door takes it, or it is refused, or it is tried
// again after `wait`, until it has been `tried` for too long.
void knock(const std::shared_ptr<sim_link>& on, nanoseconds tried, nanoseconds wait);

}  // namespace zc::testing
