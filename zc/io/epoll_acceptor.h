// zc/io/epoll_acceptor.h - a listening socket, TCP or Unix.
#pragma once

#include <cstdint>
#include <sys/types.h>

#include "zc/base/result.h"
#include "zc/io/address.h"
#include "zc/io/epoll_source.h"
#include "zc/io/fd.h"
#include "zc/shard/poller.h"

namespace zc::io {

class epoll_listening final : public epoll_source {
 public:
  epoll_listening(epoll_home& home, fd socket, const endpoint& at, acceptor_events& events);

  endpoint local() const { return local_; }
  bool pause() noexcept;
  bool resume() noexcept;
  void close() noexcept;

 private:
  void on_ready(std::uint32_t events) override;
  void on_due() override;
  bool accept_one();  // returns whether to go on
  void wait_a_while() noexcept;

  acceptor_events& events_;
  endpoint local_;
  dev_t device_ = 0;  // of the socket file, when there is one: only our own is removed
  ino_t inode_ = 0;
  bool paused_ = false;
  bool waiting_ = false;  // for descriptors
};

class epoll_acceptor final : public acceptor {
 public:
  explicit epoll_acceptor(epoll_listening& state) noexcept : state_(state) {}
  ~epoll_acceptor() override { state_.close(); }
  endpoint local() const override { return state_.local(); }
  void pause() override { state_.pause(); }
  void resume() override { state_.resume(); }

 private:
  epoll_listening& state_;
};

// A socket that listens at `at`; `asked` is where the user wanted it. A path that a dead process
// left is taken over.
result<fd> listen_at(const address& at, const endpoint& asked, const socket_options& how);

}  // namespace zc::io
