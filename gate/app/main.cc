// sluice - the command line.

#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <malloc.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "gate/app/config/catalogue.h"
#include "gate/app/config/default_config.h"
#include "gate/app/config/load.h"
#include "gate/app/console_log.h"
#include "gate/app/gateway.h"
#include "gate/app/rate_line.h"
#include "gate/app/reloader.h"
#include "gate/app/self_check.h"
#include "gate/app/status_writer.h"
#include "gate/app/top.h"
#include "gate/app/version.h"
#include "gate/rig/cli.h"
#include "zc/io/signal_watch.h"
#include "zc/io/system.h"

namespace sluice {
namespace {

struct run_options {
  std::vector<std::string> configs;
  std::vector<std::string> sets;
  std::string memory_limit;
  gateway_options gate;
  double grace_seconds = 10;
  bool check = false;
  bool no_rate_line = false;
  // By signals that came before the watch.
  const std::atomic<bool>* stop_requested = nullptr;
  const std::atomic<bool>* reload_requested = nullptr;
};

// "512MiB", "2GiB", "1000000", "64M": powers of 1024 with or without the i.
std::optional<std::size_t> parse_size(const std::string& text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return {};
  std::string unit(end, text.data() + text.size());
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static constexpr std::array<std::pair<const char*, int>, 10> units{{{"", 0},
                                                                      {"b", 0},
                                                                      {"k", 10},
                                                                      {"kib", 10},
                                                                      {"m", 20},
                                                                      {"mib", 20},
                                                                      {"g", 30},
                                                                      {"gib", 30},
                                                                      {"t", 40},
                                                                      {"tib", 40}}};
  for (const auto& [name, shift] : units) {
    if (unit == name)
      return value > (SIZE_MAX >> shift) ? std::nullopt : std::optional(value << shift);
  }
  return {};
}

constexpr std::string_view embedded = "default configuration";

struct loaded {
  gateway_settings settings;
  std::string remarks;  // for people, one per line
};

std::expected<loaded, std::string> read_settings(const run_options& how) {
  config_sources sources;
  sources.configs = how.configs;
  if (sources.configs.empty()) sources.configs.emplace_back(embedded);
  for (const std::string& set : how.sets) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos) {
      return std::unexpected(fmt::format("--set {}: expected KEY=VALUE\n", set));
    }
    sources.sets.emplace_back(set.substr(0, equals), set.substr(equals + 1));
  }
  const file_reader files = [disk =
                                 system_files()](std::string_view path) -> zc::result<std::string> {
    if (path == embedded) return std::string(default_config());
    return disk(path);
  };
  diagnostics remarks;
  auto settings = load(sources, system_environment(), files, &remarks);
  if (!settings) return std::unexpected(settings.error().text());
  if (settings->level != log_level::debug) remarks.notes.clear();
  return loaded{std::move(*settings), remarks.text()};
}

std::expected<gateway_settings, int> load_settings(const run_options& how) {
  auto read = read_settings(how);
  fmt::print(stderr, "{}", read ? read->remarks : read.error());
  if (!read) return std::unexpected(1);
  return std::move(read->settings);
}

// What an operator wants to see once: where it listens, and where everything goes.
void announce(const gateway& running, const run_options& how, log& out) {
  const auto say = [&](std::string_view whose, const std::string& text) {
    out.write(log_level::info, whose, text);
  };
  const gateway_settings& all = running.settings();
  if (how.configs.empty()) {
    say("sluice", "no --config: the default configuration, which keeps everything in files");
  }
  for (const otlp_receiver_settings& r : all.receivers) {
    for (const otlp_listener_settings& l : r.listeners) {
      say(r.id, fmt::format("OTLP over {} on {}", l.grpc ? "gRPC" : "HTTP", l.at.text()));
    }
  }
  for (const exporter_settings& e : all.exporters) {
    if (e.kind == exporter_kind::otlp_grpc || e.kind == exporter_kind::otlp_http) {
      say(e.id, fmt::format("sends OTLP over {} to {}, {}",
                            e.kind == exporter_kind::otlp_grpc ? "gRPC" : "HTTP", e.otlp.to.text(),
                            zc::name_of(e.otlp.compression)));
    } else if (e.kind == exporter_kind::file) {
      say(e.id, "writes to " + e.file.path);
    }
  }
  if (all.health_check) {
    say("health_check",
        fmt::format("http://{}{}", all.health_check->at.text(), all.health_check->path));
  }
  if (all.metrics_at)
    say("sluice", fmt::format("metrics: http://{}/metrics", all.metrics_at->text()));
  say("sluice",
      fmt::format("version {} is ready: {}, payload memory at most {} MiB", version,
                  running.shards() == 1 ? "1 shard" : fmt::format("{} shards", running.shards()),
                  running.memory().limit() >> 20));
}

