// zc/io/epoll_for_tests.h - both ends of real loopback connections on one poller. For tests of this
// room only.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/io/address.h"
#include "zc/io/epoll_poller.h"
#include "zc/io/fd.h"
#include "zc/io/parties_for_tests.h"
#include "zc/shard/poller.h"

namespace zc::io::for_tests {

using std::chrono::milliseconds;
using std::chrono::seconds;

class sockets : public ::testing::Test {
 protected:
  sockets() { server_.poll = poll_.get(); }

  void listen(const char* at = "127.0.0.1:0", const socket_options& how = {}) {
    auto made = poll_->listen(*endpoint::parse(at), how, server_);
    ASSERT_TRUE(made) << made.error().reason;
    server_.io = std::move(*made);
  }
  void connect(party& p) {
    auto made = poll_->connect(server_.io->local(), {}, p);
    ASSERT_TRUE(made) << made.error().reason;
    p.io = std::move(*made);
  }
  // A connected pair: client_ and server_.parties.back().
  party& connected() {
    if (!server_.io) listen();
    const std::size_t before = server_.parties.size();
    connect(client_);
    EXPECT_TRUE(until([&] { return server_.parties.size() > before && client_.connects == 1; }));
    return *server_.parties.back();
  }
  bool until(const std::function<bool()>& done, seconds limit = seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      poll_->poll(milliseconds(20));
    }
    return true;
  }
  // How many events come while nothing should happen.
  std::size_t events_within(milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    std::size_t events = 0;
    while (std::chrono::steady_clock::now() < end) events += poll_->poll(milliseconds(5));
    return events;
  }
  // A plain blocking socket connected to the listener.
  fd raw() {
    const auto places = resolve(server_.io->local(), purpose::connecting);
    fd made(::socket(places->front().family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(made.get(), places->front().get(), places->front().size()), 0);
    return made;
  }
  static void reset(fd& socket) {
    const linger at_once{1, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    socket.reset();
  }
  std::unique_ptr<poller> poll_ = make_epoll_poller();
  listener server_;
  party client_;
};

}  // namespace zc::io::for_tests
