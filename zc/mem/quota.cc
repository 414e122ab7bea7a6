#include "zc/mem/quota.h"

namespace zc {

bool quota::try_charge(std::size_t n, urgency need) noexcept {
  std::size_t now = used_.load(std::memory_order_relaxed);
  do {
    // Not now + n > limit: that sum can wrap.
    if (need == urgency::ordinary && (now > limit_ || n > limit_ - now)) return false;
  } while (!used_.compare_exchange_weak(now, now + n, std::memory_order_relaxed));
  std::size_t peak = peak_.load(std::memory_order_relaxed);
  while (peak < now + n && !peak_.compare_exchange_weak(peak, now + n, std::memory_order_relaxed)) {
  }
  return true;
}

}  // namespace zc
