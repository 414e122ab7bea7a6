// zc/testing/sim/socket.h - one end of a simulated connection: what the user's stream is, and what
// the kernel's socket would be behind it. For this room only.
//
// Ownership  The stream holds the socket; so does a sim_door while nobody has accepted it.
// Threads    One. Callbacks come from poll() only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "zc/base/check.h"
#include "zc/base/result.h"
#include "zc/shard/poller.h"
#include "zc/testing/sim/link.h"
#include "zc/testing/sim/network_poller.h"

namespace zc::testing {

class sim_socket final : public sim_pollee {
 public:
  sim_socket(std::shared_ptr<sim_link> on, unsigned side) : on_(std::move(on)), side_(side) {
    on_->end[side_] = this;
  }

  void begin(sim_network_poller& home, stream_events& events) {  // connecting
    enlist(home);
    events_ = &events;
    connecting_ = true;
  }
  void adopt(sim_network_poller& home) { enlist(home); }  // accepted
  void start(stream_events& events) {
    ZC_REQUIRES(events_ == nullptr, "start() must be called once");
    events_ = &events;
    look();
  }
  void connected(int number) {  // how connecting ended
    if (closed_ || connect_known_) return;
    connect_known_ = true;
    connect_error_ = number;
    look();
  }
  void broken(int number) {
    if (broken_ == 0) broken_ = number;
    look();
  }
  void fail_later(int number) {
    if (failed_) return;
    failed_ = true;
    pending_ = {};
    due_ = number;
    look();
  }
  void nudge() { look(); }

  result<std::size_t> send(std::span<const io_slice> slices);
  void shutdown_send() {
    if (closed_ || failed_ || home_ == nullptr) return;
    shut_wanted_ = true;
    maybe_shut_down();
  }
  void resume_read() {
    paused_ = false;
    look();
  }
  void pause_read() { paused_ = true; }
  void abort_on_close() { abort_ = true; }
  std::string peer() const { return (side_ == 0 ? on_->server : on_->client).text(); }
  std::size_t unsent() const { return out().flying + out().unsent; }
  void close();

 private:
  bool wants_turn() const override;
  std::size_t take_turn() override;
  void home_is_gone() override { close(); }

  sim_pipe& out() const { return on_->way[side_]; }
  sim_pipe& in() const { return on_->way[1 - side_]; }
  network_core& net() const { return *on_->net; }
  bool alive() const { return !closed_ && home_ != nullptr; }
  bool reading() const { return !paused_ && !read_ended_ && events_ != nullptr; }

  void finish_connect();
  void read_some();
  bool read_once();
  std::span<std::byte> room_for_read();
  void read_last_words();
  std::size_t put(std::span<const io_slice> slices);
  void write_pending();
  void fail_now(int number);
  void maybe_shut_down();

  std::shared_ptr<sim_link> on_;
  const unsigned side_;
  stream_events* events_ = nullptr;
  std::span<const io_slice> pending_;
  std::size_t calls_ = 0;  // callbacks of this turn
  int connect_error_ = 0;
  int broken_ = 0;  // what the network told
  int due_ = 0;     // a failure to be told in the next poll()
  bool connecting_ = false;
  bool connect_known_ = false;
  bool paused_ = false;
  bool read_ended_ = false;
  bool failed_ = false;
  bool abort_ = false;
  bool shut_wanted_ = false;
  bool shut_ = false;
  bool closed_ = false;
};

class sim_stream final : public stream {
 public:
  explicit sim_stream(std::shared_ptr<sim_socket> state) : state_(std::move(state)) {}
  ~sim_stream() override { state_->close(); }
  sim_socket& state() noexcept { return *state_; }

  result<std::size_t> send(std::span<const io_slice> slices) override {
    return state_->send(slices);
  }
  void shutdown_send() override { state_->shutdown_send(); }
  void resume_read() override { state_->resume_read(); }
  void pause_read() override { state_->pause_read(); }
  void abort_on_close() override { state_->abort_on_close(); }
  std::string peer() const override { return state_->peer(); }
  std::size_t unsent() const override { return state_->unsent(); }

 private:
  std::shared_ptr<sim_socket> state_;
};

}  // namespace zc::testing
