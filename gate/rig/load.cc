#include "gate/rig/load.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "gate/rig/load_worker.h"
#include "gate/rig/progress.h"
#include "zc/io/epoll_poller.h"
#include "zc/mem/quota.h"
#include "zc/shard/clock.h"

namespace sluice::rig {
namespace {

using zc::errc;
using zc::fail;
using zc::result;

constexpr auto look_again = std::chrono::milliseconds(10);
constexpr unsigned connections_max = 100'000;
constexpr unsigned in_flight_max = 100'000;
constexpr unsigned threads_max = 1'024;
constexpr std::size_t mix_max = otlp::signals;

// The load's memory is bounded by its slots and templates, not by a quota.
constexpr std::size_t no_limit = SIZE_MAX / 4;

result<void> check(const load_options& how) {
  if (how.targets.empty()) return fail(errc::malformed, "no target to send to");
  if (how.mix.empty() || how.mix.size() > mix_max) {
    return fail(errc::malformed, "the mix of signals is empty or repeats itself");
  }
  unsigned seen = 0;
  for (const signal_share& s : how.mix) {
    const unsigned bit = 1U << static_cast<unsigned>(s.signal);
    if (s.weight == 0 || (seen & bit) != 0) {
      return fail(errc::malformed, "a signal of the mix has no weight or comes twice");
    }
    seen |= bit;
  }
  if (how.connections == 0 || how.connections > std::min(connections_max, workers_max)) {
    return fail(errc::malformed, "the number of connections is zero or too large");
  }
  if (how.in_flight == 0 || how.in_flight > in_flight_max) {
    return fail(errc::malformed, "the number of requests under way is zero or too large");
  }
  if (how.threads == 0 || how.threads > threads_max) {
    return fail(errc::malformed, "the number of threads is zero or too large");
  }
  if (!(how.rate >= 0)) return fail(errc::malformed, "the rate is negative");
  if (how.replay && how.trace_items) {
    return fail(errc::malformed,
                "archived requests are sent as they lie: they carry no identities");
  }
  if (how.coding == zc::coding::snappy_framed) {
    return fail(errc::unsupported, "this coding is no content coding of OTLP");
  }
  return {};
}

std::uint64_t draw_run() {
  std::random_device entropy;
  const std::uint64_t high = entropy();
  const std::uint64_t run = high << 32 | entropy();
  return run != 0 ? run : 1;  // run 0 means: not traced
}

result<void> make_ready(load_plan::source& s, const load_options& how, zc::pool& memory) {
  zc::coder coder;
  for (std::size_t i = 0; i < s.templates.variety(); ++i) {
    zc::bytes_chain body(s.templates.at(i).as_drawn());
    if (how.coding != zc::coding::identity) {
      auto coded = coder.deflate(body, how.body_coding(), how.coding_level, memory);
      if (!coded) return std::unexpected(coded.error());
      body = std::move(*coded);
    }
    s.ready.push_back(std::move(body));
  }
  return {};
}

load_plan::source source_of(otlp::signal s, const load_options& how) {
  load_plan::source made;
  made.signal = s;
  made.path = how.via == transport::grpc ? std::string(otlp::grpc_path(s))
                                         : how.path_prefix + std::string(otlp::http_path(s));
  return made;
}

void plan_replay(load_plan& plan, const load_options& how) {
  const archive& from = *how.replay;
  for (const otlp::signal s : otlp::all_signals) plan.sources.push_back(source_of(s, how));
  if (how.repeat != 0 && how.repeat <= UINT64_MAX / from.size()) {
    plan.requests = std::min(plan.requests, how.repeat * from.size());
  }
  // Requests without any items count as one each: a pace needs something to go by.
  plan.items_mean = static_cast<double>(std::max<std::uint64_t>(from.items(), from.size())) /
                    static_cast<double>(from.size());
}

result<load_plan> make_plan(const load_options& how, zc::pool& memory, zc::clock& time) {
  load_plan plan;
  plan.how = &how;
  plan.time = &time;
  plan.run = how.run != 0 ? how.run : draw_run();
  plan.requests = how.requests != 0 ? how.requests : UINT64_MAX;
  plan.items_mean = static_cast<double>(how.items);
  if (how.replay) {
    plan_replay(plan, how);
    return plan;
  }
  for (const signal_share& share : how.mix) {
    auto templates =
        generator::make({share.signal, how.items, how.resources, how.variety, how.seed});
    if (!templates) return std::unexpected(templates.error());
    load_plan::source s = source_of(share.signal, how);
    s.templates = std::move(*templates);
    s.first_template = plan.templates();
    s.weight = share.weight;
    if (!how.trace_items) {
      if (const auto done = make_ready(s, how, memory); !done) return std::unexpected(done.error());
    }
    plan.sources.push_back(std::move(s));
  }
  return plan;
}

// The threads of one load and what they work on. Everything in `lanes_` is touched by its own shard
// only, but for the atomics, until the group is joined.
class crew {
 public:
  crew(load_plan& plan, zc::quota& limits, zc::clock& time)
      : plan_(plan),
        how_(*plan.how),
        lanes_(how_.threads),
        workers_(how_.threads),
        group_(
            {how_.threads, how_.pin, "load", {}},
            how_.pollers ? how_.pollers : zc::shard_group::make_poller(zc::io::make_epoll_poller),
            limits, time) {}

  result<void> start() {
    return group_.start([this](zc::shard& on) { return man(on); },
                        [this](zc::shard& on) { workers_[on.id()].clear(); });
  }
  void begin() {
    each([](load_worker& w) { w.start(); });
  }
  void stop_sending() {
    each([](load_worker& w) { w.stop_sending(); });
  }
  void end() {
    group_.stop();
    group_.join();
  }

