// gate/pipeline/exporters/nop_exporter.h - takes everything and does nothing with it: to measure.
#pragma once

#include <string_view>

#include "gate/pipeline/engine/consumer.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/shard_context.h"

namespace sluice {

class nop_exporter final : public consumer {
 public:
  nop_exporter(shard_context& in, std::string_view id) : counts_(in.counts.exporter(id)) {}

  void consume(batch&& b) override {
    counts_.requests.add();
    counts_.bytes.add(b.what->size());
    counts_.of[b.what->kind()].sent.add(b.what->items_or_zero());
    b.done.succeed();
  }

 private:
  exporter_metrics& counts_;
};

}  // namespace sluice
