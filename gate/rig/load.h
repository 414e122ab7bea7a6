// gate/rig/load.h - `sluice load`: sends generated telemetry, or that of archives, to a gateway,
// and knows exactly what was acknowledged.
//
//     thread (shard)  1..N      worker  1..C per load, each with a client, its own pace and its own
//     sequences
//                                 slot    F per worker: one request from its first attempt to its
//                                 last answer
//
// Closed loop without a rate: a slot that has its answer sends the next request. With a rate,
// requests are due by a schedule that does not drift; when all slots are taken, they are late, and
// `since_due` shows by how much. A request that is refused retryably, or whose answer never came,
// is sent again with the same identities when `retry` is on; it is acknowledged when any attempt
// is. Duplicates that a sink sees are then allowed, loss is not.
//
// With `replay` the requests of an archive are sent as they lie in its files, in their order: the
// workers take them in turn. Nothing is stamped, so items have no identities, and uncompressed
// requests are not copied. What is compressed is inflated, and what is to be compressed is, each
// time it is sent; a zstd record of a load with zstd goes as it lies.
//
// Memory   connections x in_flight requests, the templates or the archive's index; and of requests
//          that are over, kept to be stamped again, as many as requests and templates (spares.h).
// Threads  load() blocks the calling thread; `stop` may be set by any thread or signal handler.
// Errors   Those of starting up. What happens to requests is in the report.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gate/otlp/signal.h"
#include "gate/rig/archive.h"
#include "gate/rig/histogram.h"
#include "gate/rig/sequences.h"
#include "zc/base/result.h"
#include "zc/shard/poller.h"
#include "zc/shard/shard_group.h"
#include "zc/wire/coding/coding.h"

namespace sluice::rig {

enum class transport : std::uint8_t { grpc, http };

struct signal_share {
  otlp::signal signal = otlp::signal::traces;
  unsigned weight = 1;
};

struct load_options {
  std::vector<zc::endpoint> targets;  // workers take them in turn
  transport via = transport::grpc;
  std::string path_prefix;  // HTTP: before /v1/traces and its siblings
  std::vector<std::pair<std::string, std::string>>
      fields;  // further request fields, names in lower case
  std::vector<signal_share> mix{{otlp::signal::traces, 1}};
  zc::coding coding = zc::coding::identity;
  // What bodies are written in: over gRPC, snappy is the framed stream.
  zc::coding body_coding() const noexcept {
    const bool framed = via == transport::grpc && coding == zc::coding::snappy;
    return framed ? zc::coding::snappy_framed : coding;
  }
  int coding_level = 0;       // 0: the coder's choice
  std::size_t items = 1'000;  // per request
  std::size_t resources = 0;  // per request; 0: one for every 250 items
  std::size_t variety = 8;    // different templates per signal
  std::uint64_t seed = 1;
  std::uint64_t run = 0;                  // 0: drawn
  bool trace_items = true;                // off: templates are sent as they are, compressed once
  std::shared_ptr<const archive> replay;  // instead of what is generated; needs trace_items off
  std::uint64_t repeat = 1;               // of a replay: how often in all; 0: no bound
  unsigned threads = 1;
  bool pin = false;
  unsigned connections = 1;  // workers; with HTTP each opens up to `in_flight` connections
  unsigned in_flight = 8;    // requests under way per worker
  double rate = 0;           // items a second in all; 0: as fast as answers come
  std::chrono::milliseconds duration{10'000};  // 0: until stopped or `requests` are done
  std::uint64_t requests = 0;                  // in all; 0: no bound
  std::chrono::milliseconds drain{5'000};      // how long answers are waited for at the end
  std::chrono::milliseconds timeout{10'000};   // of one attempt
  bool retry = true;
  std::chrono::milliseconds retry_min{100};  // doubles per attempt; a hint of the peer wins
  std::chrono::milliseconds retry_max{5'000};
  std::string congestion;
  std::chrono::milliseconds report_interval{1'000};
  bool quiet = false;
  std::string json_path;                 // "-": standard output
  zc::shard_group::make_poller pollers;  // empty: epoll
};

struct load_totals {
  std::uint64_t requests = 0;      // begun
  std::uint64_t attempts = 0;      // sendings, retries included
  std::uint64_t acknowledged = 0;  // requests
  std::uint64_t partial = 0;       // of these, with items rejected
  std::uint64_t refused = 0;       // final answer was a refusal
  std::uint64_t failed = 0;        // no answer: broken, timed out, unreachable
  std::uint64_t unanswered = 0;    // still without an answer when the drain time was over
  std::uint64_t items = 0;         // of requests begun
  std::uint64_t items_acknowledged = 0;
  std::uint64_t items_rejected = 0;          // by partial successes
  std::uint64_t bytes = 0;                   // of attempts, bodies as sent
  std::uint64_t bytes_acknowledged = 0;      // bodies as sent
  std::uint64_t telemetry_acknowledged = 0;  // the same before compression

  void add(const load_totals& other) noexcept;
};

struct load_report {
  std::uint64_t run = 0;
  double seconds = 0;               // of sending, without the drain
  double seconds_drained = 0;       // of waiting for the last answers
  std::uint64_t requests_late = 0;  // due by the schedule and never begun
  std::uint64_t cut_bytes = 0;      // of records that were not whole in the archive, and not sent
  std::map<otlp::signal, load_totals> signals;
  std::map<std::string, std::uint64_t>
      attempts_failed;   // by reason: "UNAVAILABLE", "HTTP 503", "timed out"
  histogram latency;     // nanoseconds from the first attempt to the acknowledgement
  histogram since_due;   // with a rate: from when the request was due
  tracker acknowledged;  // items acknowledged without reserve
  tracker uncertain;     // items of requests refused, failed, unanswered or partly rejected: any of
                         // them may have arrived

  load_totals totals() const noexcept;
  // Every request begun was acknowledged in full, and nothing of an archive was left out.
  bool complete() const noexcept;
};

// malformed for options that make no sense, else what starting met.
zc::result<load_report> load(const load_options& how, const std::atomic<bool>& stop);

std::string text_of(const load_report& r);
std::string json_of(const load_report& r, const load_options& how);

// load(), a line of progress per interval and the report on standard error, JSON where asked for.
// 0: everything was acknowledged; 1: it could not run; 2: something was not acknowledged, or an
// archive was cut off.
int run_load(const load_options& how, const std::atomic<bool>& stop);

}  // namespace sluice::rig
