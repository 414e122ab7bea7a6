// zc/net/loopback_for_tests.h - a shard with a real poller, and raw peers on loopback, for the
// tests of this room.
//
// Everything runs on the test's own thread: run_until() turns the loop until something holds.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/units.h"
#include "zc/io/epoll_poller.h"
#include "zc/mem/chain.h"
#include "zc/net/service.h"
#include "zc/shard/shard.h"

namespace zc::net {

inline std::string text_of(const bytes_chain& chain) {
  std::string all;
  for (const bytes& piece : chain) all += piece.text();
  return all;
}

// Bytes that do not repeat soon.
inline std::string noise(std::size_t n, unsigned seed = 1) {
  std::string text(n, '\0');
  std::uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (char& c : text) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    c = static_cast<char>(x >> 32);
  }
  return text;
}

inline endpoint any_port() {
  endpoint at;
  at.host = "127.0.0.1";
  return at;
}

class loop {
 public:
  explicit loop(std::size_t memory = 256_MiB, std::size_t cached = 16_MiB)
      : limits(memory),
        on({.pool_cached_bytes_max = cached}, io::make_epoll_poller(), limits, time) {}

  // Whether `holds` came true within `longest`.
  bool run_until(const std::function<bool()>& holds,
                 std::chrono::milliseconds longest = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + longest;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      on.run_turn(std::chrono::milliseconds(2));
    }
    return true;
  }
  void run_for(std::chrono::milliseconds t) {
    (void)run_until([] { return false; }, t);
  }

  quota limits;
  steady_clock time;
  shard on;
};

// A peer that sends what it is told and keeps what it hears.
class raw_peer final : public stream_events {
 public:
  raw_peer(loop& l, const endpoint& to) {
    auto made = l.on.io().connect(to, {}, *this);
    EXPECT_TRUE(made.has_value());
    stream_ = std::move(*made);
  }
  raw_peer(loop& l, std::unique_ptr<stream> accepted) : stream_(std::move(accepted)) {
    connected = true;
    l.on.io().start(*stream_, *this);
  }

  void send(std::string text) {
    to_send_.append(bytes::from_string(std::move(text)));
    push();
  }
  void stop_reading() { stream_->pause_read(); }
  void read_on() { stream_->resume_read(); }
  void shut() { stream_->shutdown_send(); }
  void reset() {
    stream_->abort_on_close();
    stream_.reset();
  }
  void close() { stream_.reset(); }
  bool all_sent() const { return to_send_.empty(); }
  bool over() const { return ended || failed; }

  std::string heard;
  bool connected = false;
  bool ended = false;
  bool failed = false;

 private:
  void push() {
    while (stream_ != nullptr && connected && !pending_ && !failed && !to_send_.empty()) {
      const std::size_t used = to_send_.gather(0, slices_);
      const auto taken = stream_->send({slices_.data(), used});
      if (!taken) {
        to_send_.clear();
        return;
      }
      if (*taken == 0) {
        pending_ = true;
        return;
      }
      to_send_.consume(*taken);
    }
  }
  std::span<std::byte> receive_room() override { return room_; }
  void on_received(std::size_t n) override {
    heard.append(reinterpret_cast<const char*>(room_.data()), n);
  }
  void on_end() override { ended = true; }
  void on_failed(const error&) override { failed = true; }
  void on_connected() override {
    connected = true;
    push();
  }
  void on_sent(std::size_t n) override {
    pending_ = false;
    to_send_.consume(n);
    push();
  }

  std::unique_ptr<stream> stream_;
  bytes_chain to_send_;
  std::array<io_slice, 64> slices_;
  bool pending_ = false;
  std::vector<std::byte> room_ = std::vector<std::byte>(64_KiB);
};

// A listener whose connections the test answers by hand.
class raw_server final : public acceptor_events {
 public:
  explicit raw_server(loop& l) : loop_(&l) {
    auto made = l.on.io().listen(any_port(), {}, *this);
    EXPECT_TRUE(made.has_value());
    acceptor_ = std::move(*made);
  }
  endpoint at() const { return acceptor_->local(); }
  void stop() { acceptor_.reset(); }
  std::vector<std::unique_ptr<raw_peer>> peers;

 private:
  void on_accepted(std::unique_ptr<stream> connection) override {
    peers.push_back(std::make_unique<raw_peer>(*loop_, std::move(connection)));
  }
  loop* loop_;
  std::unique_ptr<acceptor> acceptor_;
};

// Answers with the body it got, at once or when told; can refuse heads.
class echo_service final : public service {
 public:
  std::optional<grpc::status> admit(request_head& head) override {
    admitted += 1;
    if (refuse) return refuse(head);
    return std::nullopt;
  }
  void serve(std::unique_ptr<exchange> request, bytes_chain body) override {
    served += 1;
    last_head = request->head();
    last_size = body.size();
    last_pieces = body.pieces();
    if (hold) {
      held.emplace_back(std::move(request), std::move(body));
    } else {
      answer(*request, std::move(body));
    }
  }
  void answer_held() {
    auto all = std::move(held);
    held.clear();
    for (auto& [request, body] : all) answer(*request, std::move(body));
  }
  static void answer(exchange& request, bytes_chain&& body) {
    reply r;
    r.content_type = "application/x-protobuf";
    r.body = std::move(body);
    request.answer(std::move(r));
  }

  std::function<std::optional<grpc::status>(request_head&)> refuse;
  bool hold = false;
  int admitted = 0;
  int served = 0;
  request_head last_head;
  std::size_t last_size = 0;
  std::size_t last_pieces = 0;
  std::vector<std::pair<std::unique_ptr<exchange>, bytes_chain>> held;
};

inline std::string post(std::string_view body, std::string_view lines = "",
                        std::string_view path = "/v1/logs") {
  std::string text = "POST " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n";
  text += "Content-Type: application/x-protobuf\r\n" + std::string(lines);
  text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return text.append(body);
}

inline std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size())
    ++n;
  return n;
}

}  // namespace zc::net