void report_the_end(const gateway& ended, const std::vector<undelivered>& left, log& out) {
  for (const undelivered& u : left) {
    out.write(log_level::error, u.component,
              fmt::format("not delivered: {} requests with {} items", u.requests, u.items));
  }
  std::string text =
      left.empty() ? "stopped; the queues are empty" : "stopped; what is named above is lost";
  if (ended.lost_items() > 0) {
    text += fmt::format("; {} items were given up or refused for good before", ended.lost_items());
  }
  const bool clean = left.empty() && ended.lost_items() == 0;
  out.write(clean ? log_level::info : log_level::warn, "sluice",
            clean ? "stopped; everything acknowledged was delivered" : text);
}

// Stops on SIGTERM and SIGINT; a second one does not wait for the queues any more. Reads the
// configuration again on SIGHUP.
int run_until_stopped(gateway& running, const run_options& how, console_log& out) {
  std::unique_ptr<zc::io::signal_watch> signals;
  std::unique_ptr<rate_line> line;
  std::unique_ptr<status_writer> status;
  reloader reloading(
      running, out,
      [&]() -> std::expected<gateway_settings, std::string> {
        auto read = read_settings(how);
        if (!read) return std::unexpected(read.error());
        if (!read->remarks.empty()) out.write(log_level::warn, "sluice", "\n" + read->remarks);
        return std::move(read->settings);
      },
      [&](const reload_plan& plan) { out.set_level(plan.effective.level); });
  const bool live = how.configs.empty() && !how.no_rate_line && zc::io::is_terminal(2);
  bool stopping = false;
  const auto stop = [&] {
    line.reset();
    out.write(log_level::info, "sluice",
              stopping ? "stopping at once: what is queued is given up"
                       : fmt::format("stopping: no new requests, queues drain for at most {:g} s",
                                     how.grace_seconds));
    stopping = true;
    running.stop();
  };
  zc::shard& first = running.first_shard();
  first.post([&] {
    auto watching = zc::io::signal_watch::start(first, [&](int number) {
      if (number == SIGHUP) return reloading.ask();
      stop();
    });
    if (watching) signals = std::move(*watching);
    auto writing = status_writer::start(first, running);
    if (writing) {
      status = *std::move(writing);
    } else {
      out.write(log_level::warn, "sluice", "no memory to share for `sluice top`");
    }
    // What came before there was a watch.
    if (how.stop_requested->load()) return stop();
    if (how.reload_requested->load()) reloading.ask();
    if (live) line = std::make_unique<rate_line>(first, running, out);
  });
  // They belong to the shard, which goes with wait(): all must go before it.
  const std::vector<undelivered> left = running.wait([&] {
    line.reset();
    status.reset();
    signals.reset();
  });
  report_the_end(running, left, out);
  return 0;
}

int run(const run_options& how) {
  auto settings = load_settings(how);
  if (!settings) return settings.error();
  gateway_options options = how.gate;
  options.grace = milliseconds(static_cast<std::int64_t>(how.grace_seconds * 1000));
  if (!how.memory_limit.empty()) {
    const auto bytes = parse_size(how.memory_limit);
    if (!bytes || *bytes < 16_MiB) {
      fmt::print(stderr,
                 "--memory-limit {}: expected a size of at least 16MiB, such as 512MiB or 2GiB\n",
                 how.memory_limit);
      return 1;
    }
    options.memory_limit = *bytes;
  }
  console_log out(how.check ? log_level::warn : settings->level);
  if (how.check) return self_check(std::move(*settings), options, out);
  gateway running(std::move(*settings), options, out);
  if (auto up = running.start(); !up) {
    out.write(log_level::error, "sluice", up.error());
    return 1;
  }
  announce(running, how, out);
  return run_until_stopped(running, how, out);
}

