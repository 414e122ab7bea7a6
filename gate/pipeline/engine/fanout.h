// gate/pipeline/engine/fanout.h - the same payload to several consumers.
//
// Every consumer gets the batch and answers for itself; the heaviest answer counts. So when none of
// them has room nothing is queued and the request is refused retryably; when only some have none,
// the others take it and the request is still answered retryably (as the Collector does): nothing
// is acknowledged that is not in every queue, a full queue never blocks its siblings, and a client
// that sends again makes duplicates where there was room. A processor that offers a batch again
// itself avoids those: verdict::took says who has it, batch::skip leaves them out.
#pragma once

#include <cstddef>
#include <vector>

#include "gate/pipeline/engine/consumer.h"

namespace sluice {

class fanout final : public consumer {
 public:
  static constexpr std::size_t consumers_max = 64;  // bits of verdict::took

  // The consumers must outlive the fan-out. Requires: 1 to consumers_max of them.
  explicit fanout(std::vector<consumer*> to);

  void consume(batch&& b) override;
  bool waits_for_result() const noexcept override;
  bool inflates(zc::coding as) const noexcept override;
  std::size_t size() const noexcept { return to_.size(); }

 private:
  std::vector<consumer*> to_;
};

}  // namespace sluice