  bool busy() const noexcept {
    for (const auto& lane : lanes_) {
      if (lane->now.workers_busy.load(std::memory_order_relaxed) > 0) return true;
    }
    return false;
  }

  progress_figures figures() const noexcept {
    progress_figures f;
    for (const auto& lane : lanes_) {
      const auto& now = lane->now;
      f.items += now.items.load(std::memory_order_relaxed);
      f.bytes += now.bytes.load(std::memory_order_relaxed);
      f.requests += now.requests.load(std::memory_order_relaxed);
      f.in_flight += now.in_flight.load(std::memory_order_relaxed);
      f.retried += now.retried.load(std::memory_order_relaxed);
      f.errors += now.lost.load(std::memory_order_relaxed);
    }
    return f;
  }

  // After end().
  void add_to(load_report& r) {
    for (const auto& lane : lanes_) {
      for (const auto& [signal, totals] : lane->signals) r.signals[signal].add(totals);
      for (const auto& [reason, count] : lane->attempts_failed) r.attempts_failed[reason] += count;
      r.latency.merge(lane->latency);
      r.since_due.merge(lane->since_due);
      r.acknowledged.merge(lane->acknowledged);
      r.uncertain.merge(lane->uncertain);
      r.requests_late += lane->requests_late;
    }
  }

 private:
  result<void> man(zc::shard& on) {
    auto& lane = lanes_[on.id()];
    lane = std::make_unique<load_lane>(plan_, on);
    for (unsigned w = on.id(); w < how_.connections; w += how_.threads) {
      workers_[on.id()].push_back(std::make_unique<load_worker>(*lane, w));
    }
    return {};
  }

  template <class Act>
  void each(Act act) {
    for (unsigned i = 0; i < group_.size(); ++i) {
      group_.post(i, [this, i, act] {
        for (const auto& w : workers_[i]) act(*w);
      });
    }
  }

  load_plan& plan_;
  const load_options& how_;
  std::vector<std::unique_ptr<load_lane>> lanes_;
  std::vector<std::vector<std::unique_ptr<load_worker>>> workers_;  // by shard
  zc::shard_group group_;
};

double seconds(zc::nanoseconds t) noexcept {
  return static_cast<double>(t.count()) / 1e9;
}

}  // namespace

void load_totals::add(const load_totals& o) noexcept {
  requests += o.requests;
  attempts += o.attempts;
  acknowledged += o.acknowledged;
  partial += o.partial;
  refused += o.refused;
  failed += o.failed;
  unanswered += o.unanswered;
  items += o.items;
  items_acknowledged += o.items_acknowledged;
  items_rejected += o.items_rejected;
  bytes += o.bytes;
  bytes_acknowledged += o.bytes_acknowledged;
  telemetry_acknowledged += o.telemetry_acknowledged;
}

load_totals load_report::totals() const noexcept {
  load_totals sum;
  for (const auto& [signal, totals] : signals) sum.add(totals);
  return sum;
}

bool load_report::complete() const noexcept {
  const load_totals t = totals();
  return t.acknowledged == t.requests && t.items_rejected == 0 && cut_bytes == 0;
}

result<load_report> load(const load_options& how, const std::atomic<bool>& stop) {
  if (const auto good = check(how); !good) return std::unexpected(good.error());
  zc::quota limits(no_limit);
  zc::steady_clock time;
  zc::pool memory(limits, 0);
  auto plan = make_plan(how, memory, time);
  if (!plan) return std::unexpected(plan.error());

  crew workers(*plan, limits, time);
  if (const auto started = workers.start(); !started) return std::unexpected(started.error());
  // Posting orders this after what follows and before the workers read it.
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  plan->start = time.now();
  plan->epoch_offset =
      static_cast<std::uint64_t>(std::chrono::duration_cast<zc::nanoseconds>(wall).count()) -
      static_cast<std::uint64_t>(plan->start.time_since_epoch().count());
  workers.begin();

  progress_printer progress("load", how.quiet ? std::chrono::milliseconds(0) : how.report_interval,
                            plan->start);
  const auto wait_until = [&](auto&& over) {
    while (!over()) {
      std::this_thread::sleep_for(look_again);
      progress.tick(time.now(), workers.figures());
    }
  };
  const zc::time_point end = plan->start + how.duration;
  wait_until([&] {
    return stop.load(std::memory_order_relaxed) || !workers.busy() ||
           (how.duration.count() > 0 && time.now() >= end);
  });

  load_report report;
  report.run = plan->run;
  if (how.replay) report.cut_bytes = how.replay->cut_bytes();
  const zc::time_point stopped = time.now();
  workers.stop_sending();
  const zc::time_point patience = stopped + how.drain;
  wait_until([&] { return !workers.busy() || time.now() >= patience; });
  const zc::time_point drained = time.now();
  workers.end();
  report.seconds = seconds(stopped - plan->start);
  report.seconds_drained = seconds(drained - stopped);
  workers.add_to(report);
  return report;
}

int run_load(const load_options& how, const std::atomic<bool>& stop) {
  if (how.replay) {
    for (const std::string& note : how.replay->notes()) {
      fmt::print(stderr, "sluice load: {}\n", note);
    }
  }
  const auto report = load(how, stop);
  if (!report) {
    fmt::print(stderr, "sluice load: {}\n", text_of(report.error()));
    return 1;
  }
  fmt::print(stderr, "{}", text_of(*report));
  if (!how.json_path.empty() && !write_report(how.json_path, json_of(*report, how))) {
    fmt::print(stderr, "sluice load: cannot write {}\n", how.json_path);
    return 1;
  }
  return report->complete() ? 0 : 2;
}

}  // namespace sluice::rig
