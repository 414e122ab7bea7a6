// zc/io/epoll_stream.h - one connection on a plain socket: reading, sending, connecting, failing.
//
// The user holds an epoll_stream; what epoll may still name when that is gone is the connection
// behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "zc/base/result.h"
#include "zc/io/address.h"
#include "zc/io/epoll_source.h"
#include "zc/io/name_lookup.h"
#include "zc/shard/poller.h"

namespace zc::io {

class epoll_connection final : public epoll_source, private lookup_desk::waiter {
 public:
  explicit epoll_connection(epoll_home& home) { home.enlist(*this); }

  void adopt(fd socket, const address& peer) noexcept {  // accepted
    socket_ = std::move(socket);
    peer_ = peer;
  }
  result<void> connect(std::vector<address> places, const socket_options& how,
                       stream_events& events);
  // The same for a name: the addresses come from `names` later.
  void connect(const endpoint& to, const socket_options& how, stream_events& events,
               lookup_desk& names);
  void start(stream_events& events);

  result<std::size_t> send(std::span<const io_slice> slices);
  void shutdown_send();
  void resume_read();
  void pause_read();
  void abort_on_close() noexcept { abort_ = true; }
  std::string peer() const { return names_ != nullptr ? name_.text() : peer_.text(); }
  std::size_t unsent() const noexcept;
  void close() noexcept;

 private:
  void on_ready(std::uint32_t events) override;
  void on_due() override;

  void on_resolved(result<std::vector<address>>&& found) override;
  void ask_for_name();
  result<void> try_connect();
  void finish_connect();
  void read_some(std::uint32_t events);
  bool read_once(std::uint32_t events);  // returns whether to go on
  void write_pending();
  void look_for_error();
  void read_last_words();
  void settle(std::uint32_t events);
  void fail_now(const error& why);
  void fail_later(const error& why);
  void maybe_shut_down();

  bool reading() const noexcept { return !paused_ && !read_ended_ && events_ != nullptr; }
  std::uint32_t wanted() const noexcept;

  stream_events* events_ = nullptr;
  std::span<const io_slice> pending_;  // what a send() that returned 0 left with us
  address peer_;
  bool connecting_ = false;
  bool paused_ = false;
  bool read_ended_ = false;
  bool failed_ = false;
  bool abort_ = false;
  bool shut_wanted_ = false;
  bool shut_ = false;
  bool in_callback_ = false;  // settle() follows; changes of interest can wait for it
  error why_failed_;          // when fail_later() was called
  // While a name is looked up. The ticket is empty when the pool was full: asked again later.
  lookup_desk* names_ = nullptr;
  endpoint name_;
  lookup_desk::ticket lookup_;
  std::vector<address> places_;
  std::size_t next_place_ = 0;
  socket_options how_;
};

class epoll_stream final : public stream {
 public:
  explicit epoll_stream(epoll_home& home) : state_(*new epoll_connection(home)) {}
  ~epoll_stream() override { state_.close(); }
  epoll_connection& state() noexcept { return state_; }

  result<std::size_t> send(std::span<const io_slice> slices) override {
    return state_.send(slices);
  }
  void shutdown_send() override { state_.shutdown_send(); }
  void resume_read() override { state_.resume_read(); }
  void pause_read() override { state_.pause_read(); }
  void abort_on_close() override { state_.abort_on_close(); }
  std::string peer() const override { return state_.peer(); }
  std::size_t unsent() const override { return state_.unsent(); }

 private:
  epoll_connection& state_;
};

}  // namespace zc::io
