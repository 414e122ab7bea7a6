// zc/net/server_connection.h - one connection of a server: the socket, the timers, the memory gate,
// and a session. Internal to zc/net.
//
// Reading   Asks the memory gate before every read. Pauses while memory is short, while more than
//           link::out_high_water bytes of answers wait (a peer that does not read is not read
//           from), and while the session has enough.
// Timers    One, re-armed lazily: it is armed for the earliest deadline, and when it fires early
//           (deadlines move on with every byte) it is armed again. Time spent in a pause of ours is
//           not held against the peer.
// Closing   After close_when_sent(): the answers go out, then the sending side is shut, and what
//           still comes is read and dropped for a while, so that the peer sees the answer and not a
//           reset.
// Lifetime  Owned by the server, which destroys it at a turn end after it has reported its end:
//           never inside a call of the session or of the poller.
// Threads   One shard.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "zc/base/units.h"
#include "zc/mem/chain.h"
#include "zc/net/link.h"
#include "zc/net/memory_gate.h"
#include "zc/net/server.h"
#include "zc/net/session.h"

namespace zc::net {

class server_connection;

// What a connection needs of its server.
class connection_home {
 public:
  virtual const server_options& options() const noexcept = 0;
  virtual service& answers() noexcept = 0;
  virtual server_statistics& statistics() noexcept = 0;
  virtual memory_gate& gate() noexcept = 0;
  virtual grpc::status overload() = 0;
  virtual void on_ended(server_connection& who) noexcept = 0;  // destroy it at the next turn end

 protected:
  ~connection_home() = default;
};

class server_connection final : public link, public session_host, private memory_waiter {
 public:
  // What is read and dropped after the last answer, at most: enough for a client that sends its
  // whole body before it looks, and for the kernel's buffers of one that looks at once.
  static constexpr std::size_t linger_bytes_max = 16_MiB;
  static constexpr std::chrono::milliseconds linger_time{2'000};

  server_connection(shard& on, connection_home& home, std::unique_ptr<stream> s);
  ~server_connection();

  void start();  // reading begins
  void drain();  // shutting down: end when what is under way is answered

  // The server's list.
  server_connection* next = nullptr;
  server_connection* previous = nullptr;
  server_connection* next_ended = nullptr;

  // session_host
  shard& on() noexcept override { return link::on(); }
  const server_options& options() const noexcept override { return home_.options(); }
  service& answers() noexcept override { return home_.answers(); }
  server_statistics& statistics() noexcept override { return home_.statistics(); }
  const std::string& peer() const noexcept override { return peer_; }
  bytes_chain& out() noexcept override { return link::out(); }
  void send_later() noexcept override { link::send_later(); }
  void close_when_sent() noexcept override;
  bool refusing() const noexcept override { return starved_ || home_.gate().refusing(); }
  grpc::status overload() override { return home_.overload(); }

 private:
  enum class pause_for : unsigned char { nothing, memory, output, session };

  // link
  std::span<std::byte> receive_room() override;
  void on_received(std::size_t n) override;
  void on_bytes(bytes received) override;
  void on_end() override;
  void on_failed(const error& why) override;
  void on_lost(const error& why) override;
  void fill_out() override;
  void on_progress() override;
  void on_drained() override;
  // memory_waiter
  void on_memory_news() override;

  std::span<std::byte> room_from_memory();
  std::span<std::byte> room_when_short(bool under_way);
  std::span<std::byte> hold(pause_for why) noexcept;
  void read_on();
  void drop_received(std::size_t n);

  void sniff(bytes received);
  void begin_session(std::unique_ptr<session> made);
  void refuse_protocol();
  void to_session(bytes received);
  void watch_head(std::uint64_t requests_before);

  time_point deadline() const noexcept;
  void schedule() noexcept;
  void on_tick();
  void end(bool abort) noexcept;

  connection_home& home_;
  std::unique_ptr<session> session_;  // null until the first bytes have told which
  bytes_chain first_bytes_;           // fewer than the HTTP/2 preface, and a prefix of it
  const std::string peer_;
  pause_for paused_ = pause_for::nothing;
  bool direct_ = false;     // the room last given was the session's own
  bool starved_ = false;    // no memory for us, and the wait is over
  bool head_open_ = false;  // as the session last said
  bool writing_ = false;    // output waits
  bool peer_ended_ = false;
  bool closing_ = false;    // close_when_sent()
  bool lingering_ = false;  // all is sent; reading and dropping
  bool draining_ = false;
  bool ended_ = false;  // reported to the server
  std::size_t dropped_ = 0;
  std::uint64_t counted_out_ = 0;
  time_point short_since_{};  // how long there has been no memory for us
  time_point head_since_{};
  time_point last_in_{};
  time_point last_out_{};
  time_point linger_until_{};
  time_point armed_for_{};
  member_timer<server_connection, &server_connection::on_tick> timer_{*this};
};

}  // namespace zc::net
