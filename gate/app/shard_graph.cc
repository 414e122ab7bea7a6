#include "gate/app/shard_graph.h"

#include <algorithm>
#include <utility>

#include "gate/pipeline/engine/fanout.h"
#include "gate/pipeline/exporters/debug_exporter.h"
#include "gate/pipeline/exporters/file_exporter.h"
#include "gate/pipeline/exporters/nop_exporter.h"
#include "gate/pipeline/exporters/otlp_exporter.h"
#include "gate/pipeline/processors/batch_processor.h"
#include "gate/pipeline/queues/sending_queue.h"
#include "zc/base/check.h"
#include "zc/shard/sleep.h"

namespace sluice {
namespace {

constexpr milliseconds publish_every(250);
constexpr milliseconds stop_tick(5);
// One block in so many is sampled, so that what holds memory for long can be named; a record costs
// some microseconds.
constexpr std::uint64_t sampled_takes = 1024;

template <class Settings>
const Settings& by_id(const std::vector<Settings>& all, const std::string& id) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Settings& s) { return s.id == id; });
  ZC_CHECK(found != all.end());  // the loader has checked references
  return *found;
}

bool names(const std::vector<std::string>& all, const std::string& id) {
  return std::find(all.begin(), all.end(), id) != all.end();
}

}  // namespace

shard_graph::shard_graph(zc::shard& on, shared_parts& shared, std::uint64_t seed)
    : shared_(shared),
      live_(shared.live),
      on_(on),
      context_{on, coder_, counts_, shared.out, seed},
      publish_timer_(*this),
      stopping_(on, 1) {
  const gateway_settings& all = shared_.settings;
  for (const otlp_receiver_settings& r : all.receivers) {
    for (const otlp_listener_settings& l : r.listeners) {
      context_.inflated_bytes_max = std::max(context_.inflated_bytes_max, l.inflated_bytes_max);
    }
  }
  for (const exporter_settings& e : all.exporters) exporters_.emplace(e.id, make_exporter(e));
  for (const pipeline_settings& p : all.pipelines) make_pipeline(p);
  for (std::size_t r = 0; r < all.receivers.size(); ++r) {
    const otlp_receiver_settings& how = all.receivers[r];
    for (std::size_t l = 0; l < how.listeners.size(); ++l) {
      doors_.push_back({std::make_unique<otlp_receiver>(context_, how.id, how.listeners[l],
                                                        how.inspect, routes_of(how)),
                        nullptr, r, l});
    }
  }
  on_.memory().sample_every(sampled_takes);
  on_.arm(publish_timer_, publish_every);
}

shard_graph::~shard_graph() {
  doors_.clear();  // no request comes any more
  pipelines_.clear();
  forks_.clear();
}

std::unique_ptr<consumer> shard_graph::make_exporter(const exporter_settings& how) {
  switch (how.kind) {
    case exporter_kind::nop:
      return std::make_unique<nop_exporter>(context_, how.id);
    case exporter_kind::debug:
      return std::make_unique<debug_exporter>(context_, how.id, how.debug);
    case exporter_kind::file:
      return std::make_unique<file_exporter>(context_, how.id, how.file,
                                             *shared_.writers.at(how.id));
    case exporter_kind::otlp_grpc:
    case exporter_kind::otlp_http:
      break;
  }
  sending_queue::limits bounds;
  bounds.consumers = how.queue.num_consumers;
  bounds.shared = shared_.consumers.at(how.id).get();
  return std::make_unique<sending_queue>(context_, how.id, how.queue, how.retry, bounds,
                                         *shared_.accounts.at(how.id),
                                         otlp_exporter::connect(context_, how, bounds.consumers));
}

void shard_graph::make_pipeline(const pipeline_settings& how) {
  std::vector<consumer*> to;
  for (const std::string& id : how.exporters) to.push_back(exporters_.at(id).get());
  auto made = std::make_unique<pipeline>(how.id, how.signal, std::move(to));
  batch_processor::limits bounds;
  bounds.bytes_max = std::clamp(on_.memory().limits().limit() / 8, 1_MiB, bounds.bytes_max);
  for (auto id = how.processors.rbegin(); id != how.processors.rend(); ++id) {
    auto joining = std::make_unique<batch_processor>(
        context_, by_id(shared_.settings.batch_processors, *id), bounds, how.signal, made->entry());
    batches_.emplace_back(*id, joining.get());
    made->put_before(std::move(joining));
  }
  pipelines_.push_back(std::move(made));
}

