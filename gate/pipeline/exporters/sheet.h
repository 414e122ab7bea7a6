// gate/pipeline/exporters/sheet.h - text for people on a page of bounded size.
//
//     sheet page(1 << 20);
//     page.line("Name: ", shown(name), " of ", hex{id});
//
// What comes after the bound is dropped, and take() says so. Untrusted text goes through shown().
//
// Threads  One.
// Cost     The page grows by doubling; shown() allocates only for what must be escaped.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "zc/base/lifetime.h"
#include "zc/mem/cow.h"

namespace sluice {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

// Bytes to be written as digits.
struct hex {
  std::span<const std::byte> id;
};

// Collects text up to a bound; what comes after is dropped.
class sheet {
 public:
  explicit sheet(std::size_t max) : max_(max) {}

  void add(std::string_view text) {
    if (full_) return;
    if (text.size() > max_ - text_.size()) {
      full_ = true;
      return;
    }
    text_ += text;
  }
  void add(const zc::cow_text& text) { add(text.view()); }
  void add(hex digits_of) {
    std::array<char, 2> pair;
    for (const std::byte b : digits_of.id) {
      pair = {hex_digits[std::to_integer<unsigned>(b) >> 4],
              hex_digits[std::to_integer<unsigned>(b) & 15]};
      add(std::string_view(pair.data(), pair.size()));
    }
  }
  template <class... Parts>
  void all(const Parts&... parts) {
    (add(parts), ...);
  }
  template <class... Parts>
  void line(const Parts&... parts) {
    all(parts..., "\n");
  }
  void number(std::uint64_t n) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
    add(std::string_view(digits.data(), end));
  }
  void heading(std::string_view what, std::uint64_t n) {
    add(what);
    add(" #");
    number(n);
    add("\n");
  }
  bool full() const noexcept { return full_; }
  std::size_t max() const noexcept { return max_; }
  std::string take() && {
    if (full_) {
      text_.resize(text_.rfind('\n') == std::string::npos ? 0 : text_.rfind('\n') + 1);
      text_ += "(cut here: the output is limited)";
    }
    while (text_.ends_with('\n')) text_.pop_back();
    return std::move(text_);
  }

 private:
  std::string text_;
  std::size_t max_;
  bool full_ = false;
};

// Untrusted text on one line of a terminal: control characters escaped, and all that is no UTF-8.
// Text that needs no escaping is borrowed.
zc::cow_text shown(std::string_view raw ZC_LIFETIMEBOUND);

std::string real(double value, const char* format = "%f");

// A short text where it is made.
class short_text {
 public:
  template <class... Values>
  void append(const char* format, Values... values) {
    const int n = std::snprintf(text_.data() + size_, text_.size() - size_, format, values...);
    if (n > 0) size_ = std::min(size_ + static_cast<std::size_t>(n), text_.size() - 1);
  }
  void drop_zeros() {
    while (size_ > 0 && text_[size_ - 1] == '0') size_ -= 1;
  }
  operator std::string_view() const noexcept {  // NOLINT(google-explicit-constructor)
    return {text_.data(), size_};
  }

 private:
  std::array<char, 96> text_{};
  std::size_t size_ = 0;
};

// Since 1970, in UTC: "2023-11-14 22:13:20.5 +0000 UTC".
short_text time_text(std::uint64_t nanoseconds);

}  // namespace sluice
