#include "gate/rig/sink.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "gate/rig/progress.h"
#include "gate/rig/sink_service.h"
#include "gate/rig/unruly_poller.h"
#include "zc/io/epoll_poller.h"
#include "zc/mem/quota.h"
#include "zc/net/server.h"
#include "zc/shard/clock.h"

namespace sluice::rig {
namespace {

using zc::errc;
using zc::fail;
using zc::result;

constexpr auto look_again = std::chrono::milliseconds(10);
constexpr auto drain_max = std::chrono::milliseconds(500);
constexpr unsigned threads_max = 1'024;

bool is_probability(double p) noexcept {
  return p >= 0 && p <= 1;
}

result<void> check(const sink_options& how) {
  if (!how.grpc && !how.http) return fail(errc::malformed, "nothing to listen on");
  if (how.threads == 0 || how.threads > threads_max) {
    return fail(errc::malformed, "the number of threads is zero or too large");
  }
  for (const double p : {how.refuse, how.partial, how.cut, how.silence}) {
    if (!is_probability(p)) return fail(errc::malformed, "a probability is not between 0 and 1");
  }
  if (how.delay_min.count() < 0 || how.delay_min > how.delay_max) {
    return fail(errc::malformed, "the shortest delay is negative or above the longest");
  }
  if (!(how.read_rate >= 0)) return fail(errc::malformed, "the read rate is negative");
  if (how.concurrent_max == 0) return fail(errc::malformed, "no request may be under way");
  if (how.write_directory.empty()) return {};
  std::error_code failed;
  std::filesystem::create_directories(how.write_directory, failed);
  if (failed) return zc::fail_os(failed.value(), "cannot make the directory to write to");
  return {};
}

// The threads of one sink: on each a service and its listeners.
class staff {
 public:
  staff(const sink_options& how, zc::quota& limits, zc::clock& time)
      : how_(how),
        unruly_(how.read_rate > 0 || how.cut > 0),
        posts_(how.threads),
        group_({how.threads, how.pin, "sink", {}}, pollers(time), limits, time) {}

  result<sink_listening> start() {
    const auto started = group_.start([this](zc::shard& on) { return man(on); },
                                      [this](zc::shard& on) { leave(posts_[on.id()]); });
    if (!started) return std::unexpected(started.error());
    sink_listening at{how_.grpc, how_.http};
    // One after the other: the first decides the port where none was given.
    for (unsigned i = 0; i < group_.size(); ++i) {
      if (const auto done = listen(i, at); !done) {
        end();
        return std::unexpected(done.error());
      }
    }
    return at;
  }

  void drain() {
    for (unsigned i = 0; i < group_.size(); ++i) {
      group_.post(i, [this, i] {
        for (const auto& s : posts_[i].servers) s->drain();
      });
    }
  }
  // No connection is left on any shard. Asks the shards, and waits for their answers.
  bool drained() {
    bool all = true;
    for (unsigned i = 0; i < group_.size(); ++i) {
      const auto empty = group_.ask(i, [this, i] {
        return std::all_of(posts_[i].servers.begin(), posts_[i].servers.end(),
                           [](const auto& s) { return s->drained(); });
      });
      all = all && empty.value_or(true);
    }
    return all;
  }
  void end() {
    group_.stop();
    group_.join();
  }

  progress_figures figures() const noexcept {
    progress_figures f;
    for (const post& p : posts_) {
      f.items += p.now.items.load(std::memory_order_relaxed);
      f.bytes += p.now.bytes.load(std::memory_order_relaxed);
      f.requests += p.now.requests.load(std::memory_order_relaxed);
      f.in_flight += p.now.waiting.load(std::memory_order_relaxed);
      f.errors += p.now.errors.load(std::memory_order_relaxed);
    }
    return f;
  }

  // After end().
  void add_to(sink_report& r) {
    for (post& p : posts_) {
      for (std::size_t s = 0; s < otlp::signals; ++s) r.signals[s].add(p.totals[s]);
      r.received.merge(p.received);
      r.unwritten += p.unwritten;
    }
  }

 private:
  struct post {
    sink_gauges now;
    std::unique_ptr<sink_service> service;
    std::vector<std::unique_ptr<zc::net::server>> servers;
    // What the service knew when it went.
    std::array<sink_totals, otlp::signals> totals{};
    tracker received;
    std::uint64_t unwritten = 0;
  };

  zc::shard_group::make_poller pollers(zc::clock& time) const {
    auto real =
        how_.pollers ? how_.pollers : zc::shard_group::make_poller(zc::io::make_epoll_poller);
    if (!unruly_) return real;
    return [real = std::move(real), &time,
            rate = how_.read_rate / how_.threads]() -> std::unique_ptr<zc::poller> {
      auto inner = real();
      if (inner == nullptr) return nullptr;
      return std::make_unique<unruly_poller>(std::move(inner), time, rate);
    };
  }

