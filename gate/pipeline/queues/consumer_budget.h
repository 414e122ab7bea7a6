// gate/pipeline/queues/consumer_budget.h - num_consumers of one exporter, shared by the queues of
// all shards: one busy shard may use all of them, and nobody is left without.
//
//     try_take   a free consumer, whoever asks; else the queue is noted as waiting
//     may_keep   after a request: within one's share (consumers / queues) always; above it only
//                while no other queue waits
//     give_back  to a queue that waits, else free for all
//
// Bound    Never more than `consumers` taken at once, over all shards.
// Fair     A queue that waits gets the next consumer that another one has above its share, in turn.
// Threads  Any; each queue calls with its own number, from its shard. A consumer handed over
//          arrives by shard::post(), at most one per queue under way.
// Cost     Taking and giving back one read-modify-write each; keeping one relaxed load.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "zc/base/units.h"
#include "zc/shard/shard.h"

namespace sluice {

class consumer_budget {
 public:
  class user {
   public:
    // One consumer more is yours: use it or give it back. On the queue's shard.
    virtual void on_consumer() = 0;

   protected:
    ~user() = default;
  };

  // Both positive.
  consumer_budget(std::size_t consumers, unsigned queues);
  consumer_budget(const consumer_budget&) = delete;
  consumer_budget& operator=(const consumer_budget&) = delete;

  std::size_t consumers() const noexcept { return consumers_; }
  std::size_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

  // Requires: the number is free. `on` outlives the budget's last use by others: all shards do.
  void join(unsigned queue, zc::shard& on, user& who) noexcept;
  // Consumers that are still taken are given back one by one, before or after.
  void leave(unsigned queue) noexcept;

  // Whether a consumer was free. If not, on_consumer() follows unless withdraw() comes first.
  bool try_take(unsigned queue);
  // Whether a queue that has `taken` consumers may start another request with one of them.
  bool may_keep(unsigned queue, std::size_t taken) const noexcept;
  void give_back(unsigned queue);
  // Waits no more. What was handed over by then comes back by itself.
  void withdraw(unsigned queue) noexcept;

 private:
  // Given back unless the queue it was meant for takes it, also when its shard has ended.
  class handed_over;

  struct alignas(zc::destructive_size) seat {
    std::atomic<bool> waits{false};
    std::atomic<zc::shard*> on{nullptr};
    user* who = nullptr;  // its shard's
  };

  bool try_add() noexcept;
  bool others_wait(unsigned queue) const noexcept;
  bool hand_over(unsigned from);

  const std::size_t consumers_;
  const unsigned queues_;
  const std::size_t share_;
  std::unique_ptr<seat[]> seats_;  // queues_
  alignas(zc::destructive_size) std::atomic<std::size_t> taken_{0};
  // How many seats wait; may lag behind the seats for a moment.
  alignas(zc::destructive_size) std::atomic<int> waiting_{0};
};

}  // namespace sluice
