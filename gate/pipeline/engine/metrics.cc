#include "gate/pipeline/engine/metrics.h"

#include <algorithm>

namespace sluice {
namespace {

template <class Node>
Node& find_or_add(std::deque<Node>& in, std::string_view id) {
  const auto at = std::ranges::find(in, id, &Node::id);
  if (at != in.end()) return *at;
  Node& fresh = in.emplace_back();
  fresh.id = id;
  return fresh;
}

}  // namespace

void size_histogram::record(std::uint64_t size) noexcept {
  const auto at = std::ranges::lower_bound(bounds, size);
  buckets[static_cast<std::size_t>(at - bounds.begin())].add();
  sum.add(size);
}

receiver_metrics& metrics::receiver(std::string_view id, std::string_view transport) {
  for (receiver_metrics& r : receivers_) {
    if (r.id == id && r.transport == transport) return r;
  }
  receiver_metrics& fresh = receivers_.emplace_back();
  fresh.id = id;
  fresh.transport = transport;
  return fresh;
}

processor_metrics& metrics::processor(std::string_view id) {
  return find_or_add(processors_, id);
}

exporter_metrics& metrics::exporter(std::string_view id) {
  return find_or_add(exporters_, id);
}

}  // namespace sluice
