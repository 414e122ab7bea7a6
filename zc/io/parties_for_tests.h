// zc/io/parties_for_tests.h - who talks over a connection, and who takes one: users of streams and
// acceptors that write down what happens to them. For tests of this room only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/result.h"
#include "zc/shard/poller.h"
#include "zc/testing/seed.h"

namespace zc::io::for_tests {

// Reads into its own buffer, sends what it is given, notes what happens.
struct party final : stream_events {
  std::span<std::byte> receive_room() override {
    rooms += 1;
    if (on_room) on_room();
    return std::span(buffer).first(room_size);
  }
  void on_received(std::size_t n) override {
    received.append(reinterpret_cast<const char*>(buffer.data()), n);
    if (on_data) on_data();
  }
  void on_end() override {
    ends += 1;
    if (on_finish) on_finish();
  }
  void on_sent(std::size_t n) override {
    EXPECT_GT(n, 0u);
    sent += n;
    completed += 1;
    if (on_progress) return on_progress();
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
      for (std::size_t step = 1; at < outgoing.size() && slices.size() < 1024;
           step = step * 7 + 3) {
        const std::size_t size = std::min({step, std::size_t{65536}, outgoing.size() - at});
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
    if (std::exchange(end_after, false)) io->shutdown_send();
  }

  std::unique_ptr<stream> io;
  std::vector<std::byte> buffer = std::vector<std::byte>(256 * 1024);
  std::size_t room_size = 256 * 1024;
  std::string received;
  std::string outgoing;
  std::size_t sent = 0;
  std::vector<io_slice> slices;
  bool end_after = false;
  int rooms = 0, ends = 0, failures = 0, connects = 0, completed = 0, send_errors = 0;
  error failure;
  std::function<void()> on_room, on_data, on_finish, on_failure, on_connect, on_progress;
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

inline std::string random_text(std::size_t size) {
  std::mt19937_64 random(testing::seed());
  std::string text(size, '\0');
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(text.data() + i, &word, 8);
  }
  return text;
}

}  // namespace zc::io::for_tests
