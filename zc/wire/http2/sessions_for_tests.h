// zc/wire/http2/sessions_for_tests.h - both ends of a connection with users that write down what
// happens to them: our client, and nghttp2's server behind http2::session. For tests of this room.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/wire/http2/client_session.h"
#include "zc/wire/http2/frames_for_tests.h"
#include "zc/wire/http2/session.h"

namespace zc::http2::for_tests {

inline std::string pattern(std::size_t n, std::size_t seed = 0) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>(i * 31 + i / 251 + seed * 7);
  return text;
}

inline content message(bytes_chain body, std::span<const field> trailers = {}) {
  content c;
  c.prefix = {std::byte{0}, static_cast<std::byte>(body.size() >> 24),
              static_cast<std::byte>(body.size() >> 16), static_cast<std::byte>(body.size() >> 8),
              static_cast<std::byte>(body.size())};
  c.prefix_size = 5;
  c.body = std::move(body);
  c.trailers = trailers;
  return c;
}

inline constexpr std::array<field, 5> common{{{":method", "POST", true},
                                              {":scheme", "http", true},
                                              {":authority", "test", true},
                                              {"content-type", "application/grpc", true},
                                              {"te", "trailers", true}}};
inline constexpr std::array<field, 2> ok_head{
    {{":status", "200", true}, {"content-type", "application/grpc", true}}};
inline constexpr std::array<field, 1> ok_trailers{{{"grpc-status", "0", true}}};

// A stream of either kind that writes down what happens to it.
template <class Stream>
class recorder : public Stream {
 public:
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<head_end> heads;
  bytes_chain data;
  std::size_t sent = 0;
  bool ended = false;
  bool closed = false;
  error_code why = error_code::no_error;
  std::string order;  // h d e c
  std::function<void()> then_head, then_data, then_end, then_sent, then_closed;

  std::string value(std::string_view name) const {
    for (const auto& [n, v] : fields) {
      if (n == name) return v;
    }
    return "(none)";
  }

 private:
  void on_field(token, std::string_view name, std::string_view value) override {
    fields.emplace_back(name, value);
  }
  void on_head(head_end how) override {
    heads.push_back(how);
    order += 'h';
    if (then_head) then_head();
  }
  void on_data(bytes piece) override {
    if (order.empty() || order.back() != 'd') order += 'd';
    data.append(std::move(piece));
    if (then_data) then_data();
  }
  void on_end() override {
    ended = true;
    order += 'e';
    if (then_end) then_end();
  }
  void on_sent(std::size_t n) override {
    sent += n;
    if (then_sent) then_sent();
  }
  void on_closed(error_code code) override {
    closed = true;
    why = code;
    order += 'c';
    if (then_closed) then_closed();
  }
};

class served final : public recorder<stream> {};

class asked final : public recorder<client_stream> {
 public:
  std::string path = "/a.B/C";

 private:
  void write_head(head_encoder& to) override {
    to.put({":path", path, true});
    to.put_common();
  }
};

class client_side final : public session_events {
 public:
  explicit client_side(const limits& l = {}) : s(l, *this, common) {}
  void on_settings() override { settings += 1; }
  void on_goaway(std::int32_t last, error_code why) override { goaways.emplace_back(last, why); }
  void on_ping_ack() override { pings += 1; }

  asked& ask(bytes_chain body) {
    streams.push_back(std::make_unique<asked>());
    EXPECT_TRUE(s.request(*streams.back(), message(std::move(body))));
    return *streams.back();
  }

  std::deque<std::unique_ptr<asked>> streams;  // outlive the session below
  std::vector<std::pair<std::int32_t, error_code>> goaways;
  int settings = 0;
  int pings = 0;
  client_session s;
};

// What the server does when a request's head, or all of it, has come.
class server_side final : public session_events {
 public:
  explicit server_side(const limits& l = {}) : s(l, *this) {}
  stream* on_request() override {
    if (refuse) return nullptr;
    streams.push_back(std::make_unique<served>());
    served& made = *streams.back();
    if (then) made.then_end = [act = then, &made] { act(made); };
    if (then_head) made.then_head = [act = then_head, &made] { act(made); };
    return &made;
  }
  void on_ping_ack() override { pings += 1; }
  void on_goaway(std::int32_t, error_code why) override { goaways.push_back(why); }

  std::deque<std::unique_ptr<served>> streams;  // outlive the session below
  std::function<void(served&)> then, then_head;
  std::vector<error_code> goaways;
  int pings = 0;
  bool refuse = false;
  session s;
};

// Server and client, joined.
class session_pair : public ::testing::Test {
 public:
  explicit session_pair(const limits& s = {}, const limits& c = {}) : server(s), client(c) {}

  template <class Side>
  static std::string take(Side& from, std::size_t high_water = 1_MiB) {
    bytes_chain out;
    from.s.collect(out, high_water);
    return as_text(out);
  }
  void to_server(std::string text) {
    if (text.empty()) return;
    ASSERT_TRUE(server.s.feed(bytes_of(std::move(text)), now));
  }
  void to_client(std::string text) {
    if (text.empty()) return;
    ASSERT_TRUE(client.s.feed(bytes_of(std::move(text)), now));
  }
  // Until nobody has anything to say.
  void talk() {
    for (;;) {
      std::string up = take(client);
      std::string down = take(server);
      if (up.empty() && down.empty()) return;
      to_server(std::move(up));
      to_client(std::move(down));
    }
  }
  void answer_all() {
    server.then = [this](served& r) {
      server.s.respond(r, ok_head, message(bytes_of("answer"), ok_trailers));
    };
  }
  served& at_server(std::size_t i = 0) { return *server.streams.at(i); }

  std::chrono::nanoseconds now{1'000'000};
  server_side server;
  client_side client;
};

}  // namespace zc::http2::for_tests
