// gate/rig/cli.h - the commands `load` and `sink` on a command line.
//
// Each function adds a subcommand to `app`. When it is chosen, parsing ends by running it:
// `exit_code` gets what run_load or run_sink returned. `stop` is set by whoever handles SIGINT and
// SIGTERM; it and `exit_code` must outlive the app.
//
// Threads  One.
#pragma once

#include <atomic>

namespace CLI {
class App;
}

namespace sluice::rig {

void add_load_command(CLI::App& app, const std::atomic<bool>& stop, int& exit_code);
void add_sink_command(CLI::App& app, const std::atomic<bool>& stop, int& exit_code);

}  // namespace sluice::rig
