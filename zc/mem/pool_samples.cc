#include "zc/mem/pool_samples.h"

#include <algorithm>

#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define ZC_HAS_BACKTRACE
#endif

namespace zc {

void pool_samples::every(std::uint64_t takes) {
  period_ = takes == 0 ? UINT64_MAX : takes;
  until_ = period_;
  if (takes != 0) records_.reserve(pool::samples_max);
}

// Not inline: its frame is one of those that are left out.
[[gnu::noinline]] void pool_samples::record(const owner& block, std::uint16_t& place,
                                            std::chrono::nanoseconds now) {
  until_ = period_;
  if (records_.size() == pool::samples_max) return;
  entry& r = records_.emplace_back();
  r.of = &block;
  r.place = &place;
  r.at = now;
  r.label = label_;
#ifdef ZC_HAS_BACKTRACE
  // The first two are ours.
  std::array<void*, pool::frames_max + 2> frames{};
  const int n = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  for (int i = 2; i < n; ++i) r.frames[static_cast<std::size_t>(i - 2)] = frames[i];
#endif
  place = static_cast<std::uint16_t>(records_.size());
}

void pool_samples::forget(std::uint16_t& place) noexcept {
  entry& r = records_[place - 1u];
  if (&r != &records_.back()) {
    r = records_.back();
    *r.place = place;
  }
  records_.pop_back();
  place = 0;
}

std::vector<pool::sample> pool_samples::held_longer_than(std::chrono::nanoseconds age,
                                                         std::chrono::nanoseconds now) const {
  std::vector<pool::sample> found;
  for (const entry& r : records_) {
    const std::chrono::nanoseconds held = now - r.at;
    if (held > age) found.push_back({r.of->retained(), r.label, held, r.frames});
  }
  std::sort(found.begin(), found.end(),
            [](const pool::sample& a, const pool::sample& b) { return a.age > b.age; });
  return found;
}

pool::oldest_sample pool_samples::oldest(std::chrono::nanoseconds now) const noexcept {
  pool::oldest_sample found;
  found.held = records_.size();
  for (const entry& r : records_) found.age = std::max(found.age, now - r.at);
  return found;
}

}  // namespace zc
