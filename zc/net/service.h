// zc/net/service.h - the server side as a receiver sees it: whole requests in, one answer out,
// whatever the protocol.
//
// The same service answers gRPC, HTTP/2 and HTTP/1.1; what differs between them (Trailers-Only and
// retry trailers here, status line and Retry-After there) is the connection's business.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zc/mem/chain.h"
#include "zc/wire/coding/coding.h"
#include "zc/wire/grpc/status.h"

namespace zc::net {

enum class protocol : std::uint8_t { http1, http2, grpc };
std::string_view name_of(protocol p) noexcept;  // "http", "http", "grpc": as metrics label it

// The head of a request. Strings are owned: the head outlives the buffer it arrived in.
struct request_head {
  protocol via = protocol::http1;
  std::string method;
  std::string path;          // without the query
  std::string query;         // behind '?', or empty
  std::string content_type;  // as sent; gRPC: empty for application/grpc
  coding body_coding = coding::identity;
  std::string accept_encoding;
  std::optional<std::chrono::nanoseconds> timeout;  // grpc-timeout
  std::optional<std::uint64_t> content_length;
  std::string peer;
  // other fields, names in lower case; only if asked for
  std::vector<std::pair<std::string, std::string>> metadata;
};

// An answer that carries content. For gRPC: the response message (its 5-byte prefix is added),
// status OK.
struct reply {
  int http_status = 200;
  std::string_view content_type;  // static storage; ignored for gRPC
  bytes_chain body;
  // further response fields, HTTP only
  std::vector<std::pair<std::string_view, std::string>> fields;
};

// Looks at a body while it arrives: what the kernel has just written lies in the processor's cache,
// and once a long body is complete most of it does no more.
//
// Gets every byte of what serve() will get, in order and once. Owned by the request; gone, without
// another word, when the body is refused, breaks off or has been answered. May not call the server.
class body_watcher {
 public:
  virtual ~body_watcher() = default;
  virtual void on_piece(std::span<const std::byte> arrived) noexcept = 0;
};

// One request that waits for its answer. Answer it exactly once, on its shard; after that it is
// spent. Destroying it unanswered answers INTERNAL / 500. It may outlive its connection: answers
// then go nowhere.
class exchange {
 public:
  virtual ~exchange() = default;
  virtual const request_head& head() const noexcept = 0;
  virtual void answer(reply&& r) = 0;
  virtual void refuse(const grpc::status& why) = 0;
  // connection closed or stream reset: nobody reads the answer
  virtual bool client_gone() const noexcept = 0;

  // Whom service::watch() named for this request, or null.
  body_watcher* watcher() const noexcept { return watcher_.get(); }
  void watched_by(std::unique_ptr<body_watcher> whom) noexcept { watcher_ = std::move(whom); }

 private:
  std::unique_ptr<body_watcher> watcher_;
};

// Shorter bodies are in the cache when they are complete, and nobody is asked to watch them.
inline constexpr std::uint64_t watched_bytes_min = 32 * 1024;

class service {
 public:
  // The head is complete; nothing of the body was read. Return a refusal to spare the body, nothing
  // to take it. May correct the head (for example lower-case the content type).
  virtual std::optional<grpc::status> admit(request_head& head) = 0;

  // A body of at least watched_bytes_min, as its head or its prefix says, begins to arrive, in
  // head.body_coding. Who is to look at it on the way? Bodies that do not say how long they are
  // (chunked) are not watched.
  virtual std::unique_ptr<body_watcher> watch(const request_head& head [[maybe_unused]]) {
    return nullptr;
  }

  // The whole request. `body` is the payload as it came, still in head().body_coding: for gRPC the
  // message without its 5-byte prefix (identity when the compressed flag was 0).
  virtual void serve(std::unique_ptr<exchange> request, bytes_chain body) = 0;

 protected:
  ~service() = default;
};

}  // namespace zc::net
