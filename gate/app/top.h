// gate/app/top.h - `sluice top`: the live state of a gateway, read from memory that it shares.
//
// Nothing is asked of the gateway: it works while that is overloaded, out of memory or stopped, and
// says so (gate/app/status_writer.h).
//
// Threads  One. `stop` is set by whoever handles signals; it and `exit_code` outlive the app.
#pragma once

#include <atomic>

namespace CLI {
class App;
}

namespace sluice {

struct top_options {
  int process = 0;  // 0: the only gateway there is
  bool once = false;
  bool json = false;
  double interval_seconds = 1;
};

// 0: what there was to show was shown, the gateway's end included. 1: no gateway, or not to be read.
int run_top(const top_options& how, const std::atomic<bool>& stop);

void add_top_command(CLI::App& app, const std::atomic<bool>& stop, int& exit_code);

}  // namespace sluice
