#include "gate/pipeline/engine/pipeline.h"

#include <utility>

namespace sluice {

pipeline::pipeline(std::string id, otlp::signal kind, std::vector<consumer*> exporters)
    : id_(std::move(id)), kind_(kind), exporters_(std::move(exporters)) {}

consumer& pipeline::entry() noexcept {
  if (processors_.empty()) return exporters_;
  return *processors_.back();
}

void pipeline::put_before(std::unique_ptr<consumer> processor) {
  processors_.push_back(std::move(processor));
}

void pipeline::drain(zc::time_point deadline) {
  deadline_ = deadline;
  // Those that were told before hear of the new deadline.
  for (std::size_t i = 0; i < draining_; ++i) {
    processors_[processors_.size() - 1 - i]->drain(deadline);
  }
  drained();
}

bool pipeline::drained() noexcept {
  // The entry is the last one, so count from the back: a processor is told when the one before it
  // is empty.
  while (draining_ < processors_.size()) {
    if (draining_ > 0 && !processors_[processors_.size() - draining_]->drained()) return false;
    processors_[processors_.size() - 1 - draining_]->drain(deadline_);
    draining_ += 1;
  }
  return processors_.empty() || processors_.front()->drained();
}

void pipeline::report(std::vector<undelivered>& to) const {
  for (const auto& p : processors_) p->report(to);
}

}  // namespace sluice