  result<void> man(zc::shard& on) {
    post& p = posts_[on.id()];
    auto* cutter = unruly_ ? static_cast<unruly_poller*>(&on.io()) : nullptr;
    p.service = std::make_unique<sink_service>(on, how_, cutter, p.now);
    return {};
  }

  static void leave(post& p) {
    p.servers.clear();
    if (p.service == nullptr) return;
    p.totals = p.service->totals();
    p.received = p.service->take_received();
    p.unwritten = p.service->unwritten();
    p.service.reset();
  }

  result<void> listen(unsigned i, sink_listening& at) {
    const bool both = at.grpc && at.http && at.grpc->text() == at.http->text();
    if (at.grpc) {
      const auto local = listen_at(i, *at.grpc, true, both);
      if (!local) return std::unexpected(local.error());
      at.grpc = *local;
      if (both) at.http = *local;
    }
    if (at.http && !both) {
      const auto local = listen_at(i, *at.http, false, true);
      if (!local) return std::unexpected(local.error());
      at.http = *local;
    }
    return {};
  }

  result<zc::endpoint> listen_at(unsigned i, const zc::endpoint& where, bool grpc, bool http) {
    return group_.ask(i, [this, i, &where, grpc, http]() -> result<zc::endpoint> {
      zc::net::server_options o;
      o.at = where;
      o.socket.congestion = how_.congestion;
      o.grpc = grpc;
      o.http = http;
      o.message_bytes_max = how_.message_bytes_max;
      o.streams_max = how_.streams_max;
      if (how_.retry_after) o.retry_after = *how_.retry_after;
      auto made = zc::net::server::listen(group_.at(i), o, *posts_[i].service);
      if (!made) return std::unexpected(made.error());
      zc::endpoint local = (*made)->local();
      posts_[i].servers.push_back(std::move(*made));
      return local;
    });
  }

  const sink_options& how_;
  const bool unruly_;
  std::vector<post> posts_;
  zc::shard_group group_;
};

double seconds(zc::nanoseconds t) noexcept {
  return static_cast<double>(t.count()) / 1e9;
}

}  // namespace

void sink_totals::add(const sink_totals& o) noexcept {
  requests += o.requests;
  taken += o.taken;
  bytes += o.bytes;
  telemetry += o.telemetry;
  items += o.items;
  traced += o.traced;
  json += o.json;
  partial += o.partial;
  refused += o.refused;
  busy += o.busy;
  cut += o.cut;
  silent += o.silent;
  malformed += o.malformed;
}

sink_totals sink_report::totals() const noexcept {
  sink_totals sum;
  for (const sink_totals& s : signals) sum.add(s);
  return sum;
}

result<sink_report> sink(const sink_options& how, const std::atomic<bool>& stop) {
  if (const auto good = check(how); !good) return std::unexpected(good.error());
  zc::quota limits(how.memory);
  zc::steady_clock time;
  staff people(how, limits, time);
  const auto at = people.start();
  if (!at) return std::unexpected(at.error());
  if (how.on_listening) how.on_listening(*at);

  const zc::time_point start = time.now();
  progress_printer progress("sink", how.quiet ? std::chrono::milliseconds(0) : how.report_interval,
                            start);
  const auto over = [&] {
    return stop.load(std::memory_order_relaxed) ||
           (how.duration.count() > 0 && time.now() - start >= how.duration);
  };
  while (!over()) {
    std::this_thread::sleep_for(look_again);
    progress.tick(time.now(), people.figures());
  }
  const zc::time_point stopped = time.now();
  people.drain();
  while (!people.drained() && time.now() - stopped < drain_max) {
    std::this_thread::sleep_for(look_again);
  }
  people.end();
  sink_report report;
  report.seconds = seconds(stopped - start);
  people.add_to(report);
  return report;
}

int run_sink(const sink_options& how, const std::atomic<bool>& stop) {
  sink_options mine = how;
  if (!mine.on_listening) {
    mine.on_listening = [](const sink_listening& at) {
      if (at.grpc) fmt::print(stderr, "sink listens for gRPC at {}\n", at.grpc->text());
      if (at.http) fmt::print(stderr, "sink listens for HTTP at {}\n", at.http->text());
      std::fflush(stderr);
    };
  }
  const auto report = sink(mine, stop);
  if (!report) {
    fmt::print(stderr, "sluice sink: {}\n", text_of(report.error()));
    return 1;
  }
  fmt::print(stderr, "{}", text_of(*report, how.look));
  if (!how.json_path.empty() && !write_report(how.json_path, json_of(*report, how.look))) {
    fmt::print(stderr, "sluice sink: cannot write {}\n", how.json_path);
    return 1;
  }
  return 0;
}

}  // namespace sluice::rig
