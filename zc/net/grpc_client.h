// zc/net/grpc_client.h - gRPC over HTTP/2: unary calls, multiplexed over few connections. Internal
// to zc/net; made by client::grpc().
//
//     send() -> queue -> (turn end) -> a connection with room -> stream -> outcome -> (turn end) ->
//     done
//
// Outcomes are delivered at the end of the turn and never from inside a connection, so that a
// `done` may send again or destroy the client. Connections that end are kept until the turn end for
// the same reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "zc/net/client.h"
#include "zc/net/grpc_call.h"
#include "zc/net/grpc_connection.h"
#include "zc/wire/coding/coder.h"

namespace zc::net {

class grpc_client final : public client, private turn_end_work {
 public:
  grpc_client(shard& on, client_options how);
  ~grpc_client() override;

  void send(client_request&& request, done then) override;
  std::size_t pending() const noexcept override { return pending_; }
  std::size_t capacity() const noexcept override {
    return options_.connections_max * options_.requests_max;
  }
  bool connected() const noexcept override;

  shard& on() noexcept { return shard_; }
  const client_options& options() const noexcept { return options_; }
  std::span<const http2::field> fields() const noexcept { return fields_; }
  // grpc-timeout. Valid until the next call: most requests of a turn have the same.
  std::string_view timeout_text(nanoseconds left);
  result<bytes_chain> inflate(const bytes_chain& message, coding as);

  void unqueue(grpc_call& c) noexcept { queue_.remove(c); }
  void ended(grpc_call& c) noexcept;
  void look_again() noexcept { shard_.at_turn_end(*this); }

  void on_useful();  // an answer came
  // A connection that the server had greeted ended without any answer.
  void on_useless(const std::string& why);
  void on_retiring(grpc_connection& c);
  void on_over(grpc_connection& c, bool greeted, outcome::kind what, const std::string& why);

 private:
  void at_turn_end() override;
  void assign_waiting();
  grpc_connection* pick();
  bool may_connect() const noexcept;
  void connect();
  void fail_waiting(outcome::kind what, const std::string& why);
  void back_off() noexcept;
  void deliver_failed();
  bool deliver();  // false: the client was destroyed

  shard& shard_;
  const client_options options_;
  const std::string authority_;
  std::vector<http2::field> fields_;  // what all requests have, beside their :path
  grpc_list<grpc_call> queue_;        // waiting for a grpc_connection; at most capacity()
  grpc_list<grpc_call> ended_;        // outcomes to be delivered at the turn end
  grpc_list<grpc_call>
      failed_;  // in the next turn: a caller that sends again at once must not loop within one
  grpc_list<grpc_connection> active_;  // connecting or in use; at most connections_max
  grpc_list<grpc_connection>
      retiring_;  // after GOAWAY; at most connections_max * retiring_per_connection
  grpc_list<grpc_connection> over_;  // destroyed at the turn end
  std::size_t active_count_ = 0;
  std::size_t retiring_count_ = 0;
  std::size_t pending_ = 0;
  nanoseconds backoff_{0};    // 0: the last attempt succeeded
  bool was_useless_ = false;  // the last connection was, and nothing was of use since
  time_point next_attempt_{};
  std::string last_failure_;
  nanoseconds timeout_said_{0};
  std::string timeout_text_;
  std::uint32_t jitter_;
  std::unique_ptr<coder> coder_;  // made when the first compressed response comes
  bool* destroyed_ = nullptr;     // set while outcomes are delivered
  bool closing_ = false;
  bool failing_ = false;
  member_timer<grpc_client, &grpc_client::deliver_failed> later_{*this};
};

}  // namespace zc::net
