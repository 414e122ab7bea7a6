#include "gate/app/rate_line.h"

#include <fmt/format.h>

#include "zc/io/system.h"

namespace sluice {
namespace {
constexpr std::chrono::seconds every(1);
}

std::string short_number(double value) {
  const char* const units[] = {"", "k", "M", "G", "T"};
  std::size_t unit = 0;
  while (value >= 999.5 && unit < 4) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, units[unit]);
}

rate_line::rate_line(zc::shard& on, const gateway& of, console_log& to)
    : on_(on), of_(of), to_(to), before_(of.totals()), at_(on.now()), timer_(*this) {
  on_.arm(timer_, every);
}

rate_line::~rate_line() {
  to_.set_status("");
}

std::string rate_line::text(const gateway_totals& before, const gateway_totals& now, double seconds,
                            std::uint64_t resident_bytes) {
  const auto rate = [&](otlp::signal s) {
    const auto i = static_cast<std::size_t>(s);
    return short_number(static_cast<double>(now.items[i] - before.items[i]) / seconds);
  };
  std::string line = fmt::format(
      "spans {}/s | points {}/s | logs {}/s | {}B/s in | queued {} | {} MiB",
      rate(otlp::signal::traces), rate(otlp::signal::metrics), rate(otlp::signal::logs),
      short_number(static_cast<double>(now.bytes_received - before.bytes_received) / seconds),
      now.queued, resident_bytes >> 20);
  if (now.refused > before.refused) {
    line += fmt::format(" | refused {}/s",
                        short_number(static_cast<double>(now.refused - before.refused) / seconds));
  }
  if (now.failed > before.failed) {
    line += fmt::format(" | lost {}/s",
                        short_number(static_cast<double>(now.failed - before.failed) / seconds));
  }
  return line;
}

void rate_line::on_second() {
  const gateway_totals now = of_.totals();
  const double seconds = std::chrono::duration<double>(on_.now() - at_).count();
  to_.set_status(text(before_, now, seconds, zc::io::resident_memory()));
  before_ = now;
  at_ = on_.now();
  on_.arm(timer_, every);
}

}  // namespace sluice
