// zc/net/http2_session.h - HTTP/2 on one server connection: gRPC requests, and plain HTTP ones
// beside them. Internal to zc/net.
//
// Holds the streams of the connection and the exchanges that the service has not answered yet, and
// does what concerns all of them: the two steps of a drain, and the connection's window while
// memory is short.
//
// Threads  One shard.
#pragma once

#include <cstddef>
#include <memory>

#include "zc/net/http2_stream.h"
#include "zc/net/session.h"
#include "zc/wire/http2/session.h"

namespace zc::net {

class h2_session final : public session, private http2::session_events {
 public:
  explicit h2_session(session_host& host);
  ~h2_session() override;

  void on_bytes(bytes received) override;
  void on_end() override;
  void fill_out() override;
  void drain() override;
  void shed() override;
  bool message_under_way() const noexcept override { return receiving_ > 0; }
  bool head_under_way() const noexcept override { return http_.in_head(); }
  bool watches_bodies() const noexcept override { return true; }
  std::size_t requests_open() const noexcept override { return open_; }

  session_host& host() noexcept { return host_; }
  shard& on() noexcept { return host_.on(); }
  const server_options& options() const noexcept { return host_.options(); }
  http2::session& http() noexcept { return http_; }
  bool full() const noexcept { return serving_ >= options().streams_max; }
  // No new request is taken now: the server refuses, or this connection, whose window was held as
  // long as is allowed, has nothing left to do but to refuse.
  bool refusing() noexcept;

  void add(h2_stream& s) noexcept;
  void remove(h2_stream& s) noexcept;
  void take(h2_exchange& e) noexcept;     // is being served from now on
  void release(h2_exchange& e) noexcept;  // answered, or dropped by the service

  std::size_t receiving_ = 0;  // streams whose request is not complete
  std::size_t open_ = 0;       // requests served and not answered, whose streams are open

 private:
  http2::stream* on_request() override { return new h2_stream(*this); }
  void on_ping_ack() override {
    if (draining_) finish_drain();
  }

  static http2::limits limits_of(const server_options& how);
  void finish_drain();
  void on_drain_timer() { finish_drain(); }
  bool memory_tight() noexcept;
  void watch_memory();
  void on_memory_timer();

  session_host& host_;
  http2::session http_;
  h2_stream* streams_ = nullptr;      // at most streams_max, which the wire layer enforces
  h2_exchange* exchanges_ = nullptr;  // at most streams_max: full()
  std::size_t serving_ = 0;           // exchanges; their streams may be gone
  bool draining_ = false;
  bool drained_ = false;  // the final GOAWAY is out
  bool failed_ = false;
  bool waited_ = false;  // the window was held as long as is allowed; until memory is back it is
                         // not held again
  time_point held_since_{};
  member_timer<h2_session, &h2_session::on_drain_timer> drain_timer_{*this};
  member_timer<h2_session, &h2_session::on_memory_timer> memory_timer_{*this};
};

}  // namespace zc::net
