#include "zc/testing/sim/random.h"

#include <algorithm>
#include <bit>

namespace zc::testing {

std::size_t sim_random::scaled(std::size_t low, std::size_t high) noexcept {
  const std::size_t span = high - low;
  const auto bits = static_cast<std::size_t>(std::bit_width(span));
  const std::size_t most = bits == 0 ? 0 : SIZE_MAX >> (64 - between(std::size_t{1}, bits));
  return low + below(std::min(most, span) + 1);
}

nanoseconds sim_random::between(nanoseconds low, nanoseconds high) noexcept {
  if (high <= low) return low;
  const auto span = static_cast<std::size_t>((high - low).count());
  return low + nanoseconds(static_cast<std::int64_t>(below(span + 1)));
}

}  // namespace zc::testing