otlp_receiver::routes shard_graph::routes_of(const otlp_receiver_settings& receiver) {
  otlp_receiver::routes to{};
  for (const otlp::signal kind : otlp::all_signals) {
    std::vector<consumer*> entries;
    for (std::size_t i = 0; i < pipelines_.size(); ++i) {
      const pipeline_settings& p = shared_.settings.pipelines[i];
      if (p.signal == kind && names(p.receivers, receiver.id))
        entries.push_back(&pipelines_[i]->entry());
    }
    if (entries.empty()) continue;
    if (entries.size() == 1) {
      to[static_cast<std::size_t>(kind)] = entries.front();
      continue;
    }
    forks_.push_back(std::make_unique<fanout>(std::move(entries)));
    to[static_cast<std::size_t>(kind)] = forks_.back().get();
  }
  return to;
}

void shard_graph::reconfigure() {
  const gateway_settings& now = live_.read();
  for (const exporter_settings& e : now.exporters) {
    consumer& node = *exporters_.at(e.id);
    if (e.kind == exporter_kind::debug) static_cast<debug_exporter&>(node).configure(e.debug);
    if (e.kind != exporter_kind::otlp_grpc && e.kind != exporter_kind::otlp_http) continue;
    auto& queue = static_cast<sending_queue&>(node);
    static_cast<otlp_exporter&>(queue.destination()).configure(e);
    queue.configure(e.queue, e.retry);
  }
  for (const auto& [id, node] : batches_) node->configure(by_id(now.batch_processors, id));
  for (door& d : doors_) d.receiver->set_inspect(now.receivers[d.receiver_index].inspect);
}

zc::result<void> shard_graph::listen() {
  for (door& d : doors_) {
    const otlp_listener_settings& how =
        shared_.settings.receivers[d.receiver_index].listeners[d.listener_index];
    // The path of a socket has one owner, unlike a port.
    if (!how.at.unix_path.empty() && on_.id() != 0) continue;
    zc::net::server_options options;
    options.at = how.at;
    options.socket = shared_.socket;
    // gRPC may share the HTTP port (OTLP specification, "OTLP/HTTP Connection"); the gRPC port is
    // for gRPC alone.
    options.grpc = true;
    options.http = !how.grpc;
    options.message_bytes_max = how.message_bytes_max;
    options.streams_max = how.max_concurrent_streams;
    options.keep_metadata = how.include_metadata;
    auto opened = zc::net::server::listen(on_, options, *d.receiver);
    if (!opened) {
      failed_at_ = how.at.text();
      return std::unexpected(opened.error());
    }
    d.server = std::move(*opened);
  }
  return {};
}

zc::endpoint shard_graph::listening_at(std::size_t receiver, std::size_t listener) const {
  for (const door& d : doors_) {
    if (d.receiver_index == receiver && d.listener_index == listener) return d.server->local();
  }
  ZC_CHECK(false && "no such listener");
  return {};
}

void shard_graph::publish() {
  zc::net::server_statistics sum;
  for (const door& d : doors_) {
    if (d.server == nullptr) continue;
    const zc::net::server_statistics& s = d.server->statistics();
    sum.accepted += s.accepted;
    sum.open += s.open;
    sum.requests += s.requests;
    sum.refused_memory += s.refused_memory;
    sum.refused_early += s.refused_early;
    sum.protocol_errors += s.protocol_errors;
    sum.timed_out += s.timed_out;
    sum.bytes_received += s.bytes_received;
    sum.bytes_sent += s.bytes_sent;
  }
  published_.accepted.set(sum.accepted);
  published_.open.set(sum.open);
  published_.requests.set(sum.requests);
  published_.refused_memory.set(sum.refused_memory);
  published_.refused_early.set(sum.refused_early);
  published_.protocol_errors.set(sum.protocol_errors);
  published_.timed_out.set(sum.timed_out);
  published_.bytes_received.set(sum.bytes_received);
  published_.bytes_sent.set(sum.bytes_sent);
  publish_pool();
  on_.arm(publish_timer_, publish_every);
}

