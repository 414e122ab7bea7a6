// gate/rig/drafts_for_tests.h - requests made of drafts, for tests of this room only.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gate/rig/draft.h"

namespace sluice::rig::for_tests {

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

using drawing = std::function<void(draft&)>;  // writes the fields of one message

inline std::string text_of(const drawing& fields) {
  draft d;
  fields(d);
  const zc::bytes frozen = std::move(d).freeze();
  return std::string(frozen.text());
}

// A request of one resource and scope, with these items.
inline std::string request_of(const std::vector<drawing>& items) {
  return text_of([&](draft& d) {
    d.message(1, [&] {
      d.message(2, [&] {
        for (const drawing& i : items) d.message(2, [&] { i(d); });
      });
    });
  });
}

}  // namespace sluice::rig::for_tests
