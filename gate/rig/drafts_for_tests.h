// gate/rig/drafts_for_tests.h - requests made of drafts, for tests of this room only.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "gate/rig/draft.h"

namespace sluice::rig::for_tests {

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// A request of one resource and scope, with these items.
inline std::string request_of(const std::vector<draft>& items) {
  draft scope, resource, request;
  for (const draft& i : items) scope.message(2, i);
  resource.message(2, scope);
  request.message(1, resource);
  return request.bytes();
}

}  // namespace sluice::rig::for_tests
