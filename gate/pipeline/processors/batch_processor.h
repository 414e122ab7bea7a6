// gate/pipeline/processors/batch_processor.h - joins the requests of one pipeline on one shard into
// larger ones.
//
//     consume --> pending (identity chains, joined by reference) --flush--> outgoing --> next
//                                                      size | timeout      offered while refused
//
// Joining concatenates chains: the wire law of repeated fields makes the sum of requests a request,
// nothing is decoded or copied. Bodies that came compressed are inflated once; a request that fills
// a batch by itself passes as it came. Profiles pass through: their dictionary is per request.
//
// Answers  ok as soon as a request is part of a batch, unless downstream waits for results: then
//          with the outcome of every batch that holds a part of it. What was acknowledged early and
//          is refused retryably is kept and offered again, in order; what is refused for good is
//          dropped, counted and logged.
// Bounds   `bytes_max` over pending and outgoing; beyond it requests are refused retryably. One
//          request larger than that passes when there is nothing else. A batch is closed before it
//          grows beyond `batch_bytes_max`.
// Threads  One shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

#include "gate/pipeline/engine/consumer.h"
#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/settings.h"
#include "gate/pipeline/engine/shard_context.h"
#include "zc/shard/timer.h"

namespace sluice {

class batch_processor final : public consumer {
 public:
  struct limits {
    std::size_t bytes_max = 64_MiB;
    std::size_t batch_bytes_max = 16_MiB;
    milliseconds retry_min{100};  // between offers to a downstream that refuses
    milliseconds retry_max{5'000};
    milliseconds refused_delay{1'000};  // what clients are told when there is no room
  };

  // `in` and `next` outlive the processor.
  batch_processor(shard_context& in, const batch_settings& how, const limits& bounds,
                  otlp::signal kind, consumer& next);
  ~batch_processor() override;

  // While it runs. What is pending waits at most the new timeout from now on.
  void configure(const batch_settings& how);

  void consume(batch&& b) override;
  bool waits_for_result() const noexcept override { return waits_; }
  bool inflates(zc::coding as) const noexcept override {
    return as != zc::coding::identity && kind_ != otlp::signal::profiles;
  }
  void drain(zc::time_point deadline) override;
  bool drained() const noexcept override;
  void report(std::vector<undelivered>& to) const override;

  std::uint64_t pending_items() const noexcept { return pending_items_; }
  std::size_t bytes() const noexcept { return pending_.size() + outgoing_bytes_; }

 private:
  enum class trigger : std::uint8_t { size, timeout };
  enum class phase : std::uint8_t { open, draining, over };
  struct link;   // tells late answers that the processor is gone
  struct entry;  // one batch on its way
  using entries = std::list<entry>;

  bool has_room_for(std::size_t size) const noexcept;
  bool fills_a_batch(const payload& p) const noexcept;
  void pass_alone(batch&& b);
  zc::result<const zc::bytes_chain*> countable(payload& p);
  void add(batch&& b, const zc::bytes_chain& body);
  void flush(trigger why);
  void flush_parts(trigger why);
  void keep_rest(zc::bytes_chain&& rest, std::uint64_t items, ack&& done);
  void enqueue(payload_ptr what, ack&& done, std::uint64_t requests, zc::time_point oldest,
               trigger why);
  void offer_all();
  void offer(entry& e);
  void on_answer(entry& e, verdict&& v);
  void offer_again(entry& e, const verdict& v);
  void settle(entry& e, verdict&& v);
  void note_given_up(std::uint64_t requests, std::uint64_t items) noexcept;
  void on_timeout();
  void on_retry();
  void on_deadline();

  shard_context& in_;
  batch_settings how_;
  const limits bounds_;
  const otlp::signal kind_;
  consumer& next_;
  const bool waits_;
  processor_metrics& counts_;
  phase phase_ = phase::open;
  bool offering_ = false;
  log_gate dropped_gate_;
  undelivered given_up_;

  zc::bytes_chain pending_;
  std::vector<ack> acks_;  // of pending, when results are waited for
  std::uint64_t pending_items_ = 0;
  std::uint64_t pending_requests_ = 0;
  zc::time_point oldest_{};

  entries waiting_;  // to be offered, in order
  entries offered_;  // downstream has not answered yet
  std::size_t outgoing_bytes_ = 0;
  zc::nanoseconds retry_delay_;
  zc::local_ptr<link> link_;
  zc::member_timer<batch_processor, &batch_processor::on_timeout> flush_;
  zc::member_timer<batch_processor, &batch_processor::on_retry> retry_;
  zc::member_timer<batch_processor, &batch_processor::on_deadline> end_;
};

}  // namespace sluice
