// zc/testing/sim/network_poller.h - the simulated network's poller, and what it reports on. For
// this room only.
//
// Whoever has something to tell is queued once; poll() takes the queue in the order of chance.
//
// Ownership  The poller only points to what it reports on, but for what is queued. Both may go
//            first: each takes itself out of the other.
// Threads    One, but for wake().
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "zc/base/check.h"
#include "zc/testing/sim/network.h"
#include "zc/testing/sim/network_core.h"

namespace zc::testing {

class sim_network_poller;

// What a poller reports on.
class sim_pollee : public std::enable_shared_from_this<sim_pollee> {
 public:
  sim_pollee() = default;
  sim_pollee(const sim_pollee&) = delete;
  sim_pollee& operator=(const sim_pollee&) = delete;
  virtual ~sim_pollee() = default;

 protected:
  friend class sim_network_poller;
  virtual bool wants_turn() const = 0;  // level-triggered
  virtual std::size_t take_turn() = 0;  // how many callbacks were made
  virtual void home_is_gone() = 0;

  void look();  // into the poller's list, if there is something to do
  void enlist(sim_network_poller& home);
  void leave() noexcept;

  sim_network_poller* home_ = nullptr;

 private:
  std::size_t place_ = 0;  // in the poller's list of all
  bool queued_ = false;
};

class sim_network_poller final : public sim_poller {
 public:
  sim_network_poller(std::shared_ptr<network_core> in, sim_network::driver by)
      : net_(std::move(in)), by_(by), random_(net_->random.fork(net_->random.next())) {}
  ~sim_network_poller() override {
    ZC_REQUIRES(!polling_, "a poller must not be destroyed from inside its poll()");
    while (!all_.empty()) {
      sim_pollee* last = all_.back();
      last->leave();
      last->home_is_gone();
    }
  }

  result<std::unique_ptr<acceptor>> listen(const endpoint& at, const socket_options& how,
                                           acceptor_events& events) override;
  result<std::unique_ptr<stream>> connect(const endpoint& to, const socket_options& how,
                                          stream_events& events) override;
  void start(stream& accepted, stream_events& events) override;
  std::size_t poll(nanoseconds longest) override;
  void wake() noexcept override {
    woken_.store(true);
    if (call_) call_();
  }
  const char* name() const noexcept override { return "sim"; }

  bool ready() const noexcept override { return woken_.load() || !ready_.empty(); }
  nanoseconds asked() const noexcept override { return asked_; }
  void on_ready(std::move_only_function<void()> call) override { call_ = std::move(call); }

  const std::shared_ptr<network_core>& net() const noexcept { return net_; }
  void queue(std::shared_ptr<sim_pollee> who) {
    ready_.push_back(std::move(who));
    if (!polling_ && call_) call_();
  }

 private:
  friend class sim_pollee;
  std::size_t run_ready();

  std::shared_ptr<network_core> net_;
  const sim_network::driver by_;
  sim_random random_;
  std::vector<sim_pollee*> all_;
  std::vector<std::shared_ptr<sim_pollee>> ready_;  // each once
  std::move_only_function<void()> call_;
  nanoseconds asked_{0};
  std::atomic<bool> woken_{false};
  bool polling_ = false;
};

}  // namespace zc::testing