int validate(const run_options& how) {
  const auto settings = load_settings(how);
  if (!settings) return settings.error();
  const std::size_t n = settings->pipelines.size();
  fmt::print("configuration is valid: {} pipeline{}\n", n, n == 1 ? "" : "s");
  return 0;
}

void add_config_options(CLI::App& to, run_options& how) {
  to.add_option("--config", how.configs,
                "Configuration in the OpenTelemetry Collector's format: a path, file:PATH, "
                "env:NAME or yaml:KEY::SUB: VALUE. "
                "Several are merged left to right. Without it: an embedded default")
      ->type_name("SOURCE");
  to.add_option("--set", how.sets,
                "Set one value, applied last: exporters.otlp_grpc.endpoint=host:4317")
      ->type_name("KEY=VALUE");
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  using namespace sluice;
  run_options how;
  // First of all: a reload that comes too early must not end the gateway. The tools have nothing to
  // reload, and end with their terminal.
  const std::string_view command = argc > 1 ? argv[1] : "";
  static const std::atomic<bool> never{false};
  const bool tool = command == "load" || command == "sink" || command == "top";
  how.reload_requested = tool ? &never : &zc::io::hangup_flag_on_signal();
  // Large blocks always come from, and go back to, the system: what the quota counts is what is
  // resident.
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  mallopt(M_ARENA_MAX, 2);

  CLI::App app(
      "Sluice: an OpenTelemetry gateway. Receives OTLP, forwards it to many backends, copies "
      "nothing on the way.",
      "sluice");
  app.set_version_flag("-v,--version", std::string("sluice version ") + std::string(version));
  app.require_subcommand(0, 1);
  int status = 0;
  std::string gates;
  // The Collector's own form, without a subcommand, works too: sluice --config config.yaml
  add_config_options(app, how);
  app.add_option("--feature-gates", gates, "Accepted for compatibility; there are none")->group("");

  CLI::App* run_command = app.add_subcommand("run", "Run the gateway");
  const auto add_run_options = [&how, &gates](CLI::App& to) {
    add_config_options(to, how);
    to.add_option("--memory-limit", how.memory_limit,
                  "Most memory kept for payload, such as 512MiB. Default: half of the cgroup's "
                  "limit, or a quarter of the machine's memory")
        ->type_name("SIZE");
    to.add_option("--shards", how.gate.shards,
                  "Worker threads. Default: one per core that the process may use")
        ->type_name("N")
        ->check(CLI::Range(0u, 1024u).description(""));
    to.add_flag("--pin", how.gate.pin, "Pin each worker to a core of its own");
    to.add_option("--grace", how.grace_seconds, "Seconds to deliver what is queued after SIGTERM")
        ->type_name("SECONDS")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 86400.0).description(""));
    to.add_option("--congestion", how.gate.congestion,
                  "TCP congestion control of all sockets, such as cubic or bbr")
        ->type_name("NAME");
    to.add_flag("--no-rate-line", how.no_rate_line, "No live rate on the terminal");
    to.add_option("--feature-gates", gates, "Accepted for compatibility; there are none")
        ->group("");
  };
  add_run_options(*run_command);
  run_command->add_flag("--check", how.check,
                        "Start, send one batch of each signal through every receiver to a local "
                        "sink, print the result, "
                        "and exit 0 or 1");
  run_command->callback([&] { status = run(how); });

  CLI::App* validate_command = app.add_subcommand("validate", "Check a configuration and exit");
  add_config_options(*validate_command, how);
  validate_command->callback([&] { status = validate(how); });

  app.add_subcommand("components", "List the components that configurations may name")
      ->callback([] { std::fputs(components_yaml("sluice", version).c_str(), stdout); });

  zc::io::ignore_write_signals();
  // For the tools; `run` puts a watch of its own in its place.
  const std::atomic<bool>& stop_requested = zc::io::stop_flag_on_signals();
  how.stop_requested = &stop_requested;
  rig::add_load_command(app, stop_requested, status);
  rig::add_sink_command(app, stop_requested, status);
  add_top_command(app, stop_requested, status);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 1;  // the library has an exit code for every kind of mistake
  }
  if (app.get_subcommands().empty()) {
    if (how.configs.empty()) {
      std::fputs(app.help().c_str(), stdout);
      return 2;
    }
    status = run(how);
  }
  return status;
}
