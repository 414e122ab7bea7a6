// gate/pipeline/receivers/otlp_receiver.h - OTLP requests of one listener on one shard, into the
// pipelines.
//
// gRPC and HTTP alike: which of them a request came by only decides how its path and media type are
// checked. The body is looked at as `inspect` says and goes on as it came; the client's answer
// follows the pipeline's verdict.
//
//     inspect   identity bodies         compressed bodies
//     none      opaque                  opaque
//     count     walked where they lie,  inflated piece by piece into the shard's scratch, or, when
//               long ones while they    the next node inflates anyway, as below
//               arrive
//     full      every field validated   inflated once into pool blocks, kept for who wants it
//
// Answers  OTLP specification, "Failures": unknown path UNIMPLEMENTED / 404, method 405, media type
//          415, no OTLP INVALID_ARGUMENT / 400, does not inflate INTERNAL / 400, too large
//          RESOURCE_EXHAUSTED / 413 without a hint, no room UNAVAILABLE / 503 and a jittered delay.
//          Requests without telemetry succeed and are not passed on.
// Threads  One shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gate/otlp/signal.h"
#include "gate/otlp/walk.h"
#include "gate/pipeline/engine/consumer.h"
#include "gate/pipeline/engine/jitter.h"
#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/settings.h"
#include "gate/pipeline/engine/shard_context.h"
#include "zc/net/service.h"

namespace sluice {

class otlp_receiver final : public zc::net::service {
 public:
  // Where each signal goes: the pipeline's entry (or a fan-out over several pipelines); null: no
  // pipeline has it.
  using routes = std::array<consumer*, otlp::signals>;

  // `in` and the consumers outlive the receiver, and the receiver outlives every request it took.
  otlp_receiver(shard_context& in, std::string id, const otlp_listener_settings& how,
                otlp::inspect look, const routes& to,
                milliseconds retry_after = milliseconds(1'000));
  ~otlp_receiver();

  std::optional<zc::grpc::status> admit(zc::net::request_head& head) override;
  std::unique_ptr<zc::net::body_watcher> watch(const zc::net::request_head& head) override;
  void serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) override;

  // While it runs: how requests from now on are looked at.
  void set_inspect(otlp::inspect look) noexcept { look_ = look; }
  std::size_t waiting() const noexcept { return waiting_; }  // requests not answered yet
  // Refuses what comes from now on with UNAVAILABLE / 503, for the last moments before the end.
  void close() noexcept { closed_ = true; }

 private:
  class pending;
  class counting_watcher;
  struct looked {
    payload::facts facts;
    zc::bytes_chain inflated;  // inspect: full
    bool kept = false;
  };

  std::optional<otlp::signal> signal_of(const zc::net::request_head& head) const;
  receiver_metrics& counts_of(const zc::net::request_head& head) noexcept;
  zc::grpc::status refused(verdict&& v);
  zc::grpc::status unreadable(const zc::error& why, bool inflating, receiver_metrics& counts);
  std::expected<looked, zc::grpc::status> look(otlp::signal kind, const zc::bytes_chain& body,
                                               zc::coding as, zc::net::body_watcher* watched,
                                               receiver_metrics& counts);
  std::expected<looked, zc::grpc::status> count(otlp::signal kind, const zc::bytes_chain& body,
                                                zc::coding as, zc::net::body_watcher* watched,
                                                receiver_metrics& counts);
  std::expected<looked, zc::grpc::status> count_kept(otlp::signal kind, const zc::bytes_chain& body,
                                                     zc::coding as, receiver_metrics& counts);
  std::expected<looked, zc::grpc::status> inflate(const zc::bytes_chain& body, zc::coding as,
                                                  receiver_metrics& counts);
  std::expected<looked, zc::grpc::status> validate(otlp::signal kind, const zc::bytes_chain& body,
                                                   zc::coding as, receiver_metrics& counts);
  void succeed(zc::net::exchange& to);

  shard_context& in_;
  const std::string id_;
  const otlp_listener_settings how_;
  otlp::inspect look_;
  const routes to_;
  const zc::nanoseconds retry_after_;
  std::array<std::string, otlp::signals> paths_;  // HTTP
  receiver_metrics& grpc_counts_;
  receiver_metrics& http_counts_;
  jitter random_;
  log_gate bad_gate_;
  std::size_t waiting_ = 0;
  bool closed_ = false;
};

}  // namespace sluice
