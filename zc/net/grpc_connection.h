// zc/net/grpc_connection.h - one HTTP/2 connection of a gRPC client. Internal to zc/net.
//
//     connecting -> up, SETTINGS came: carries calls -> retiring (GOAWAY): finishes them -> over
//
// Calls wait for the peer's SETTINGS, which say how many streams it takes. A connection on which a
// call has timed out in silence is asked for a sign of life (PING), and given up when none comes:
// the kernel would go on for a quarter of an hour.
//
// Ownership  By its client, which destroys it at a turn end after it was reported as over: never
//            inside one of its own callbacks.
// Threads    One shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "zc/net/grpc_call.h"
#include "zc/net/link.h"
#include "zc/wire/http2/client_session.h"

namespace zc::net {

class grpc_connection final : public link, private http2::session_events {
 public:
  explicit grpc_connection(grpc_client& home);
  ~grpc_connection();

  grpc_connection* next_in_list = nullptr;
  grpc_connection** link_in_list = nullptr;

  // Fields that all requests have: ours, and as many of the user's as fit beside them.
  static constexpr std::size_t fields_max = 96;

  void start();
  void lose(const std::string& why);
  bool usable() const noexcept {
    return http_.greeted() && !retiring_ && !over_ && !send_broken_ && http_.may_request();
  }
  // Not ready yet: no other one is begun meanwhile.
  bool connecting() const noexcept { return !http_.greeted() && !over_; }
  bool up() const noexcept { return up_ && !over_; }
  bool has_room() const noexcept;
  std::size_t calls() const noexcept { return http_.streams(); }
  void submit(grpc_call& c);  // from the queue
  // The call needs its stream no more. Unless both sides are done, the peer is told to stop.
  void abandon(grpc_call& c);
  void retire();
  void cancel_all();
  bool retiring() const noexcept { return retiring_; }
  // The session takes no more requests (its ids are used up), and no GOAWAY says so.
  bool worn_out() const noexcept { return up_ && !retiring_ && !over_ && !http_.may_request(); }
  void left(grpc_call& c) noexcept { calls_.remove(c); }
  void on_answer();                // the head of one came
  void on_late(time_point since);  // a call that was submitted then has timed out

 private:
  // link
  std::span<std::byte> receive_room() override { return on().receive_room(urgency::draining); }
  void on_bytes(bytes received) override;
  void fill_out() override;
  void on_lost(const error& why) override;
  // stream_events
  void on_failed(const error& why) override;
  void on_connected() override;
  void on_end() override;
  // http2::session_events
  void on_settings() override;
  void on_goaway(std::int32_t last, http2::error_code why) override;

  static http2::limits limits_of(const client_options& how);
  void on_timer();
  void wait_for_sign();
  std::uint64_t acknowledged() noexcept;  // bytes sent that have arrived, or may have
  void on_no_sign();
  void look_for_the_end();
  void judge(const std::string& why);

  grpc_client& home_;
  http2::client_session http_;
  grpc_list<grpc_call> calls_;  // at most requests_max
  bool up_ = false;
  bool retiring_ = false;  // a GOAWAY came: finishes its streams, takes no new ones
  bool over_ = false;
  bool send_broken_ = false;  // the peer takes nothing more; its last words may still come
  bool answered_ = false;     // has been of use
  bool judged_ = false;       // reported as useless
  time_point last_in_{};
  std::uint64_t acknowledged_then_ = 0;  // when the sign of life was asked for
  member_timer<grpc_connection, &grpc_connection::on_timer> timer_{*this};
  member_timer<grpc_connection, &grpc_connection::on_no_sign> sign_of_life_{*this};
};

}  // namespace zc::net
