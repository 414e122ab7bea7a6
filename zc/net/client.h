// zc/net/client.h - the client side as an exporter sees it: one request out, one outcome back.
//
// Two implementations: gRPC over few HTTP/2 connections (requests are multiplexed) and HTTP/1.1
// over a few kept-alive connections (one request each). Both connect on demand, reconnect with
// back-off, and send body chains by gathering: the caller's bytes are shared, never copied, and
// stay unchanged until the outcome is known, so that a retry can send the same chain again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/mem/chain.h"
#include "zc/mem/shared_array.h"
#include "zc/shard/shard.h"
#include "zc/wire/coding/coding.h"
#include "zc/wire/grpc/status.h"

namespace zc::net {

// A body of this size ends the turn early, so that it leaves while it is in the cache. Smaller ones
// are worth more together: fewer sends.
inline constexpr std::size_t body_bytes_hurried = 64_KiB;

// A field of every request; the name in lower case.
using client_field = std::pair<std::string, std::string>;

struct client_options {
  endpoint to;
  std::string authority;  // Host or :authority; empty: made from `to`
  socket_options socket;
  std::string user_agent = "zc";
  shared_array<client_field> fields;  // sent with every request; shared by all who have them
  std::size_t connections_max = 1;    // HTTP/1.1: requests under way at once; gRPC: connections
  // gRPC: streams per connection at once, within what the peer allows
  std::size_t requests_max = 1'000;
  std::size_t response_bytes_max = 4_MiB;
  std::chrono::milliseconds connect_timeout{20'000};
  // between attempts to connect: x1.6, +-20 % (grpc connection-backoff.md)
  std::chrono::milliseconds backoff_min{1'000};
  std::chrono::milliseconds backoff_max{120'000};
  std::chrono::milliseconds idle_timeout{90'000};  // HTTP/1.1: close an unused connection
};

struct client_request {
  std::string_view path;          // "/v1/logs" or the gRPC method; must live until the outcome
  std::string_view content_type;  // HTTP; gRPC uses its own
  coding body_coding = coding::identity;
  bytes_chain body;        // gRPC: the message; its 5-byte prefix is added
  nanoseconds timeout{0};  // 0: none. Counts from send(), waiting for a connection included
};

struct outcome {
  enum class kind : std::uint8_t {
    answered,        // the peer said something: see the fields below
    unreachable,     // no connection could be made; nothing was sent
    disconnected,    // the connection broke before the answer; the peer may have taken the request
    refused_stream,  // REFUSED_STREAM or above GOAWAY's last stream: certainly not processed
    timed_out,
    cancelled,       // by shutdown
    too_large,       // the response exceeded response_bytes_max
    protocol_error,  // the peer does not speak the protocol
  };
  kind what = kind::answered;
  int http_status = 0;
  grpc::code grpc = grpc::code::unknown;  // gRPC only
  std::string message;                    // grpc-message, the reason phrase, or what went wrong
  std::string content_type;  // gRPC: empty when it is application/grpc, as it should be
  std::optional<nanoseconds> retry_after;  // Retry-After, RetryInfo
  bytes_chain body;                        // the response message or body
};

class client {
 public:
  using done = std::move_only_function<void(outcome&&)>;

  static std::unique_ptr<client> http1(shard& on, client_options how);
  static std::unique_ptr<client> grpc(shard& on, client_options how);
  // requests under way end as cancelled, before the destructor returns
  virtual ~client() = default;

  // Queues the request; `then` is called exactly once, later, on the shard. Requires: pending() <
  // capacity().
  virtual void send(client_request&& request, done then) = 0;
  virtual std::size_t pending() const noexcept = 0;
  virtual std::size_t capacity() const noexcept = 0;  // requests that may be under way at once
  virtual bool connected() const noexcept = 0;
};

}  // namespace zc::net
