// zc/net/session.h - one protocol on one server connection. Internal to zc/net.
//
// The connection (server_connection.h) owns the socket, the timers and the memory gate; a session
// turns bytes into exchanges and answers into bytes. The first bytes of a connection decide which
// session it gets.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "zc/mem/chain.h"
#include "zc/net/memory_gate.h"
#include "zc/net/server.h"
#include "zc/shard/shard.h"

namespace zc::net {

// What a session may ask of its connection. None of these calls back into the session.
class session_host {
 public:
  virtual shard& on() noexcept = 0;
  virtual const server_options& options() const noexcept = 0;
  virtual service& answers() noexcept = 0;
  virtual server_statistics& statistics() noexcept = 0;
  virtual const std::string& peer() const noexcept = 0;
  virtual bytes_chain& out() noexcept = 0;  // append, then send_later()
  virtual void send_later() noexcept = 0;
  // After everything in out() is sent: close. Nothing more is read meanwhile but to be dropped.
  virtual void close_when_sent() noexcept = 0;
  // The quota or the pool refuses requests now: answer new ones with this (retryable, jittered
  // retry_after).
  virtual bool refusing() const noexcept = 0;
  virtual grpc::status overload() = 0;

 protected:
  ~session_host() = default;
};

class session {
 public:
  virtual ~session() = default;

  // Memory of the session's own for the next bytes (the rest of an HTTP/1.1 body of known length);
  // empty: the shard's slab. What was received into it is reported by on_direct(n).
  virtual std::span<std::byte> direct_room() { return {}; }
  virtual void on_direct(std::size_t n [[maybe_unused]]) {}
  virtual void on_bytes(bytes received) = 0;
  virtual void on_end() = 0;  // the peer sends nothing more
  virtual void fill_out() {}  // the end of a turn: append what is ready to out()
  // shutting down: finish what is under way, take nothing new, then close
  virtual void drain() = 0;
  // The pool refused a block and the wait is over: refuse what is under way and drop what it holds.
  virtual void shed() = 0;

  // False while what came is enough for now (HTTP/1.1: a request waits for its answer and the next
  // one is here already). Asked before every read; reading goes on at a turn end at which it is
  // true again.
  virtual bool wants_input() const noexcept { return true; }

  // a head or body has begun and is not complete
  virtual bool message_under_way() const noexcept = 0;
  virtual bool head_under_way() const noexcept = 0;  // for the head time-out
  // Whether the session itself ends bodies that stop coming: then one of them does not end the
  // connection.
  virtual bool watches_bodies() const noexcept { return false; }
  virtual std::size_t requests_open() const noexcept = 0;  // taken and not answered yet
};

std::unique_ptr<session> make_http1_session(session_host& host);
std::unique_ptr<session> make_http2_session(session_host& host);

}  // namespace zc::net
