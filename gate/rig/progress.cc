#include "gate/rig/progress.h"

#include <cstdio>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

namespace sluice::rig {

std::string text_of(const zc::error& e) {
  if (e.os == 0) return e.reason;
  const std::string system = std::generic_category().message(e.os);
  return system == e.reason ? system : fmt::format("{} ({})", e.reason, system);
}

std::string grouped(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string progress_line(std::string_view who, double at, double seconds,
                          const progress_figures& before, const progress_figures& now) {
  const auto per_second = [&](std::uint64_t b, std::uint64_t n) {
    return seconds > 0 ? static_cast<double>(n - b) / seconds : 0;
  };
  return fmt::format(
      "{} {:8.1f} s {:>13} items/s {:9.1f} MB/s {:>9} requests/s  in flight {}  retried {}  errors "
      "{}\n",
      who, at, grouped(static_cast<std::uint64_t>(per_second(before.items, now.items))),
      per_second(before.bytes, now.bytes) / 1e6,
      grouped(static_cast<std::uint64_t>(per_second(before.requests, now.requests))), now.in_flight,
      now.retried, now.errors);
}

void progress_printer::tick(zc::time_point now, const progress_figures& figures) {
  if (interval_.count() == 0 || now - last_ < interval_) return;
  const auto seconds = [](zc::nanoseconds t) { return static_cast<double>(t.count()) / 1e9; };
  const std::string line =
      progress_line(who_, seconds(now - start_), seconds(now - last_), before_, figures);
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
  last_ = now;
  before_ = figures;
}

bool write_report(const std::string& path, const std::string& text) {
  if (path == "-") {
    const bool whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                       std::fputc('\n', stdout) != EOF;
    return std::fflush(stdout) == 0 && whole;
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << '\n';
  file.close();
  return !file.fail();
}

std::string run_text(std::uint64_t run) {
  return fmt::format("{:016x}", run);
}

void put_tracker(json_writer& w, std::string_view name, const tracker& t) {
  w.key(name).begin_object();
  w.field("items", t.distinct()).field("duplicates", t.repeated()).field("missing", t.missing());
  w.field("untracked", t.untracked()).key("sources").begin_array();
  for (const auto& [from, set] : t.sources()) {
    w.begin_object().field("run", run_text(from.run)).field("worker", from.worker);
    w.field("signal", otlp::name_of(from.signal)).field("items", set.distinct());
    w.field("duplicates", set.repeated()).field("highest", set.highest());
    w.field("missing", set.missing()).field("first_missing", set.first_missing());
    const auto ranges = set.ranges(ranges_max);
    std::uint64_t listed = 0;
    w.key("ranges").begin_array();
    for (const sequence_range& r : ranges) {
      w.begin_array().value(r.first).value(r.last).end_array();
      listed += r.last - r.first + 1;
    }
    w.end_array().field("ranges_complete", listed == set.distinct()).end_object();
  }
  w.end_array().end_object();
}

}  // namespace sluice::rig
