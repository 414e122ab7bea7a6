// gate/pipeline/engine/consumer.h - a node that takes batches: processor, fan-out, queue, exporter.
//
// Ownership  Whoever builds the graph owns the nodes; nodes know each other by reference, and only
//            downstream.
// Threads    One shard.
// Promise    consume() takes the batch and answers batch::done exactly once, now or later. "ok"
//            means that the batch is where the node's settings say (queued, written, delivered);
//            "retryable" that the node has not got it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gate/pipeline/engine/batch.h"
#include "zc/shard/clock.h"
#include "zc/wire/coding/coding.h"

namespace sluice {

// What a node had acknowledged and could not hand on before it was stopped.
struct undelivered {
  std::string component;
  std::uint64_t requests = 0;
  std::uint64_t items = 0;
};

class consumer {
 public:
  virtual ~consumer() = default;

  virtual void consume(batch&& b) = 0;

  // True when answers come only after the outcome at the destination is known: who batches must
  // then not acknowledge early.
  virtual bool waits_for_result() const noexcept { return false; }

  // True when a body in that coding will be inflated, by consume() or later: who looks at the body
  // before keeps what was inflated, so that it happens once.
  virtual bool inflates(zc::coding /*as*/) const noexcept { return false; }

  // Refuses what comes from now on, and hands on what it holds until `deadline`. Upstream nodes
  // drain first. Called again it brings the deadline forward.
  virtual void drain(zc::time_point /*deadline*/) {}
  // Nothing is held any more, or the deadline has passed and what was left is given up.
  virtual bool drained() const noexcept { return true; }
  // Adds what was acknowledged and given up, if anything.
  virtual void report(std::vector<undelivered>& /*to*/) const {}
};

}  // namespace sluice
