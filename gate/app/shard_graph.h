// gate/app/shard_graph.h - the whole gateway on one shard: servers, receivers, pipelines,
// exporters, wired as configured.
//
//     server -> otlp_receiver -> pipeline (processors -> fan-out) -> sending_queue -> otlp_exporter
//     -> client
//                                                                 -> file | debug | nop exporter
//
// Every shard has the same graph; between shards are shared only queue capacities, consumers, file
// writers and counters.
// Threads  Made, used and destroyed on its shard.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gate/pipeline/engine/consumer.h"
#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/pipeline.h"
#include "gate/pipeline/engine/settings.h"
#include "gate/pipeline/engine/shard_context.h"
#include "gate/pipeline/processors/batch_processor.h"
#include "gate/pipeline/queues/consumer_budget.h"
#include "gate/pipeline/queues/queue_account.h"
#include "gate/pipeline/receivers/otlp_receiver.h"
#include "zc/base/result.h"
#include "zc/io/file_writer.h"
#include "zc/mem/pool.h"
#include "zc/net/server.h"
#include "zc/shard/shard.h"
#include "zc/shard/snapshot.h"
#include "zc/shard/task.h"
#include "zc/shard/task_scope.h"
#include "zc/wire/coding/coder.h"

namespace sluice {

// What all shards of the process share.
struct shared_parts {
  const gateway_settings& settings;  // as it was started: what there is, and how it is wired
  const zc::snapshot<gateway_settings>& live;  // `settings`, and what has changed since
  log& out;
  unsigned shards = 1;
  zc::socket_options socket;
  std::map<std::string, std::unique_ptr<queue_account>> accounts;       // by exporter
  std::map<std::string, std::unique_ptr<consumer_budget>> consumers;    // by exporter
  std::map<std::string, std::unique_ptr<zc::io::file_writer>> writers;  // by exporter
};

// What a shard's servers counted, published for other threads to read.
struct server_counters {
  counter accepted, open, requests, refused_memory, refused_early, protocol_errors, timed_out,
      bytes_received, bytes_sent;
};

// The same for the shard's pool. Per class of blocks, by zc::size_class::index.
struct pool_counters {
  struct of_class {
    counter hits, misses, out, kept;
  };
  counter refused, foreign, returned, called, cached_bytes;
  counter samples, oldest_ms;  // blocks that are out and were sampled; how long the oldest has been
  std::array<of_class, zc::pool::classes> of;
};

class shard_graph {
 public:
  shard_graph(zc::shard& on, shared_parts& shared, std::uint64_t seed);
  shard_graph(const shard_graph&) = delete;
  shard_graph& operator=(const shard_graph&) = delete;
  ~shard_graph();

  // Opens the listeners; until then nothing arrives.
  zc::result<void> listen();
  // Where the listener that settings.receivers[receiver].listeners[listener] describes is bound.
  // Requires: the first shard, which alone has all of them.
  zc::endpoint listening_at(std::size_t receiver, std::size_t listener) const;
  // Which listener failed, for the message of a failed listen().
  const std::string& failed_at() const noexcept { return failed_at_; }

  // Reads the live settings again, and tells every node whose own may have changed.
  void reconfigure();

  // Stops in order: servers, pipelines, exporters; `then` is called when nothing is left or `grace`
  // is over.
  void stop(milliseconds grace, std::function<void()> then);
  void stop_now();  // makes stop(), before or after, give up what is left
  const std::vector<undelivered>& left_behind() const noexcept { return left_behind_; }

  const metrics& counts() const noexcept { return counts_; }
  const server_counters& servers() const noexcept { return published_; }
  const pool_counters& pools() const noexcept { return published_pool_; }

 private:
  enum class phase : unsigned char {
    running,
    closing_servers,
    draining_pipelines,
    draining_exporters,
    stopped
  };
  struct door {  // one listener
    std::unique_ptr<otlp_receiver> receiver;
    std::unique_ptr<zc::net::server> server;
    std::size_t receiver_index;
    std::size_t listener_index;
  };

  std::unique_ptr<consumer> make_exporter(const exporter_settings& how);
  void make_pipeline(const pipeline_settings& how);
  otlp_receiver::routes routes_of(const otlp_receiver_settings& receiver);
  void publish();
  void publish_pool();
  zc::task<> close_down();
  template <class Done>
  zc::task<> until(Done done);  // looks every few milliseconds
  bool servers_drained() const;
  bool pipelines_drained() const;
  bool exporters_drained() const;

  shared_parts& shared_;
  zc::snapshot<gateway_settings>::reader live_;
  zc::shard& on_;
  zc::coder coder_;
  metrics counts_;
  shard_context context_;
  server_counters published_;
  pool_counters published_pool_;
  std::map<std::string, std::unique_ptr<consumer>> exporters_;  // destroyed after the pipelines
  std::vector<std::unique_ptr<pipeline>> pipelines_;
  std::vector<std::pair<std::string, batch_processor*>> batches_;  // the pipelines', by id
  // a receiver that feeds several pipelines of one signal
  std::vector<std::unique_ptr<consumer>> forks_;
  std::vector<door> doors_;
  std::string failed_at_;

  phase phase_ = phase::running;
  bool at_once_ = false;  // stop_now() was called
  zc::time_point stop_by_{};
  zc::time_point servers_by_{};
  std::function<void()> stopped_;
  std::vector<undelivered> left_behind_;
  zc::member_timer<shard_graph, &shard_graph::publish> publish_timer_;
  zc::task_scope stopping_;  // last: its task uses all of the above
};

}  // namespace sluice
