#include "gate/app/config/scalar.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

namespace sluice::config {
namespace {

constexpr std::size_t number_text_bytes_max = 64;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

// Longer names first where one begins another.
constexpr std::array<unit, 8> time_units{{{"ns", 1},
                                          {"us", 1'000},
                                          {"\xc2\xb5s", 1'000},  // micro sign
                                          {"\xce\xbcs", 1'000},  // Greek mu
                                          {"ms", 1'000'000},
                                          {"s", 1'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"h", 3'600'000'000'000}}};

constexpr std::array<unit, 10> size_units{{{"", 1},
                                           {"B", 1},
                                           {"KiB", std::uint64_t{1} << 10},
                                           {"MiB", std::uint64_t{1} << 20},
                                           {"GiB", std::uint64_t{1} << 30},
                                           {"TiB", std::uint64_t{1} << 40},
                                           {"KB", 1'000},
                                           {"MB", 1'000'000},
                                           {"GB", 1'000'000'000},
                                           {"TB", 1'000'000'000'000}}};

template <std::size_t N>
const unit* named(const std::array<unit, N>& units, std::string_view name) {
  for (const unit& each : units) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

std::string_view take_digits(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  const std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

// Everything up to the next number.
std::string_view take_unit(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && !is_digit(text[n]) && text[n] != '.') ++n;
  const std::string_view name = text.substr(0, n);
  text.remove_prefix(n);
  return name;
}

bool multiply_add(std::uint64_t& sum, std::uint64_t value, std::uint64_t factor) {
  std::uint64_t product = 0;
  return !__builtin_mul_overflow(value, factor, &product) &&
         !__builtin_add_overflow(sum, product, &sum);
}

std::optional<std::uint64_t> whole(std::string_view digits, int base = 10) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, failure] = std::from_chars(digits.data(), end, value, base);
  if (failure != std::errc() || at != end) return std::nullopt;
  return value;
}

// The part of one unit that the digits behind the point say; exact for the 15 leading digits.
std::uint64_t fraction_of(std::string_view digits, std::uint64_t factor) {
  double scale = 1;
  double value = 0;
  for (const char c : digits.substr(0, 15)) {
    value = value * 10 + (c - '0');
    scale *= 10;
  }
  return static_cast<std::uint64_t>(std::llround(value / scale * static_cast<double>(factor)));
}

// One "1.5h" of a duration, added to `sum`.
zc::result<void> add_duration_term(std::string_view& text, std::uint64_t& sum) {
  const std::string_view digits = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if (digits.empty() && fraction.empty())
    return zc::fail(zc::errc::malformed, "a number is missing");
  const std::string_view name = take_unit(text);
  if (name.empty()) return zc::fail(zc::errc::malformed, "the unit is missing");
  const unit* each = named(time_units, name);
  if (each == nullptr) {
    return zc::fail(zc::errc::malformed, "the units are ns, us, ms, s, m and h");
  }
  const auto value = digits.empty() ? std::optional<std::uint64_t>(0) : whole(digits);
  if (!value || !multiply_add(sum, *value, each->factor) ||
      !multiply_add(sum, fraction_of(fraction, each->factor), 1)) {
    return zc::fail(zc::errc::too_large, "it is too long");
  }
  return {};
}

std::optional<std::uint64_t> magnitude(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) return whole(text.substr(2), 16);
  if (text.starts_with("0o")) return whole(text.substr(2), 8);
  if (text.starts_with("0b")) return whole(text.substr(2), 2);
  if (text.size() > 1 && text[0] == '0') return whole(text, 8);
  return whole(text);
}

}  // namespace

zc::result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return zc::fail(zc::errc::malformed, "it is empty");
  std::uint64_t sum = 0;
  while (!text.empty()) {
    if (const auto added = add_duration_term(text, sum); !added)
      return std::unexpected(added.error());
  }
  if (!std::in_range<std::int64_t>(sum)) return zc::fail(zc::errc::too_large, "it is too long");
  const auto value = static_cast<std::int64_t>(sum);
  return std::chrono::nanoseconds(negative ? -value : value);
}

std::chrono::milliseconds in_milliseconds(std::chrono::nanoseconds exact) {
  if (exact.count() < 0) return std::chrono::floor<std::chrono::milliseconds>(exact);
  // Not ceil(): that one adds a step to a number that may be the largest there is.
  const auto down = std::chrono::duration_cast<std::chrono::milliseconds>(exact);
  return down < exact ? down + std::chrono::milliseconds(1) : down;
}

zc::result<std::uint64_t> parse_byte_size(std::string_view text) {
  if (const auto plain = parse_integer(text); plain && *plain >= 0) {
    return static_cast<std::uint64_t>(*plain);
  }
  std::string_view rest = text;
  const std::string_view digits = take_digits(rest);
  if (digits.empty()) return zc::fail(zc::errc::malformed, "a number is missing");
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const unit* each = named(size_units, rest);
  if (each == nullptr) {
    return zc::fail(zc::errc::malformed, "the units are KiB, MiB, GiB, TiB, KB, MB, GB and TB");
  }
  std::uint64_t sum = 0;
  const auto value = whole(digits);
  if (!value || !multiply_add(sum, *value, each->factor)) {
    return zc::fail(zc::errc::too_large, "it is too large");
  }
  return sum;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || !is_digit(text[0]) || text.size() > number_text_bytes_max)
    return std::nullopt;
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits.push_back(c);
  }
  const auto value = magnitude(digits);
  if (!value || !std::in_range<std::int64_t>(*value)) return std::nullopt;
  const auto signed_value = static_cast<std::int64_t>(*value);
  return negative ? -signed_value : signed_value;
}

std::optional<double> parse_number(std::string_view text) {
  if (const auto integer = parse_integer(text)) return static_cast<double>(*integer);
  const bool has_plus = text.starts_with('+');
  if (has_plus) text.remove_prefix(1);
  const bool has_minus = !has_plus && text.starts_with('-');
  const std::string_view unsigned_text = has_minus ? text.substr(1) : text;
  if (unsigned_text.empty() || text.size() > number_text_bytes_max) return std::nullopt;
  // Keeps out "inf" and "nan", which from_chars knows and YAML spells otherwise.
  if (!is_digit(unsigned_text[0]) && unsigned_text[0] != '.') return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || at != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

}  // namespace sluice::config
