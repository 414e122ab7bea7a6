// zc/net/http1_client.h - the HTTP/1.1 client: a few kept-alive connections to one endpoint, one
// request on each. Internal to zc/net; made by client::http1().
//
//     send() --> waiting_ --> a connection, idle or made on demand --> finished_ --> done
//
// Requests wait in order for a connection. Outcomes are delivered at the end of a turn, by the
// client itself: whatever `done` does (send again, destroy the client), no connection is in the
// middle of something then.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "zc/net/client.h"
#include "zc/net/http1_connection.h"

namespace zc::net {

class http1_client final : public client, private turn_end_work {
 public:
  http1_client(shard& on, client_options&& how);
  ~http1_client() override;

  void send(client_request&& request, done then) override;
  std::size_t pending() const noexcept override { return pending_; }
  std::size_t capacity() const noexcept override { return options_.connections_max; }
  bool connected() const noexcept override;

  // From links and jobs.
  shard& on() noexcept { return shard_; }
  const client_options& options() const noexcept { return options_; }
  bytes head_of(const client_request& request) const;
  void on_ready(http1_connection& who);                      // connected, or idle again
  void on_refused(http1_connection& who, const error& why);  // could not be connected
  void on_finished(std::unique_ptr<http1_job> request, outcome&& what);
  void send_again(std::unique_ptr<http1_job> request);
  void on_timed_out(http1_job& request);
  void settle() noexcept { shard_.at_turn_end(*this); }  // look at everything at the turn end

 private:
  void at_turn_end() override;
  void remove_dead();
  void assign();
  void connect_for_waiting();
  void deliver();
  void tell_first();  // may destroy us
  void cancel(std::unique_ptr<http1_job> request);
  void fail_waiting(outcome::kind what, const char* message);
  void back_off();
  void on_backoff_over() { settle(); }

  shard& shard_;
  const client_options options_;
  std::string fixed_fields_;                         // Host, User-Agent and the configured ones
  std::size_t pending_ = 0;                          // at most capacity()
  std::deque<std::unique_ptr<http1_job>> waiting_;   // for a connection; counted in pending_
  std::deque<std::unique_ptr<http1_job>> finished_;  // to be told; counted in pending_
  std::vector<std::unique_ptr<http1_connection>> links_;  // at most connections_max that live
  std::chrono::milliseconds backoff_{0};  // of the last failure; 0: the last attempt succeeded
  std::uint32_t jitter_ = 0x85ebca6b;
  bool* destroyed_ = nullptr;  // set when a `done` destroys the client
  bool closing_ = false;
  member_timer<http1_client, &http1_client::on_backoff_over> backoff_timer_{*this};
};

}  // namespace zc::net
