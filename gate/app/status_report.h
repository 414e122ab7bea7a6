// gate/app/status_report.h - what two pages of a gateway say, as a table for people or as JSON.
//
// Threads  Pure functions.
// Errors   None: pages are foreign input. Figures that went backwards have the rate 0, names are
//          escaped (shown_name()).
#pragma once

#include <chrono>
#include <string>

#include "gate/app/status_page.h"

namespace sluice {

struct status_look {
  int process = 0;
  const status_page& before;
  const status_page& now;
  std::chrono::nanoseconds age{};  // of `now`
  bool responding = true;          // the gateway goes on writing pages
};

// How old `page` is at `now`, a time of the steady clock; never negative.
std::chrono::nanoseconds age_of(const status_page& page, std::chrono::nanoseconds now) noexcept;

// Several lines, the last with its line feed. Rows in which nothing has been counted yet are left
// out.
std::string status_table(const status_look& look);
// One object on one line, without the line feed. Names of fields stay as they are between versions.
std::string status_json(const status_look& look);

}  // namespace sluice
