// zc/wire/http1/retry_after.h - the Retry-After field: whole seconds, or a date (RFC 9110, 10.2.3).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace zc::http1 {

// Seconds, or one of the three date forms: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94
// 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". A date that has passed is zero. Nothing when it is
// none of these. At most ten years.
std::optional<std::chrono::nanoseconds> parse_retry_after(
    std::string_view text, std::chrono::system_clock::time_point now);

// Rounded up to whole seconds, at least 1: a client that reads 0 comes back at once.
std::uint64_t retry_after_seconds(std::chrono::nanoseconds delay) noexcept;

}  // namespace zc::http1
