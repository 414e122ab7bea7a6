#include "gate/pipeline/engine/fanout.h"

#include <algorithm>
#include <utility>

#include "zc/base/check.h"

namespace sluice {

fanout::fanout(std::vector<consumer*> to) : to_(std::move(to)) {
  ZC_CHECK(!to_.empty() && to_.size() <= consumers_max);
}

bool fanout::waits_for_result() const noexcept {
  return std::ranges::any_of(to_, [](const consumer* c) { return c->waits_for_result(); });
}

bool fanout::inflates(zc::coding as) const noexcept {
  return std::ranges::any_of(to_, [as](const consumer* c) { return c->inflates(as); });
}

void fanout::consume(batch&& b) {
  const std::uint64_t skip = std::exchange(b.skip, 0);
  if (to_.size() == 1 && skip == 0) return to_.front()->consume(std::move(b));
  // This ack keeps the completion open until every consumer has its own.
  ack all = std::move(b.done).for_fanout();
  for (unsigned i = 0; i < to_.size(); ++i) {
    if ((skip >> i & 1) != 0) continue;
    to_[i]->consume(batch{b.what, all.share_as(i), b.from});
  }
  all.succeed();
}

}  // namespace sluice
