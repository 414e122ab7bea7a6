// zc/wire/http2/flood.h - how much work without progress a peer may cause.
//
// A bucket of credits. Frames that carry nothing forward (PING, SETTINGS, WINDOW_UPDATE, PRIORITY,
// empty DATA, resets) spend one each; time and progress (requests, payload, answers) earn credits
// back. So a burst is bounded, and so is the rate, while a client that pings once per burst of data
// to measure its bandwidth never runs dry.
//
// Cost  A few instructions; the clock is the caller's.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace zc::http2 {

// What a message earns: WINDOW_UPDATE, PING, PRIORITY, empty DATA; and one more for so much
// payload.
inline constexpr std::uint32_t message_credits = 4;
inline constexpr std::size_t credit_bytes = 4'096;

class flood_budget {
 public:
  flood_budget(std::uint32_t burst, std::uint32_t per_second) noexcept
      : credits_(burst), burst_(burst), per_second_(per_second) {}

  // To be called with a monotonic time before frames are counted.
  void advance(std::chrono::nanoseconds now) noexcept {
    if (!started_) {
      started_ = true;
      since_ = now;
      return;
    }
    const std::chrono::nanoseconds passed = now - since_;
    if (passed < std::chrono::milliseconds(10)) return;  // keeps fractions of a credit
    since_ = now;
    const auto seconds = std::chrono::duration<double>(passed).count();
    earn(static_cast<std::uint64_t>(std::min(seconds * per_second_, 1e9)));
  }

  void earn(std::uint64_t n) noexcept {
    credits_ = n >= burst_ - credits_ ? burst_ : credits_ + static_cast<std::uint32_t>(n);
  }

  // False when there are not enough credits left: the peer floods us.
  [[nodiscard]] bool spend(std::uint32_t n = 1) noexcept {
    if (n > credits_) return false;
    credits_ -= n;
    return true;
  }

  std::uint32_t credits() const noexcept { return credits_; }

 private:
  std::uint32_t credits_;  // <= burst_
  std::uint32_t burst_;
  std::uint32_t per_second_;
  bool started_ = false;
  std::chrono::nanoseconds since_{0};
};

}  // namespace zc::http2
