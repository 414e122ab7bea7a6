// gate/pipeline/exporters/otlp_exporter.h - OTLP to a backend, by gRPC or HTTP/1.1, driven by a
// sending queue.
//
// The body leaves in the configured coding: the received bytes when they are in it already, else
// converted once for all exporters that want the same. Retries send the same bytes. A request above
// `request_bytes_max` (uncompressed) is cut at record boundaries first; its parts go one behind the
// other.
//
// Outcomes  OTLP specification: retryable are the listed gRPC codes and HTTP 429, 502, 503, 504,
//           lost connections and timeouts, with the server's hint as the least delay. Partial
//           success is success: what was rejected is counted and logged, never sent again. An
//           answer that does not parse is a failure for good.
// Threads   One shard.
// Memory    What an attempt needs is pooled: at most `capacity` of the client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/sender.h"
#include "gate/pipeline/engine/settings.h"
#include "gate/pipeline/engine/shard_context.h"
#include "zc/mem/object_pool.h"
#include "zc/net/client.h"
#include "zc/shard/shard.h"

namespace sluice {

class otlp_exporter final : public sender {
 public:
  // Connects on demand. `slots`: requests under way at once (the queue's consumers).
  static std::unique_ptr<otlp_exporter> connect(shard_context& in, const exporter_settings& how,
                                                std::size_t slots);
  // How the client is set up; connect() uses it.
  static zc::net::client_options options_of(const exporter_settings& how, std::size_t slots);

  // Requires: `how.kind` is otlp_grpc or otlp_http.
  otlp_exporter(shard_context& in, const exporter_settings& how,
                std::unique_ptr<zc::net::client> over);
  ~otlp_exporter() override;

  // While it runs: the timeout and the headers, of requests from now on. New headers take a new
  // client; the one before ends when its last request has.
  void configure(const exporter_settings& how);

  void send(delivery& d, done then) override;
  std::size_t slots() const noexcept override { return client_->capacity(); }
  zc::coding wants() const noexcept override { return how_.compression; }
  bool connected() const noexcept { return client_->connected(); }

 private:
  enum class fate : std::uint8_t { sent, lost, again };
  struct judged {
    fate what = fate::sent;
    verdict why;
  };
  // Clients that were replaced. They end where none of their callbacks is running.
  struct retired final : zc::turn_end_work {
    explicit retired(otlp_exporter& of) noexcept : exporter(of) {}
    void at_turn_end() override { exporter.end_idle_clients(); }
    otlp_exporter& exporter;
    std::vector<std::unique_ptr<zc::net::client>> clients;
  };

  // A request that the client has. Found again by its handle, which fits into a callback.
  struct attempt {
    delivery* of = nullptr;
    done then;
  };

  static std::unique_ptr<zc::net::client> make_client(shard_context& in,
                                                      const exporter_settings& how,
                                                      std::size_t slots);
  void end_idle_clients();
  std::optional<verdict> cut(delivery& d);
  std::optional<verdict> cut_part(const payload_ptr& part, delivery& into, unsigned depth);
  void send_next(delivery& d, done then);
  void on_outcome(delivery& d, done then, zc::net::outcome&& o);
  judged judge(otlp::signal kind, const zc::net::outcome& o);
  judged judge_grpc(otlp::signal kind, const zc::net::outcome& o);
  judged judge_http(otlp::signal kind, const zc::net::outcome& o);
  judged judge_response(otlp::signal kind, const zc::bytes_chain& body);
  void lose_front(delivery& d, verdict&& why);
  void note_partial(otlp::signal kind, std::int64_t rejected, const std::string& message);

  shard_context& in_;
  const std::string id_;
  const bool grpc_;
  otlp_exporter_settings how_;
  std::size_t slots_;  // that the client was made for
  by_signal<std::string> paths_;
  exporter_metrics& counts_;
  log_gate partial_gate_;
  log_gate lost_gate_;
  zc::object_pool<attempt> attempts_;
  retired retired_;
  std::unique_ptr<zc::net::client> client_;
};

}  // namespace sluice
