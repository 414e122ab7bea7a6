// gate/app/gateway.h - the gateway as a whole: the shards with their graphs, the memory quota, the
// admin ports.
//
// Threads  start(), stop() and wait() are the main thread's; stop() may be called from any thread,
//          also twice (the second call does not wait any longer).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "gate/app/admin.h"
#include "gate/app/liveness.h"
#include "gate/app/reload.h"
#include "gate/app/shard_graph.h"
#include "gate/app/status_page.h"
#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/settings.h"
#include "zc/mem/quota.h"
#include "zc/shard/shard_group.h"
#include "zc/shard/snapshot.h"

namespace sluice {

struct gateway_options {
  unsigned shards = 0;  // 0: one per core that the process may use
  bool pin = false;
  std::size_t memory_limit = 0;  // bytes of payload memory; 0: default_memory_limit()
  milliseconds grace{10'000};    // for stopping
  std::string congestion;        // TCP congestion control of all sockets
};

// Half of the cgroup's limit when there is one, else a quarter of the machine's memory.
std::size_t default_memory_limit();

struct gateway_totals {
  std::uint64_t items[otlp::signals] = {};
  std::uint64_t bytes_received = 0;
  std::uint64_t queued = 0;   // in units of each queue's sizer
  std::uint64_t refused = 0;  // items
  std::uint64_t failed = 0;   // items that exporters gave up or backends refused for good
};

class gateway {
 public:
  gateway(gateway_settings settings, gateway_options options, log& out);
  gateway(const gateway&) = delete;
  gateway& operator=(const gateway&) = delete;
  ~gateway();

  // Listens and runs. On failure everything is stopped again and the text says what was in the way.
  std::expected<void, std::string> start();
  // Begins to stop: no new requests, queues drain within the grace period.
  void stop();
  // Until everything has stopped. Returns what was in the queues and could not be delivered before
  // the end. `at_the_end` runs on the first shard before it goes: for what belongs to it.
  std::vector<undelivered> wait(std::function<void()> at_the_end = {});
  unsigned shards() const noexcept { return shared_.shards; }

  // As it was started.
  const gateway_settings& settings() const noexcept { return settings_; }
  // Takes over what may change while it runs, on all shards soon after; what may not stays. One call
  // at a time, from any thread, between start() and the end of wait().
  reload_plan reload(const gateway_settings& next);
  // Items that exporters gave up, or backends refused for good, while it ran: what wait() returned
  // is not in it. After wait().
  std::uint64_t lost_items() const noexcept { return lost_items_; }
  zc::endpoint listening_at(std::size_t receiver, std::size_t listener) const;
  zc::shard& first_shard() noexcept { return group_.at(0); }
  gateway_totals totals() const;
  const zc::quota& memory() const noexcept { return quota_; }
  std::string metrics_text() const;
  // What an operator's tools read beside: all of a page but its state and when it was written.
  void put_status(status_page& to) const;
  bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }

 private:
  zc::result<void> begin(zc::shard& on);
  void end(zc::shard& on);
  void report_held(zc::shard& on);
  struct counts;
  counts all_counts() const;
  std::expected<void, std::string> prepare();
  std::expected<void, std::string> find_ports_free() const;
  std::expected<void, std::string> open_admin();
  void close_admin();
  void shard_stopped();
  void tell_shards();

  const gateway_settings settings_;
  const std::map<std::string, std::string> identity_;  // of target_info
  zc::snapshot<gateway_settings> live_;                // settings_, and what has changed since
  const gateway_options options_;
  log& out_;
  zc::quota quota_;
  mutable zc::steady_clock clock_;
  zc::shard_group group_;
  shared_parts shared_;
  zc::time_point started_;
  std::chrono::system_clock::time_point started_at_;
  std::vector<std::unique_ptr<shard_graph>> graphs_;  // by shard
  // On shard 0. They read and ask all others: made after the last graph, gone before the first goes.
  std::unique_ptr<liveness> liveness_;
  std::unique_ptr<admin> admin_;
  std::optional<zc::snapshot<gateway_settings>::subscription> telling_;
  std::uint64_t lost_items_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> running_{false};
  mutable std::mutex guard_;
  std::condition_variable changed_;
  // Under guard_.
  unsigned stopped_ = 0;
  std::string failure_;
  std::vector<undelivered> left_behind_;
};

}  // namespace sluice
