#include "gate/app/gateway.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "gate/app/process_metrics.h"
#include "gate/pipeline/engine/metrics_text.h"
#include "zc/base/check.h"
#include "zc/io/epoll_poller.h"
#include "zc/io/file.h"
#include "zc/io/signal_watch.h"
#include "zc/io/system.h"
#include "zc/shard/topology.h"

namespace sluice {
namespace {

std::string words(const zc::error& why) {
  if (why.os == 0) return std::string(why.reason);
  const std::string_view cause = std::strerror(why.os);
  return why.reason == cause ? std::string(cause) : fmt::format("{}: {}", why.reason, cause);
}

unsigned shards_of(const gateway_options& options) {
  if (options.shards != 0) return options.shards;
  const auto cores = static_cast<unsigned>(zc::allowed_cores().size());
  const double granted = zc::io::cpu_limit();
  if (granted <= 0) return cores;
  return std::clamp(static_cast<unsigned>(std::lround(granted)), 1u, cores);
}

zc::shard_group::options group_options(const gateway_options& options) {
  zc::shard_group::options how;
  how.shards = shards_of(options);
  how.pin = options.pin;
  how.name = "sluice";
  return how;
}

constexpr std::size_t held_lines_max = 8;  // per shard, in the log at the end

bool queued(const exporter_settings& e) noexcept {
  return e.kind == exporter_kind::otlp_grpc || e.kind == exporter_kind::otlp_http;
}

}  // namespace

std::size_t default_memory_limit() {
  const zc::io::memory_bound bound = zc::io::memory_limit();
  return bound.bytes / (bound.from == zc::io::memory_source::machine ? 4 : 2);
}

gateway::gateway(gateway_settings settings, gateway_options options, log& out)
    : settings_(std::move(settings)),
      identity_(identity_of(settings_)),
      live_(settings_),
      options_(std::move(options)),
      out_(out),
      quota_(options_.memory_limit != 0 ? options_.memory_limit : default_memory_limit()),
      group_(group_options(options_), &zc::io::make_epoll_poller, quota_, clock_),
      shared_{settings_, live_, out_, shards_of(options_), {}, {}, {}, {}} {
  shared_.socket.congestion = options_.congestion;
}

gateway::~gateway() {
  if (!running_) return;
  stop();
  stop();
  wait();
}

std::expected<void, std::string> gateway::find_ports_free() const {
  // With SO_REUSEPORT a second gateway of the same user would silently take half of the
  // connections: look first.
  const std::unique_ptr<zc::poller> probe = zc::io::make_epoll_poller();
  if (probe == nullptr) return std::unexpected("no file descriptors left");
  struct nobody final : zc::acceptor_events {
    void on_accepted(std::unique_ptr<zc::stream>) override {}
  } events;
  zc::socket_options alone = shared_.socket;
  alone.reuse_port = false;
  const auto try_port = [&](std::string_view whose,
                            const zc::endpoint& at) -> std::expected<void, std::string> {
    if (auto free = probe->listen(at, alone, events); !free) {
      return std::unexpected(
          fmt::format("{}: cannot listen on {}: {}", whose, at.text(), words(free.error())));
    }
    return {};
  };
  for (const otlp_receiver_settings& r : settings_.receivers) {
    for (const otlp_listener_settings& l : r.listeners) {
      if (auto free = try_port(r.id, l.at); !free) return free;
    }
  }
  if (settings_.metrics_at) {
    if (auto free = try_port("service::telemetry::metrics", *settings_.metrics_at); !free)
      return free;
  }
  if (settings_.health_check) return try_port("health_check", settings_.health_check->at);
  return {};
}

std::expected<void, std::string> gateway::prepare() {
  if (auto free = find_ports_free(); !free) return free;
  const auto queues = static_cast<std::size_t>(
      std::count_if(settings_.exporters.begin(), settings_.exporters.end(), queued));
  for (const exporter_settings& e : settings_.exporters) {
    if (queued(e)) {
      // A dead backend may fill its own queue; all of them together must leave room for what is
      // under way.
      const std::size_t bytes = std::max<std::size_t>(quota_.soft_limit() / 4 * 3 / queues, 1_MiB);
      shared_.accounts.emplace(
          e.id, std::make_unique<queue_account>(e.queue.sizer, e.queue.queue_size, bytes));
      shared_.consumers.emplace(
          e.id, std::make_unique<consumer_budget>(e.queue.num_consumers, shared_.shards));
    } else if (e.kind == exporter_kind::file) {
      const std::string folder = std::filesystem::path(e.file.path).parent_path().string();
      if (e.file.create_directory && !folder.empty()) {
        if (auto made = zc::io::make_directories(folder); !made) {
          return std::unexpected(
              fmt::format("{}: cannot make {}: {}", e.id, folder, words(made.error())));
        }
      }
      zc::io::file_writer::options how;
      how.path = e.file.path;
      how.truncate = !e.file.append;
      how.rotate_bytes = std::uint64_t{e.file.rotate_megabytes_max} << 20;
      how.backups_max = static_cast<unsigned>(e.file.rotate_backups_max);
      how.queue_bytes_max = std::clamp(quota_.soft_limit() / 8, 1_MiB, 64_MiB);
      auto opened = zc::io::file_writer::open(std::move(how));
      if (!opened) {
        return std::unexpected(
            fmt::format("{}: cannot open {}: {}", e.id, e.file.path, words(opened.error())));
      }
      shared_.writers.emplace(e.id, std::move(*opened));
    }
  }
  return {};
}

std::expected<void, std::string> gateway::start() {
  if (const auto raised = zc::io::raise_open_files_limit(); !raised) {
    out_.write(log_level::warn, "sluice",
               "cannot raise the limit of open files: " + words(raised.error()));
  }
  zc::io::ignore_write_signals();
  if (auto ready = prepare(); !ready) return ready;
  started_ = clock_.now();
  started_at_ = std::chrono::system_clock::now();
  graphs_.resize(group_.size() != 0 ? group_.size() : shared_.shards);
  running_ = true;
  const auto up =
      group_.start([this](zc::shard& on) { return begin(on); }, [this](zc::shard& on) { end(on); });
  if (up) {
    auto opened = open_admin();
    if (opened) {
      telling_.emplace(live_.on_change([this](std::uint64_t) { tell_shards(); }));
      return {};
    }
    group_.stop();
    group_.join();
    running_ = false;
    return opened;
  }
  running_ = false;
  const std::scoped_lock lock(guard_);
  return std::unexpected(failure_.empty() ? words(up.error()) : failure_);
}

// Only now: /metrics reads the graphs of all shards, and the health check says yes when all of them
// listen.
std::expected<void, std::string> gateway::open_admin() {
  const auto opened = group_.ask(0, [this]() -> std::expected<void, std::string> {
    zc::shard& first = group_.at(0);
    std::vector<zc::shard*> others;
    for (unsigned i = 1; i < group_.size(); ++i) others.push_back(&group_.at(i));
    liveness_ = std::make_unique<liveness>(first, others, out_);
    admin_ = std::make_unique<admin>([this] { return metrics_text(); },
                                     [this] { return liveness_->complaint(); });
    if (const auto listening = admin_->listen(first, settings_); !listening) {
      return std::unexpected(
          fmt::format("cannot listen on {}: {}", admin_->failed_at(), words(listening.error())));
    }
    return {};
  });
  if (!opened) return std::unexpected(words(opened.error()));
  return *opened;
}

void gateway::close_admin() {
  admin_.reset();
  liveness_.reset();
}

zc::result<void> gateway::begin(zc::shard& on) {
  auto graph = std::make_unique<shard_graph>(on, shared_, std::random_device{}());
  auto opened = graph->listen();
  const std::string where = graph->failed_at();
  graphs_[on.id()] = std::move(graph);
  if (!opened) {
    const std::scoped_lock lock(guard_);
    if (failure_.empty())
      failure_ = fmt::format("cannot listen on {}: {}", where, words(opened.error()));
  }
  return opened;
}

void gateway::end(zc::shard& on) {
  if (on.id() == 0) close_admin();
  graphs_[on.id()].reset();
  report_held(on);
}

// Nothing of the graph is left, so blocks that are still out are held by mistake, or by another
// shard that ends a moment later. A sample of them says who took them.
void gateway::report_held(zc::shard& on) {
  std::size_t told = 0;
  for (const zc::pool::sample& s : on.memory().held_longer_than(zc::nanoseconds(0))) {
    const std::string_view label = s.label == nullptr ? "" : s.label;
    if (label == zc::shard::pool_label) continue;
    if (++told > held_lines_max) break;
    std::string line =
        fmt::format("shard {}: a block of {} bytes is still held after {:.1f} s: {}", on.id(),
                    s.bytes, std::chrono::duration<double>(s.age).count(), label);
    for (void* frame : s.frames) {
      if (frame != nullptr) fmt::format_to(std::back_inserter(line), " {}", fmt::ptr(frame));
    }
    out_.write(log_level::warn, "sluice", line);
  }
}

reload_plan gateway::reload(const gateway_settings& next) {
  reload_plan plan;
  live_.update([&](gateway_settings& running) {
    plan = plan_reload(running, next);
    // Before the shards are told: what they hold may fit now, or not any more.
    for (const exporter_settings& e : plan.effective.exporters) {
      const auto account = shared_.accounts.find(e.id);
      if (account != shared_.accounts.end()) account->second->set_capacity(e.queue.queue_size);
    }
    running = plan.effective;
    return !plan.changed.empty();
  });
  return plan;
}

void gateway::tell_shards() {
  for (unsigned i = 0; i < group_.size(); ++i) {
    group_.post(i, [this, i] {
      if (graphs_[i] != nullptr) graphs_[i]->reconfigure();
    });
  }
}

void gateway::stop() {
  const bool again = stopping_.exchange(true);
  for (unsigned i = 0; i < group_.size(); ++i) {
    group_.post(i, [this, i, again] {
      if (again) {
        graphs_[i]->stop_now();
        return;
      }
      if (i == 0 && admin_) admin_->begin_to_stop();
      graphs_[i]->stop(options_.grace, [this] { shard_stopped(); });
    });
  }
}

void gateway::shard_stopped() {
  const std::scoped_lock lock(guard_);
  stopped_ += 1;
  changed_.notify_all();
}

std::vector<undelivered> gateway::wait(std::function<void()> at_the_end) {
  {
    std::unique_lock lock(guard_);
    changed_.wait(lock, [this] { return stopped_ == group_.size(); });
  }
  telling_.reset();
  for (auto& [id, writer] : shared_.writers) writer->close();
  lost_items_ = totals().failed;
  for (const auto& graph : graphs_) {
    for (const undelivered& part : graph->left_behind()) {
      auto of = std::find_if(left_behind_.begin(), left_behind_.end(),
                             [&](const undelivered& u) { return u.component == part.component; });
      if (of == left_behind_.end()) of = left_behind_.insert(of, {part.component, 0, 0});
      of->requests += part.requests;
      of->items += part.items;
    }
  }
  (void)group_.ask(0, [&] {
    close_admin();  // before any graph goes
    if (at_the_end) at_the_end();
  });
  group_.stop();
  group_.join();
  running_ = false;
  for (const undelivered& u : left_behind_) {
    if (shared_.accounts.contains(u.component)) lost_items_ -= std::min(lost_items_, u.items);
  }
  return std::move(left_behind_);
}

zc::endpoint gateway::listening_at(std::size_t receiver, std::size_t listener) const {
  return graphs_.at(0)->listening_at(receiver, listener);
}

gateway_totals gateway::totals() const {
  gateway_totals sum;
  for (const auto& graph : graphs_) {
    for (const receiver_metrics& r : graph->counts().receivers()) {
      for (const otlp::signal s : otlp::all_signals) {
        sum.items[static_cast<std::size_t>(s)] += r.of[s].accepted.read();
        sum.refused += r.of[s].refused.read();
      }
    }
    for (const processor_metrics& p : graph->counts().processors()) sum.failed += p.dropped.read();
    for (const exporter_metrics& e : graph->counts().exporters()) {
      sum.queued += e.queue_size.read();
      for (const otlp::signal s : otlp::all_signals) sum.failed += e.of[s].send_failed.read();
    }
    sum.bytes_received += graph->servers().bytes_received.read();
  }
  return sum;
}

// What the shards counted, one of each per shard.
struct gateway::counts {
  std::vector<const metrics*> nodes;
  std::vector<const server_counters*> servers;
  std::vector<const pool_counters*> pools;
};

gateway::counts gateway::all_counts() const {
  counts all;
  for (const auto& graph : graphs_) {
    all.nodes.push_back(&graph->counts());
    all.servers.push_back(&graph->servers());
    all.pools.push_back(&graph->pools());
  }
  return all;
}

std::string gateway::metrics_text() const {
  const counts all = all_counts();
  std::string text = prometheus_text(all.nodes);
  text += server_metrics_text(all.servers);
  text += pool_metrics_text(all.pools);
  text += process_metrics_text(
      quota_, std::chrono::duration<double>(clock_.now() - started_).count(), identity_);
  return text;
}

void gateway::put_status(status_page& to) const {
  to = {};
  const counts all = all_counts();
  put_nodes(to, all.nodes);
  put_servers(to.head, all.servers);
  put_process(to.head);
  to.head.started_at =
      static_cast<std::uint64_t>(started_at_.time_since_epoch() / zc::nanoseconds(1));
  to.head.shards = shared_.shards;
  to.head.memory_payload = quota_.used();
  to.head.memory_peak = quota_.peak();
  to.head.memory_limit = quota_.limit();
  const gateway_totals sum = totals();
  std::ranges::copy(sum.items, to.head.items.begin());
  to.head.items_refused = sum.refused;
  to.head.items_failed = sum.failed;
  to.head.queued = sum.queued;
}

}  // namespace sluice
