// gate/app/config/scalar.h - the values that a configuration spells as text.
//
// Pure functions. Durations are Go's ("1h30m", "1.5s", "200ms", "0"); whole numbers and flags are
// YAML's as the Collector reads them; byte sizes are whole numbers, or ours: a number with a unit
// ("64MiB", "20MB").
//
// Errors  malformed, or too_large where the number does not fit; the reason continues the sentence
// "expected ...".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "zc/base/result.h"

namespace sluice::config {

zc::result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// Whole milliseconds, rounded away from zero, so that what is not nothing does not become nothing.
std::chrono::milliseconds in_milliseconds(std::chrono::nanoseconds exact);

zc::result<std::uint64_t> parse_byte_size(std::string_view text);

// 10, -3, +7, 1_000, 0x1F, 0o17, 0b11; also 017, which is octal as in YAML 1.1.
std::optional<std::int64_t> parse_integer(std::string_view text);

// 1, 0.5, 1e3, .5, +.inf is not a number here. Finite only.
std::optional<double> parse_number(std::string_view text);

std::optional<bool> parse_flag(std::string_view text);  // true True TRUE false False FALSE

}  // namespace sluice::config
