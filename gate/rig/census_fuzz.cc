// Any bytes as a request of each signal: the census reads nothing outside, ends, and its figures
// are consistent.
#include <cstddef>
#include <cstdint>
#include <span>

#include "gate/rig/census.h"
#include "gate/rig/sequences.h"
#include "zc/base/check.h"

namespace {

using sluice::otlp::signal;

class counting_visitor final : public sluice::rig::census_visitor {
 public:
  void on_items(const sluice::rig::identity& first, std::uint64_t count) override {
    ZC_CHECK(count > 0 && first.run != 0);
    items += count;
    seen.insert(first.sequence, count);
  }
  std::uint64_t items = 0;
  sluice::rig::sequence_set seen;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::byte> body = std::as_bytes(std::span(data, size)).subspan(1);
  const auto s = static_cast<signal>(data[0] % 3);
  counting_visitor visitor;
  const auto found = take_census(s, body, visitor);
  const auto& seen = visitor.seen;
  ZC_CHECK(seen.distinct() + seen.repeated() + seen.untracked() == visitor.items);
  if (!found) {
    ZC_CHECK(found.error().offset <= body.size());
    return 0;
  }
  ZC_CHECK(found->traced == visitor.items && found->traced <= found->items);
  return 0;
}
