#include "zc/testing/sim/trace.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace zc::testing {

sim_trace::sim_trace(sim_clock& time)
    : time_(time), loud_(std::getenv("SLUICE_SIM_TRACE") != nullptr) {}

void sim_trace::note(std::string_view what, std::initializer_list<std::uint64_t> figures) {
  notes_ += 1;
  mix(static_cast<std::uint64_t>(time_.now().time_since_epoch().count()));
  for (const char c : what) mix(static_cast<unsigned char>(c));
  for (const std::uint64_t f : figures) mix(f);
  if (!loud_) return;
  const auto since = time_.now().time_since_epoch() - std::chrono::hours(1);
  std::fprintf(stderr, "%14.6f ms  %.*s", std::chrono::duration<double, std::milli>(since).count(),
               static_cast<int>(what.size()), what.data());
  for (const std::uint64_t f : figures) std::fprintf(stderr, " %" PRIu64, f);
  std::fputc('\n', stderr);
}

void sim_trace::content(std::span<const std::byte> bytes) noexcept {
  std::size_t at = 0;
  for (; bytes.size() - at >= 8; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    mix(word);
  }
  std::uint64_t rest = 0;
  if (at < bytes.size()) std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  mix(rest);
}

}  // namespace zc::testing
