#include "gate/pipeline/queues/queue_account.h"

#include <algorithm>

#include "zc/base/check.h"

namespace sluice {
namespace {

bool try_add(std::atomic<std::size_t>& used, std::size_t n, std::size_t limit) noexcept {
  const std::size_t before = used.fetch_add(n, std::memory_order_relaxed);
  if (before <= limit && n <= limit - before) return true;
  used.fetch_sub(n, std::memory_order_relaxed);
  return false;
}

}  // namespace

queue_account::queue_account(queue_sizer sizer, std::size_t queue_size,
                             std::size_t queue_bytes_max) noexcept
    : sizer_(sizer), size_(queue_size), bytes_max_(queue_bytes_max) {
  ZC_CHECK(queue_size > 0 && queue_bytes_max > 0);
}

void queue_account::set_capacity(std::size_t queue_size) noexcept {
  ZC_CHECK(queue_size > 0);
  size_.store(queue_size, std::memory_order_relaxed);
}

queue_account::cost queue_account::of(const payload& p) const noexcept {
  cost c{1, p.held_bytes()};
  if (sizer_ == queue_sizer::items) c.units = std::max<std::size_t>(p.items_or_zero(), 1);
  if (sizer_ == queue_sizer::bytes) c.units = p.size();
  return c;
}

bool queue_account::try_take(const cost& c) noexcept {
  if (!fits_at_all(c)) return false;
  if (!try_add(used_, c.units, capacity())) return false;
  if (try_add(used_bytes_, c.bytes, bytes_max_)) return true;
  used_.fetch_sub(c.units, std::memory_order_relaxed);
  return false;
}

void queue_account::give_back(const cost& c) noexcept {
  used_.fetch_sub(c.units, std::memory_order_relaxed);
  used_bytes_.fetch_sub(c.bytes, std::memory_order_relaxed);
}

}  // namespace sluice
