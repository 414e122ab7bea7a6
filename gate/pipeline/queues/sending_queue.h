// gate/pipeline/queues/sending_queue.h - the queue of one exporter on one shard: bounded, first in
// first out, with retries.
//
//     consume --> held (block_on_overflow)  -->  waiting  -->  under way  --> sender
//                   not acknowledged              |              |    ^
//                   at most held_max              |              '-- backing off: keeps its slot
//                                                 '- acknowledged here, or (wait_for_result)
//                                                    with the outcome
//
// Ownership  Owns the sender, whose attempts end before the queue does.
// Threads    One shard; the capacity (queue_account) is shared by all shards' queues of the
//            exporter.
// Order      Attempts start in the order of arrival, at most `consumers` at a time, and over all
//            shards as many as the shared budget has; a request that backs off keeps its consumer,
//            as in the Collector.
// Bounds     queue_account: units and bytes. Held batches: held_max, and bytes by what the clients
//            keep open.
// Full       Refused retryably, or with block_on_overflow held without an answer: the client waits.
// Memory     Jobs are pooled: a request costs no allocation once the queue has been as full before
//            (up to jobs_kept).
// Disabled   queue_settings::enabled = false: answered with the outcome; as many under way as the
//            sender has slots. The account's bounds hold all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gate/pipeline/engine/consumer.h"
#include "gate/pipeline/engine/jitter.h"
#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/sender.h"
#include "gate/pipeline/engine/settings.h"
#include "gate/pipeline/engine/shard_context.h"
#include "gate/pipeline/queues/backoff.h"
#include "gate/pipeline/queues/consumer_budget.h"
#include "gate/pipeline/queues/queue_account.h"
#include "zc/mem/linked_list.h"
#include "zc/mem/object_pool.h"
#include "zc/shard/timer.h"

namespace sluice {

class sending_queue final : public consumer, private consumer_budget::user {
 public:
  struct limits {
    std::size_t consumers = 1;  // of this queue, at most
    consumer_budget* shared =
        nullptr;                 // of all shards' queues of the exporter; null: no such bound
    std::size_t held_max = 256;  // batches held by block_on_overflow
    milliseconds refused_delay{1'000};  // what clients are told when the queue is full
  };
  static constexpr std::size_t jobs_kept = 512;  // idle ones

  // `in`, `account` and what they refer to outlive the queue.
  sending_queue(shard_context& in, std::string id, const queue_settings& queue,
                const retry_settings& retry, const limits& bounds, queue_account& account,
                std::unique_ptr<sender> to);
  ~sending_queue() override;

  // While it runs: block_on_overflow and the retries, also of requests that back off already, from
  // their next wait on. The capacity is the account's, which has been told before; what is held and
  // does not fit into it any more is refused.
  void configure(const queue_settings& queue, const retry_settings& retry);

  void consume(batch&& b) override;
  bool waits_for_result() const noexcept override { return waits_; }
  // Whoever looks at a body in another coding keeps what was inflated: it is needed for sending.
  bool inflates(zc::coding as) const noexcept override {
    return as != zc::coding::identity && as != sender_->wants();
  }

  // Sends on until `deadline`; requests that back off past it get one last attempt now.
  void drain(zc::time_point deadline) override;
  bool drained() const noexcept override;
  void report(std::vector<undelivered>& to) const override;

  std::size_t waiting() const noexcept { return waiting_.size(); }
  std::size_t under_way() const noexcept { return active_.size(); }
  std::size_t held() const noexcept { return held_.size(); }
  sender& destination() noexcept { return *sender_; }

 private:
  struct job;
  using jobs = zc::linked_list<job>;
  enum class phase : std::uint8_t { open, draining, over };

  static zc::object_pool<job> pool_for(sending_queue& q);
  void take(job& j);
  void admit_held();
  void pump();
  bool take_consumer();
  void return_consumers();
  void on_consumer() override;
  void attempt(job& j);
  void on_outcome(job& j, verdict&& v);
  void retry_or_give_up(job& j, verdict&& v);
  void finish(job& j, verdict&& v);
  void lose(job& j, verdict&& v);
  void leave(job& j);
  static void forget(job& j) noexcept;
  void on_backoff_end(job& j);
  void on_poll();
  void on_deadline();
  void watch_held();
  void refuse(batch&& b, verdict&& v);
  void count(const job& j, bool in) noexcept;

  shard_context& in_;
  const std::string id_;
  queue_settings queue_;
  retry_settings retry_;
  const limits bounds_;
  const bool waits_;
  queue_account& account_;
  exporter_metrics& counts_;
  jitter random_;
  phase phase_ = phase::open;
  bool pumping_ = false;
  std::size_t consumers_;
  consumer_budget* const shared_;
  std::size_t taken_ = 0;  // of shared_: those under way, and what the next one may start with
  zc::time_point deadline_{};
  undelivered given_up_;
  log_gate refused_gate_;
  log_gate retry_gate_;
  log_gate lost_gate_;
  zc::object_pool<job> jobs_;
  jobs held_;
  jobs waiting_;
  jobs active_;
  zc::member_timer<sending_queue, &sending_queue::on_poll> poll_;
  zc::member_timer<sending_queue, &sending_queue::on_deadline> end_;
  std::unique_ptr<sender> sender_;
};

}  // namespace sluice
