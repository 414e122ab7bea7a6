// gate/pipeline/engine/pipeline.h - one pipeline on one shard: processors, then a fan-out.
//
// Ownership  Owns its processors and fan-out. Exporters belong to the shard's graph, for pipelines
//            share them, and must outlive the pipeline.
// Draining   Receivers stop first, then drain() here, and when drained() the exporters.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gate/otlp/signal.h"
#include "gate/pipeline/engine/consumer.h"
#include "gate/pipeline/engine/fanout.h"

namespace sluice {

class pipeline {
 public:
  pipeline(std::string id, otlp::signal kind, std::vector<consumer*> exporters);
  pipeline(const pipeline&) = delete;
  pipeline& operator=(const pipeline&) = delete;

  const std::string& id() const noexcept { return id_; }
  otlp::signal kind() const noexcept { return kind_; }
  // Where batches go in: the first processor, or the fan-out.
  consumer& entry() noexcept;
  // Puts a processor before entry(), which it was built to feed. The last processor of the pipeline
  // comes first.
  void put_before(std::unique_ptr<consumer> processor);

  // Drains the processors, front to back. Called again it brings the deadline forward.
  void drain(zc::time_point deadline);
  bool drained() noexcept;  // starts the next processor when one is done: ask again until true
  void report(std::vector<undelivered>& to) const;

 private:
  std::string id_;
  otlp::signal kind_;
  fanout exporters_;
  std::vector<std::unique_ptr<consumer>> processors_;  // the last one is the entry
  std::size_t draining_ = 0;                           // processors that were told
  zc::time_point deadline_{};
};

}  // namespace sluice