void shard_graph::publish_pool() {
  const zc::pool::statistics s = on_.memory().read();
  published_pool_.refused.set(s.refused);
  published_pool_.foreign.set(s.foreign);
  published_pool_.returned.set(s.returned);
  published_pool_.called.set(s.called);
  published_pool_.cached_bytes.set(s.cached_bytes);
  for (std::size_t i = 0; i < s.of.size(); ++i) {
    published_pool_.of[i].hits.set(s.of[i].hits);
    published_pool_.of[i].misses.set(s.of[i].misses);
    published_pool_.of[i].out.set(s.of[i].out);
    published_pool_.of[i].kept.set(s.of[i].kept);
  }
  const zc::pool::oldest_sample oldest = on_.memory().oldest();
  published_pool_.samples.set(oldest.held);
  published_pool_.oldest_ms.set(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(oldest.age).count()));
}

void shard_graph::stop(milliseconds grace, std::function<void()> then) {
  if (phase_ != phase::running) return;
  if (at_once_) grace = milliseconds(0);
  stopped_ = std::move(then);
  stop_by_ = on_.now() + grace;
  // Requests that wait for their result may take as long as sending does; others are answered in a
  // moment.
  servers_by_ = on_.now() + grace / 2;
  phase_ = phase::closing_servers;
  const bool begun = stopping_.spawn(close_down());
  ZC_CHECK(begun);
}

// stop_now() may move the deadlines meanwhile.
zc::task<> shard_graph::close_down() {
  for (door& d : doors_) {
    if (d.server != nullptr) d.server->drain();
  }
  co_await until([this] { return servers_drained() || on_.now() >= servers_by_; });
  for (door& d : doors_) d.receiver->close();
  for (auto& p : pipelines_) p->drain(stop_by_);
  phase_ = phase::draining_pipelines;
  co_await until([this] { return pipelines_drained() || on_.now() >= stop_by_; });
  // Whose time is over settles now: its own timer may come after the question what it gave up.
  if (!pipelines_drained()) {
    for (auto& p : pipelines_) p->drain(stop_by_);
  }
  for (auto& [id, e] : exporters_) e->drain(stop_by_);
  phase_ = phase::draining_exporters;
  // One tick beyond the deadline: the nodes' own deadline timers settle what is left.
  co_await until([this] { return exporters_drained() || on_.now() >= stop_by_ + 10 * stop_tick; });
  phase_ = phase::stopped;
  for (const auto& p : pipelines_) p->report(left_behind_);
  for (const auto& [id, e] : exporters_) e->report(left_behind_);
  publish();
  if (stopped_) std::exchange(stopped_, nullptr)();
}

template <class Done>
zc::task<> shard_graph::until(Done done) {
  while (!done()) co_await zc::sleep_for(on_, stop_tick);
}

void shard_graph::stop_now() {
  at_once_ = true;
  if (phase_ == phase::running) return;  // stop() is on its way
  stop_by_ = servers_by_ = on_.now();
  // Nodes that were told the former deadline.
  if (phase_ >= phase::draining_pipelines) {
    for (auto& p : pipelines_) p->drain(stop_by_);
  }
  if (phase_ >= phase::draining_exporters) {
    for (auto& [id, e] : exporters_) e->drain(stop_by_);
  }
}

bool shard_graph::servers_drained() const {
  return std::all_of(doors_.begin(), doors_.end(),
                     [](const door& d) { return d.server == nullptr || d.server->drained(); });
}

bool shard_graph::pipelines_drained() const {
  return std::all_of(pipelines_.begin(), pipelines_.end(), [](auto& p) { return p->drained(); });
}

bool shard_graph::exporters_drained() const {
  return std::all_of(exporters_.begin(), exporters_.end(),
                     [](auto& e) { return e.second->drained(); });
}

}  // namespace sluice
