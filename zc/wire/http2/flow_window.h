// zc/wire/http2/flow_window.h - how much may be sent, and how much may come (RFC 9113, 5.2).
//
// Cost  A few instructions each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "zc/base/check.h"

namespace zc::http2 {

inline constexpr std::uint32_t window_before_settings = 65'535;
inline constexpr std::int64_t window_most = 0x7fff'ffff;

// What the peer lets us send. A change of its settings may take it below zero.
class send_window {
 public:
  explicit send_window(std::uint32_t first = window_before_settings) noexcept : left_(first) {}

  std::size_t left() const noexcept {
    return left_ > 0 ? static_cast<std::size_t>(left_) : std::size_t{0};
  }
  // By a WINDOW_UPDATE, or by the difference between two settings. False, and no change: the window
  // would be larger than the protocol allows.
  [[nodiscard]] bool move(std::int64_t by) noexcept {
    if (left_ + by > window_most) return false;
    left_ += by;
    return true;
  }
  // Requires: n <= left()
  void spend(std::size_t n) noexcept {
    ZC_CHECK(n <= left());
    left_ -= static_cast<std::int64_t>(n);
  }

 private:
  std::int64_t left_;  // > -2^32: settings move it by less than 2^31 from at least -2^31
};

// What we let the peer send. What was used is given back in one piece, once half the window is.
class receive_window {
 public:
  explicit receive_window(std::uint32_t size) noexcept : size_(size), left_(size) {}

  // False: the peer sends more than it may.
  [[nodiscard]] bool take(std::size_t n) noexcept {
    if (n > left_) return false;
    left_ -= static_cast<std::uint32_t>(n);
    return true;
  }
  // So many bytes that were taken are done with. What is to be announced now, or 0.
  std::uint32_t give(std::size_t n) noexcept {
    owed_ += static_cast<std::uint32_t>(n);
    ZC_CHECK(owed_ <= size_ - left_);
    if (owed_ == 0 || owed_ < size_ / 2) return 0;
    const std::uint32_t due = owed_;
    left_ += due;
    owed_ = 0;
    return due;
  }
  std::uint32_t left() const noexcept { return left_; }

 private:
  std::uint32_t size_;
  std::uint32_t left_;
  std::uint32_t owed_ = 0;  // <= size_ - left_
};

}  // namespace zc::http2
