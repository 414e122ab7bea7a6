// gate/rig/progress.h - the line a second that load and sink print on standard error, and where
// reports go.
//
// Threads  One.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "gate/rig/json.h"
#include "gate/rig/sequences.h"
#include "zc/base/result.h"
#include "zc/shard/clock.h"

namespace sluice::rig {

// Sums since the start, but for in_flight.
struct progress_figures {
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;
  std::uint64_t requests = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t retried = 0;
  std::uint64_t errors = 0;
};

// One line: rates since `before`, which was `seconds` ago.
std::string progress_line(std::string_view who, double at, double seconds,
                          const progress_figures& before, const progress_figures& now);

class progress_printer {
 public:
  // An interval of 0 prints nothing.
  progress_printer(std::string_view who, std::chrono::milliseconds interval, zc::time_point start)
      : who_(who), interval_(interval), start_(start), last_(start) {}
  void tick(zc::time_point now, const progress_figures& figures);

 private:
  std::string_view who_;
  zc::nanoseconds interval_;
  zc::time_point start_;
  zc::time_point last_;
  progress_figures before_;
};

// What went wrong, with the system's words where it was the system's doing.
std::string text_of(const zc::error& e);
// "1234567" as "1,234,567".
std::string grouped(std::uint64_t n);
// Writes text and a line feed to a file, or to standard output for "-".
bool write_report(const std::string& path, const std::string& text);
// A field with what a tracker holds: sums, and per source its ranges, at most `ranges_max` of each.
void put_tracker(json_writer& w, std::string_view name, const tracker& t);
inline constexpr std::size_t ranges_max = 100'000;
// A run id as reports show it: 16 hexadecimal digits, since JSON numbers lose bits beyond 2^53.
std::string run_text(std::uint64_t run);

}  // namespace sluice::rig
