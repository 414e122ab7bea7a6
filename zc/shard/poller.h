// zc/shard/poller.h - what a shard asks of the operating system, or of a simulation.
//
// Completion style, so that epoll (which tries, then waits), io_uring (which submits, then
// completes) and a simulated network fit one contract. Buffers belong to the caller and stay where
// they are until the poller says that it is done with them. Everything here belongs to one shard
// and one thread, but for wake().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "zc/base/result.h"
#include "zc/mem/chain.h"
#include "zc/shard/clock.h"

namespace zc {

// A host and port to listen on or connect to, or the path of a Unix socket.
// `host` is a numeric address ("127.0.0.1", "::1", "0.0.0.0") or a name; names are resolved when
// used.
struct endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string unix_path;  // when not empty the other two are not used

  // "host:port", "[v6]:port", ":port" (any address), "unix:/path", "unix:///path".
  static result<endpoint> parse(std::string_view text);
  std::string text() const;
};

struct socket_options {
  std::string congestion;  // TCP congestion control; empty: the system's default
  bool reuse_port = true;  // listeners: one per shard on the same port
  int backlog = 1024;      // listeners
};

// What happens on a connection. Implemented by its user. Callbacks come from poller::poll() only,
// never from inside a call to `stream`.
class stream_events {
 public:
  // Where the next bytes go. Asked for when bytes are there. Empty: nothing is read until
  // resume_read(). The room must stay valid until on_received(), on_failed() or the stream's
  // destruction.
  virtual std::span<std::byte> receive_room() = 0;
  // n > 0 bytes were put at the front of the room last returned.
  virtual void on_received(std::size_t n) = 0;
  // The peer has sent everything it will send. Sending may go on.
  virtual void on_end() = 0;
  // A send() that returned 0 has taken n > 0 bytes of its slices; the rest has to be sent again.
  virtual void on_sent(std::size_t n) = 0;
  // The connection is broken (reset, unreachable, timed out): nothing else will be called.
  virtual void on_failed(const error& why) = 0;
  // connect() has succeeded. Not called for accepted streams.
  virtual void on_connected() {}

 protected:
  ~stream_events() = default;
};

// One connection. Owned by its user; destroying it closes the socket, and no callback comes after
// that (it may be destroyed inside its own callbacks).
class stream {
 public:
  virtual ~stream() = default;

  // Takes as much as goes now and returns how much that was. 0: nothing went at once; the slices
  // (the array and what it points to) must stay valid until on_sent() reports how much was taken,
  // or the stream ends. After an error on_failed() follows, unless the stream is destroyed first.
  // Requires: no send is pending, the slices are not empty, slices.size() <= 1024.
  virtual result<std::size_t> send(std::span<const io_slice> slices) = 0;
  // Sends nothing more; the peer sees the end after what was sent.
  virtual void shutdown_send() = 0;
  // After receive_room() was empty, or pause_read(): read again.
  virtual void resume_read() = 0;
  virtual void pause_read() = 0;
  // Close with a reset instead of an orderly end, when destroyed.
  virtual void abort_on_close() = 0;
  virtual std::string peer() const = 0;  // "127.0.0.1:51234", for messages
  // Bytes this process has handed to the kernel and the peer has not acknowledged; 0 where that is
  // not known.
  virtual std::size_t unsent() const { return 0; }
};

class acceptor_events {
 public:
  // A new connection. Give it its events with poller::start() before returning, or drop it to
  // refuse it.
  virtual void on_accepted(std::unique_ptr<stream> connection) = 0;

 protected:
  ~acceptor_events() = default;
};

// A listening socket. Destroying it stops listening.
class acceptor {
 public:
  virtual ~acceptor() = default;
  virtual endpoint local() const = 0;  // with the port that was chosen, when 0 was asked for
  virtual void pause() = 0;            // stop taking connections for now; they wait in the backlog
  virtual void resume() = 0;
};

class poller {
 public:
  virtual ~poller() = default;

  virtual result<std::unique_ptr<acceptor>> listen(const endpoint& at, const socket_options& how,
                                                   acceptor_events& events) = 0;
  // Starts to connect; on_connected() or on_failed() follows. Never blocks, also not on names.
  virtual result<std::unique_ptr<stream>> connect(const endpoint& to, const socket_options& how,
                                                  stream_events& events) = 0;
  // Attaches the events of an accepted stream; reading starts.
  virtual void start(stream& accepted, stream_events& events) = 0;

  // Waits at most `longest` for something to happen, handles what did, and returns how many events
  // that was.
  virtual std::size_t poll(nanoseconds longest) = 0;
  // A hint, from within a callback: what this poll() has not handled yet is left for the next. For
  // who has much to send that came just now, and lies in the processor's cache.
  virtual void end_poll_soon() noexcept {}
  // Ends a poll() that waits. Any thread; also from a signal handler.
  virtual void wake() noexcept = 0;
  virtual const char* name() const noexcept = 0;  // "epoll"
};

}  // namespace zc
