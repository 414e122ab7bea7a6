#include "zc/wire/http1/retry_after.h"

#include <algorithm>
#include <array>

#include "zc/wire/http1/head.h"

namespace zc::http1 {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr seconds longest = std::chrono::hours(24 * 3650);

constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct date {
  int year = 0;
  unsigned month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

// Reads a text from the left; every step fails for good once one has failed.
class reader {
 public:
  explicit reader(std::string_view text) noexcept : left_(text) {}

  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return ok_ && left_.empty(); }
  void literal(std::string_view wanted) noexcept {
    if (!ok_ || !left_.starts_with(wanted)) {
      ok_ = false;
      return;
    }
    left_.remove_prefix(wanted.size());
  }
  int digits(std::size_t count, bool blank_first = false) noexcept {
    if (left_.size() < count) ok_ = false;
    if (!ok_) return 0;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = left_[i] == ' ' && blank_first && i == 0 ? '0' : left_[i];
      if (c < '0' || c > '9') ok_ = false;
      value = value * 10 + (c - '0');
    }
    left_.remove_prefix(count);
    return value;
  }
  unsigned month() noexcept {
    for (unsigned m = 0; ok_ && m < months.size(); ++m) {
      if (!left_.starts_with(months[m])) continue;
      left_.remove_prefix(3);
      return m + 1;
    }
    ok_ = false;
    return 0;
  }
  void time(date& d) noexcept {
    d.hour = digits(2);
    literal(":");
    d.minute = digits(2);
    literal(":");
    d.second = digits(2);
  }

 private:
  std::string_view left_;
  bool ok_ = true;
};

std::optional<date> parse_fixdate(std::string_view text) noexcept {  // behind "Sun, "
  date d;
  reader in(text);
  d.day = in.digits(2);
  in.literal(" ");
  d.month = in.month();
  in.literal(" ");
  d.year = in.digits(4);
  in.literal(" ");
  in.time(d);
  in.literal(" GMT");
  return in.at_end() ? std::optional(d) : std::nullopt;
}

std::optional<date> parse_rfc850(std::string_view text) noexcept {  // behind "Sunday, "
  date d;
  reader in(text);
  d.day = in.digits(2);
  in.literal("-");
  d.month = in.month();
  in.literal("-");
  const int two = in.digits(2);
  d.year = two + (two < 70 ? 2000 : 1900);
  in.literal(" ");
  in.time(d);
  in.literal(" GMT");
  return in.at_end() ? std::optional(d) : std::nullopt;
}

std::optional<date> parse_asctime(std::string_view text) noexcept {  // behind "Sun "
  date d;
  reader in(text);
  d.month = in.month();
  in.literal(" ");
  d.day = in.digits(2, true);
  in.literal(" ");
  in.time(d);
  in.literal(" ");
  d.year = in.digits(4);
  return in.at_end() ? std::optional(d) : std::nullopt;
}

std::optional<date> parse_date(std::string_view text) noexcept {
  if (const std::size_t comma = text.find(", "); comma != std::string_view::npos) {
    const std::string_view rest = text.substr(comma + 2);
    if (const auto d = parse_fixdate(rest)) return d;
    return parse_rfc850(rest);
  }
  if (text.size() > 4 && text[3] == ' ') return parse_asctime(text.substr(4));
  return std::nullopt;
}

// In seconds: year 9999 does not fit 64 bits of nanoseconds.
std::optional<std::chrono::sys_seconds> time_of(const date& d) noexcept {
  const std::chrono::year_month_day day(std::chrono::year(d.year), std::chrono::month(d.month),
                                        std::chrono::day(static_cast<unsigned>(d.day)));
  if (!day.ok() || d.hour > 23 || d.minute > 59 || d.second > 60) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(d.hour) + std::chrono::minutes(d.minute) +
         seconds(d.second);
}

}  // namespace

std::optional<nanoseconds> parse_retry_after(std::string_view text,
                                             std::chrono::system_clock::time_point now) {
  text = trim(text);
  if (text.empty()) return std::nullopt;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    std::int64_t count = 0;
    for (const char c : text) {
      count = std::min<std::int64_t>(count * 10 + (c - '0'), longest.count());
    }
    return seconds(count);
  }
  const auto d = parse_date(text);
  if (!d) return std::nullopt;
  const auto when = time_of(*d);
  if (!when) return std::nullopt;
  const seconds delay = *when - std::chrono::floor<seconds>(now);
  return std::clamp<seconds>(delay, seconds(0), longest);
}

std::uint64_t retry_after_seconds(nanoseconds delay) noexcept {
  const auto whole = std::chrono::ceil<seconds>(delay).count();
  return whole < 1 ? 1 : static_cast<std::uint64_t>(whole);
}

}  // namespace zc::http1
