// gate/rig/load_worker.h - one client of a load: its requests, its pace, its sequences. And what a
// thread of them shares.
//
// Threads  One shard. The atomics of a lane are written by its shard only and may be read by
// anybody.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gate/rig/dice.h"
#include "gate/rig/generate.h"
#include "gate/rig/load.h"
#include "gate/rig/pace.h"
#include "gate/rig/spares.h"
#include "zc/mem/chain.h"
#include "zc/mem/object_pool.h"
#include "zc/net/client.h"
#include "zc/shard/shard.h"
#include "zc/shard/task.h"
#include "zc/shard/task_scope.h"
#include "zc/wire/coding/coder.h"

namespace sluice::rig {

// What all threads read: made before they start, unchanged afterwards.
struct load_plan {
  const load_options* how = nullptr;
  std::uint64_t run = 0;
  zc::clock* time = nullptr;
  std::uint64_t epoch_offset = 0;  // nanoseconds since 1970 minus the clock's reading
  zc::time_point start{};
  std::uint64_t requests = UINT64_MAX;  // in all
  double items_mean = 1;                // of a request
  struct source {
    otlp::signal signal = otlp::signal::traces;
    generator templates;             // not of a replay
    std::size_t first_template = 0;  // its number among those of all sources
    unsigned weight = 1;
    std::vector<zc::bytes_chain> ready;  // bodies as sent, when items are not traced
    std::string path;                    // outlives every request
  };
  // One per signal of the mix. Of a replay all signals, each at its own number.
  std::vector<source> sources;

  std::size_t templates() const noexcept {  // of all sources
    std::size_t sum = 0;
    for (const source& s : sources) sum += s.templates.variety();
    return sum;
  }
};

// What the workers of one thread have in common.
struct load_lane {
  load_lane(const load_plan& p, zc::shard& s)
      : plan(p),
        on(s),
        spares(p.how->trace_items ? p.templates() : 0,
               (p.how->connections / p.how->threads + 1) * p.how->in_flight) {}

  const load_plan& plan;
  zc::shard& on;
  zc::coder coder;
  spare_requests spares;  // by template, as they were stamped
  std::map<otlp::signal, load_totals> signals;
  std::map<std::string, std::uint64_t> attempts_failed;
  histogram latency;
  histogram since_due;
  tracker acknowledged;
  tracker uncertain;
  std::uint64_t requests_late = 0;

  // For the progress line.
  struct gauges {
    std::atomic<std::uint64_t> items{0};      // acknowledged
    std::atomic<std::uint64_t> bytes{0};      // acknowledged, as sent
    std::atomic<std::uint64_t> requests{0};   // acknowledged
    std::atomic<std::uint64_t> retried{0};    // attempts after the first
    std::atomic<std::uint64_t> lost{0};       // requests refused or failed for good
    std::atomic<std::uint64_t> in_flight{0};  // requests begun and not over
    std::atomic<unsigned> workers_busy{0};    // workers that have something to send or to wait for
  } now;

  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

// A task begins requests: it waits for the pace and for one of `in_flight` requests to be free; so
// many the client takes at once. Whoever has a request owns it: that task, then the client until it
// answers, a task that waits to try again. Given back, in whatever way, it is over (finish).
class load_worker {
 public:
  load_worker(load_lane& lane, std::uint32_t number);
  load_worker(const load_worker&) = delete;
  load_worker& operator=(const load_worker&) = delete;
  ~load_worker();  // what is still under way counts as unanswered

  void start();
  void stop_sending();  // begins nothing new; retries go on

 private:
  struct request {
    std::size_t source = 0;
    zc::bytes_chain body;
    zc::bytes stamped;           // while it is needed: the body, or what that was made of
    std::size_t drawn_from = 0;  // the template that was stamped
    std::size_t telemetry_bytes = 0;
    std::uint64_t items = 0;
    identity first;
    unsigned attempts = 0;
    bool is_begun = false;  // counted, and not over
    bool is_settled = false;
    zc::time_point begun{};
    zc::time_point due{};
  };
  class change;  // to be awaited: an answer to any request, or a moment that is over

  zc::task<> send_all();
  zc::task<> send_again(zc::pooled<request> r, zc::nanoseconds wait);

  bool more_to_come() const noexcept { return sending_ && requests_ < requests_max_; }
  zc::nanoseconds until_due() const noexcept;
  std::uint64_t elapsed() const noexcept;
  std::size_t draw_source() noexcept;
  zc::result<void> fill(request& r);
  zc::result<void> fill_generated(request& r);
  zc::result<void> fill_replayed(request& r);
  zc::result<void> encode(request& r);
  void spare(request& r) { lane_.spares.put(r.drawn_from, std::move(r.stamped)); }
  void begin(request& r);
  void attempt(zc::pooled<request> r);
  void take_answer(zc::pooled<request> r, const zc::net::outcome& o);
  void acknowledge(request& r, const zc::net::outcome& o);
  void try_again(zc::pooled<request> r, const zc::net::outcome& o);
  void give_up(request& r, const zc::error& why);
  void note_failed(std::string reason);
  void finish(request& r);
  void note_busy() noexcept;
  otlp::signal signal_of(const request& r) const { return lane_.plan.sources[r.source].signal; }
  load_totals& totals_of(const request& r) { return lane_.signals[signal_of(r)]; }

  load_lane& lane_;
  const load_options& how_;
  const std::uint32_t number_;
  pace pace_;
  std::uint64_t requests_max_;  // begun by this worker
  std::uint64_t requests_ = 0;
  std::vector<std::int64_t> credit_;  // of the sources: smooth weighted turns
  std::vector<std::uint64_t> drawn_;  // requests per source so far
  std::array<std::uint64_t, otlp::signals> sequence_{};
  dice dice_;
  bool sending_ = true;
  bool busy_ = true;
  bool dying_ = false;
  std::size_t under_way_ = 0;               // begun, and not over
  change* sender_ = nullptr;                // while it waits for one
  zc::object_pool<request> requests_free_;  // how_.in_flight
  std::unique_ptr<zc::net::client> client_;
  zc::task_scope tasks_;  // last: they use all of the above
};

}  // namespace sluice::rig
