// gate/rig/census.h - who is in a received request: the identity of every item, read from the wire
// bytes.
//
// Walks request, resource, scope (and metric) down to the items and looks through their attributes
// for identity_key. Field order is free, unknown fields are passed over. Items in a row whose
// sequences follow one another are reported as one run, which is the usual case and makes the
// tracker's work small.
//
// Threads  Pure function. Cost  A few dozen nanoseconds per item when the identity is the first
// attribute. Errors   malformed and truncated with the offset. What was reported before the error
// stays reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gate/otlp/signal.h"
#include "gate/rig/identity.h"
#include "zc/base/result.h"

namespace sluice::rig {

struct census {
  std::uint64_t items = 0;
  std::uint64_t traced = 0;  // items with an identity of a run other than 0
};

class census_visitor {
 public:
  // `count` items of one run and worker, with the sequences from `first.sequence` on.
  virtual void on_items(const identity& first, std::uint64_t count) = 0;

 protected:
  ~census_visitor() = default;
};

// Requires: s is not profiles.
zc::result<census> take_census(otlp::signal s, std::span<const std::byte> body, census_visitor& to);

}  // namespace sluice::rig
