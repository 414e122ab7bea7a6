// zc/io/epoll_for_tests.h - both ends of real loopback connections on one poller. For tests of this
// room only.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <random>
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
#include "zc/testing/seed.h"

namespace zc::io::for_tests {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Reads into its own buffer, sends what it is given, notes what happens.
struct party final : stream_events {
  std::span<std::byte> receive_room() override {
    rooms += 1;
    if (on_room) on_room();
    return std::span(buffer).first(room_size);
  }
  void on_received(std::size_t n) override {
    if (keep) received.append(reinterpret_cast<const char*>(buffer.data()), n);
    received_bytes += n;
    if (on_data) on_data();
  }
  void on_end() override {
    ends += 1;
    if (on_finish) on_finish();
  }
  void on_sent(std::size_t n) override {
    sent += n;
    sends_completed += 1;
    pump();
  }
  void on_failed(const error& why) override {
    failures += 1;
    failure = why;
    if (on_failure) on_failure();
  }
  void on_connected() override {
    connects += 1;
    if (on_connect) on_connect();
  }

  // Sends the rest of `outgoing`, in slices of odd sizes.
  void pump() {
    while (sent < outgoing.size()) {
      slices.clear();
      std::size_t at = sent;
      for (std::size_t step = 1; at < outgoing.size() && slices.size() < slices_max;
           step = step * 7 + 3) {
        const std::size_t size = std::min({step, slice_max, outgoing.size() - at});
        slices.push_back({outgoing.data() + at, size});
        at += size;
      }
      const auto went = io->send(slices);
      if (!went) {
        send_errors += 1;
        return;
      }
      if (*went == 0) return;  // on_sent() goes on
      sent += *went;
    }
    if (end_after) {
      end_after = false;
      io->shutdown_send();
    }
  }

  std::unique_ptr<stream> io;
  std::vector<std::byte> buffer = std::vector<std::byte>(256 * 1024);
  std::size_t room_size = 256 * 1024;
  std::string received;
  std::size_t received_bytes = 0;
  bool keep = true;
  std::string outgoing;
  std::size_t sent = 0;
  std::size_t slices_max = 1024;
  std::size_t slice_max = 65536;
  std::vector<io_slice> slices;
  bool end_after = false;
  int rooms = 0, ends = 0, failures = 0, connects = 0, sends_completed = 0, send_errors = 0;
  error failure;
  std::function<void()> on_room, on_data, on_finish, on_failure, on_connect;
};

struct listener final : acceptor_events {
  void on_accepted(std::unique_ptr<stream> connection) override {
    accepted += 1;
    if (refuse) return;
    parties.push_back(std::make_unique<party>());
    party& p = *parties.back();
    p.io = std::move(connection);
    if (prepare) prepare(p);
    poll->start(*p.io, p);
    if (after) after();
  }
  poller* poll = nullptr;
  std::unique_ptr<acceptor> io;
  std::vector<std::unique_ptr<party>> parties;
  std::function<void(party&)> prepare;
  std::function<void()> after;
  int accepted = 0;
  bool refuse = false;
};

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
  std::string random_text(std::size_t size) {
    std::mt19937_64 random(testing::seed());
    std::string text(size, '\0');
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      const std::uint64_t word = random();
      std::memcpy(text.data() + i, &word, 8);
    }
    return text;
  }

  std::unique_ptr<poller> poll_ = make_epoll_poller();
  listener server_;
  party client_;
};

}  // namespace zc::io::for_tests
