// zc/net/grpc_script_for_tests.h - a gRPC server that does what a test says, however wrong: an
// http2::session on a bare link, for the client to meet. For tests of this room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zc/net/grpc_client_for_tests.h"
#include "zc/net/link.h"
#include "zc/wire/http2/session.h"

namespace zc::net {

using http2::field;

class script;

class scripted_stream final : public http2::stream {
 public:
  explicit scripted_stream(script& s) : home(s) {}
  script& home;
  std::size_t received = 0;
  bool closed = false;
  http2::error_code why = http2::error_code::no_error;

 private:
  void on_field(http2::token, std::string_view, std::string_view) override {}
  void on_head(http2::head_end) override;
  void on_data(bytes piece) override { received += piece.size(); }
  void on_end() override;
  void on_closed(http2::error_code code) override {
    closed = true;
    why = code;
  }
};

class script final : public link, private http2::session_events {
 public:
  script(shard& on, std::unique_ptr<stream> s, const http2::limits& bounds = {})
      : link(on), http(bounds, *this) {
    attach(std::move(s));
    on.io().start(socket(), *this);
    send_later();
  }
  ~script() {
    for (auto& s : streams) http.forget(*s);
  }
  void push() { send_later(); }

  std::function<void(scripted_stream&)> on_request_head;
  std::function<void(scripted_stream&)> on_request_end;
  std::vector<std::unique_ptr<scripted_stream>> streams;
  http2::session http;
  bool gone = false;
  bool deaf = false;  // reads and says nothing
  bool vanish_when_sent = false;

 private:
  void on_drained() override {
    if (!vanish_when_sent || gone) return;
    gone = true;
    socket().abort_on_close();
    attach(nullptr);
  }
  http2::stream* on_request() override {
    streams.push_back(std::make_unique<scripted_stream>(*this));
    return streams.back().get();
  }
  void on_bytes(bytes received) override {
    if (deaf) return;
    (void)http.feed(received, on().now().time_since_epoch());
    if (http.wants_output()) send_later();
  }
  void fill_out() override {
    if (!deaf) http.collect(out());
  }
  void on_end() override { gone = true; }
  void on_lost(const error&) override { gone = true; }
};

inline void scripted_stream::on_head(http2::head_end) {
  if (home.on_request_head) home.on_request_head(*this);
}
inline void scripted_stream::on_end() {
  if (home.on_request_end) home.on_request_end(*this);
}

class scripted_peer : public grpc_client_fixture, private acceptor_events {
 public:
  void start_script() {
    auto made = on.io().listen(*endpoint::parse("127.0.0.1:0"), {}, *this);
    ASSERT_TRUE(made);
    acceptor_ = std::move(*made);
    how.to = acceptor_->local();
    client_ = client::grpc(on, how);
  }
  ~scripted_peer() override {
    client_.reset();
    peers.clear();
  }
  // Every request is answered with these fields in one HEADERS frame.
  void answer_with(std::vector<field> head, std::string body = {}) {
    on_end = [head, body](scripted_stream& s) {
      http2::content rest;
      rest.body = bytes::from_string(std::string(body));
      s.home.http.respond(s, head, std::move(rest));
    };
  }

  std::vector<std::unique_ptr<script>> peers;
  std::function<void(scripted_stream&)> on_head;
  std::function<void(scripted_stream&)> on_end;
  std::uint32_t few_streams = 1'000;
  bool leave_at_once = false;

 private:
  void on_accepted(std::unique_ptr<stream> s) override {
    http2::limits bounds;
    bounds.streams_max = few_streams;
    peers.push_back(std::make_unique<script>(on, std::move(s), bounds));
    if (leave_at_once) {
      peers.back()->http.goaway(http2::error_code::no_error);
      peers.back()->push();
    }
    peers.back()->on_request_head = on_head;
    peers.back()->on_request_end = on_end;
  }
  std::unique_ptr<acceptor> acceptor_;
};

inline constexpr field ok{":status", "200"};
inline constexpr field grpc_content{"content-type", "application/grpc"};

}  // namespace zc::net
