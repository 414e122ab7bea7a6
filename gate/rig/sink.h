// gate/rig/sink.h - `sluice sink`: a backend that takes everything, counts it, and misbehaves as
// told.
//
//     look    none    answers, counts requests and bytes: as cheap as a backend can be
//             count   also counts items (inflating what is compressed)
//             verify  also reads the identity of every item: what is missing, what came twice
//
// A request is decided on in this order: too many under way (refused), cut (the connection ends, no
// answer), silence (never answered), refusal, else taken. Only requests taken are counted as items
// and verified; what was refused, cut or left without an answer is expected again. A taken request
// may still be answered late (`delay`) or in part.
//
// Memory   Bodies under way are bounded by `memory`; the tracker by its own bounds (sequences.h).
// Threads  sink() blocks the calling thread; `stop` may be set by any thread or signal handler.
// Errors   Those of starting up. Requests that cannot be read are answered INVALID_ARGUMENT / 400
// and counted.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "gate/otlp/signal.h"
#include "gate/rig/sequences.h"
#include "zc/base/result.h"
#include "zc/base/units.h"
#include "zc/shard/poller.h"
#include "zc/shard/shard_group.h"
#include "zc/wire/grpc/status.h"

namespace sluice::rig {

using namespace zc::literals;

enum class scrutiny : std::uint8_t { none, count, verify };

struct sink_listening {
  std::optional<zc::endpoint> grpc, http;  // with the ports that were chosen
};

struct sink_options {
  std::optional<zc::endpoint> grpc;  // at least one of the two
  std::optional<zc::endpoint> http;
  unsigned threads = 1;
  bool pin = false;
  scrutiny look = scrutiny::count;

  std::chrono::microseconds delay_min{0};  // before an answer: drawn evenly between the two
  std::chrono::microseconds delay_max{0};
  double refuse = 0;  // probability
  zc::grpc::code refuse_grpc = zc::grpc::code::unavailable;
  int refuse_http = 503;
  std::optional<std::chrono::milliseconds> retry_after;
  double partial = 0;                    // probability of a partial success
  std::uint64_t partial_rejected = 1;    // items it says were rejected
  double cut = 0;                        // probability of hanging up instead of an answer
  double silence = 0;                    // probability of never answering
  double read_rate = 0;                  // bytes a second over all connections; 0: no limit
  std::size_t concurrent_max = 100'000;  // requests waiting for their delay or for ever, per thread
  std::uint64_t seed = 1;                // of the probabilities

  std::string write_directory;             // bodies taken, inflated, length-prefixed; empty: none
  std::uint64_t write_bytes_max = 16_GiB;  // per thread; then writing stops

  std::size_t memory = 1_GiB;  // of bodies under way
  std::size_t message_bytes_max = 256_MiB;
  std::size_t inflated_bytes_max = 1_GiB;
  std::uint32_t streams_max = 1'000;
  std::string congestion;
  std::chrono::milliseconds duration{0};  // 0: until stopped
  std::chrono::milliseconds report_interval{1'000};
  bool quiet = false;
  std::string json_path;                                    // "-": standard output
  std::function<void(const sink_listening&)> on_listening;  // from the calling thread
  zc::shard_group::make_poller pollers;                     // empty: epoll
};

struct sink_totals {
  std::uint64_t requests = 0;   // all that were read whole
  std::uint64_t taken = 0;      // of these: answered OK, or to be
  std::uint64_t bytes = 0;      // of bodies taken, as they came
  std::uint64_t telemetry = 0;  // the same inflated; with scrutiny none: of identity bodies only
  std::uint64_t items = 0;      // not with scrutiny none
  std::uint64_t traced = 0;     // items with an identity; with verify only
  std::uint64_t json = 0;       // requests taken whose body is JSON, which is not looked into
  std::uint64_t partial = 0;
  std::uint64_t refused = 0;
  std::uint64_t busy = 0;  // refused because too many were under way
  std::uint64_t cut = 0;
  std::uint64_t silent = 0;
  std::uint64_t malformed = 0;

  void add(const sink_totals& other) noexcept;
};

struct sink_report {
  double seconds = 0;
  std::array<sink_totals, otlp::signals> signals{};
  std::uint64_t unwritten = 0;  // bodies that could not be written or were beyond write_bytes_max
  tracker received;             // with verify

  sink_totals totals() const noexcept;
};

zc::result<sink_report> sink(const sink_options& how, const std::atomic<bool>& stop);

std::string text_of(const sink_report& r, scrutiny look);
std::string json_of(const sink_report& r, scrutiny look);

// sink(), a line of progress per interval and the report on standard error, JSON where asked for.
// 0, or 1: could not run.
int run_sink(const sink_options& how, const std::atomic<bool>& stop);

}  // namespace sluice::rig
