// gate/pipeline/queues/queue_account.h - how full the queues of one exporter are, over all shards.
//
// A request is counted from the moment it is taken until its outcome is known, so what is being
// sent and what waits for another attempt counts too. Two bounds hold at all times: `queue_size` in
// units of the sizer, and bytes.
//
// Threads  Any. Cost: two relaxed read-modify-writes to take, two to give back.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "gate/pipeline/engine/payload.h"
#include "gate/pipeline/engine/settings.h"
#include "zc/base/units.h"

namespace sluice {

class queue_account {
 public:
  // What one request costs. `bytes`: the body as received, and its inflated form if that is kept.
  struct cost {
    std::size_t units = 0;
    std::size_t bytes = 0;
  };

  // Both bounds must be positive.
  queue_account(queue_sizer sizer, std::size_t queue_size, std::size_t queue_bytes_max) noexcept;
  queue_account(const queue_account&) = delete;
  queue_account& operator=(const queue_account&) = delete;

  // Requests whose items nobody counted cost one item.
  cost of(const payload& p) const noexcept;
  bool fits_at_all(const cost& c) const noexcept {
    return c.units <= capacity() && c.bytes <= bytes_max_;
  }
  bool try_take(const cost& c) noexcept;  // all of it or nothing
  void give_back(const cost& c) noexcept;

  // Must be positive. What is over a smaller one stays, and nothing is taken until it is under.
  void set_capacity(std::size_t queue_size) noexcept;
  std::size_t capacity() const noexcept { return size_.load(std::memory_order_relaxed); }
  std::size_t bytes_max() const noexcept { return bytes_max_; }
  std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::size_t used_bytes() const noexcept { return used_bytes_.load(std::memory_order_relaxed); }

 private:
  const queue_sizer sizer_;
  std::atomic<std::size_t> size_;
  const std::size_t bytes_max_;
  alignas(zc::destructive_size) std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> used_bytes_{0};
};

}  // namespace sluice
