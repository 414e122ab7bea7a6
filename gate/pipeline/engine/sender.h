// gate/pipeline/engine/sender.h - what a sending queue drives: one attempt to deliver one request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "gate/pipeline/engine/payload.h"
#include "gate/pipeline/engine/verdict.h"
#include "zc/wire/coding/coding.h"

namespace sluice {

// A request on its way, over all attempts. A sender that must cut it replaces `parts`, takes away
// what arrived, and so continues with the rest at the next attempt.
struct delivery {
  std::vector<payload_ptr> parts;  // not delivered yet, next one first; one to begin with
  verdict lost;                    // the first part that failed for good, if one did
  bool cut = false;                // the sender has looked at the size

  // Requires: there is one.
  payload_ptr take_front() {
    payload_ptr first = std::move(parts.front());
    parts.erase(parts.begin());
    return first;
  }
  std::uint64_t items() const noexcept {
    std::uint64_t n = 0;
    for (const payload_ptr& p : parts) n += p->items_or_zero();
    return n;
  }
};

class sender {
 public:
  using done = std::move_only_function<void(verdict&&)>;

  // Attempts under way end with a retryable verdict before the destructor returns.
  virtual ~sender() = default;

  // Sends what is left of `d`, which stays where it is until `then` is called: exactly once, at
  // once or later. ok: everything arrived. permanent: everything was tried and something is lost
  // (counted as failed by the sender). retryable: `d.parts` holds what should be sent again.
  // Requires: fewer than slots() attempts are under way.
  virtual void send(delivery& d, done then) = 0;
  virtual std::size_t slots() const noexcept = 0;
  // The coding that bodies leave in.
  virtual zc::coding wants() const noexcept { return zc::coding::identity; }
};

}  // namespace sluice
