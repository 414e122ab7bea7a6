// zc/net/server.h - a listener of one shard and its connections: HTTP/1.1, HTTP/2 and gRPC on one
// port, told apart by the first bytes (HTTP/2 is always by prior knowledge: the preface "PRI *
// HTTP/2.0").
//
// Memory   Bodies arrive in blocks of the shard's pool, charged to the quota before they are read.
//          When the quota is tight, connections stop reading (TCP pushes back); after
//          `admission_wait` they read on, but refuse what comes with UNAVAILABLE / 503 and all
//          throttle hints, until memory is back.
// Threads  One shard. Listeners of several shards share a port by SO_REUSEPORT.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/net/service.h"
#include "zc/shard/shard.h"

namespace zc::net {

struct server_options {
  endpoint at;
  socket_options socket;
  bool grpc = true;                        // content-type application/grpc over HTTP/2
  bool http = true;                        // everything else
  std::size_t message_bytes_max = 64_MiB;  // of one request body or message, as it arrives
  std::size_t connections_max = 10'000;    // per shard; beyond: accepting pauses
  std::uint32_t streams_max = 1'000;       // HTTP/2 MAX_CONCURRENT_STREAMS per connection
  // request line and fields (HTTP/2: names + values + 32 each)
  std::size_t head_bytes_max = 16_KiB;
  std::size_t head_fields_max = 100;
  std::chrono::milliseconds head_timeout{10'000};  // from the first byte of a head to its end
  std::chrono::milliseconds body_progress_timeout{20'000};  // without a byte of an unfinished body
  std::chrono::milliseconds write_timeout{20'000};          // without progress of pending output
  std::chrono::milliseconds idle_timeout{300'000};          // no request under way
  // how long reading pauses for memory before requests are refused
  std::chrono::milliseconds admission_wait{500};
  std::chrono::milliseconds retry_after{1'000};  // throttle hint; jittered by +-25 %
  // Requests are read though memory is short: for few and small ones that must be answered just
  // then (metrics, health). Bounded by connections_max and the limits above.
  bool reads_when_short = false;
  bool keep_metadata = false;  // fill request_head::metadata
};

struct server_statistics {
  std::uint64_t accepted = 0;
  std::uint64_t open = 0;
  std::uint64_t requests = 0;
  std::uint64_t refused_memory = 0;
  std::uint64_t refused_early = 0;  // by service::admit, limits and bad heads
  std::uint64_t protocol_errors = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
};

class server {
 public:
  // `on` and `answers` must outlive the server.
  static result<std::unique_ptr<server>> listen(shard& on, const server_options& how,
                                                service& answers);
  // Closes what is open, without ceremony. Not from inside a call of its service.
  virtual ~server() = default;

  virtual endpoint local() const = 0;
  virtual const server_statistics& statistics() const noexcept = 0;
  // Stops accepting; tells clients (GOAWAY, Connection: close); connections end when their requests
  // are answered.
  virtual void drain() = 0;
  virtual bool drained() const noexcept = 0;  // no connection is left
};

}  // namespace zc::net
