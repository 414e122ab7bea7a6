// gate/app/rate_line.h - one line on a terminal, rewritten every second: what flows now.
//
// Threads  One shard; hands its line to the log and never waits for the terminal.
#pragma once

#include <chrono>
#include <string>

#include "gate/app/console_log.h"
#include "gate/app/gateway.h"
#include "zc/shard/shard.h"

namespace sluice {

class rate_line {
 public:
  rate_line(zc::shard& on, const gateway& of, console_log& to);
  ~rate_line();  // takes the line away

  // "spans 12.3k/s | points 0/s | logs 1.20M/s | 431 MB/s in | queued 12 | 38 MiB"
  static std::string text(const gateway_totals& before, const gateway_totals& now, double seconds,
                          std::uint64_t resident_bytes);

 private:
  void on_second();

  zc::shard& on_;
  const gateway& of_;
  console_log& to_;
  gateway_totals before_;
  zc::time_point at_;
  zc::member_timer<rate_line, &rate_line::on_second> timer_;
};

// 950, 12.3k, 1.20M, 3.45G
std::string short_number(double value);

}  // namespace sluice
