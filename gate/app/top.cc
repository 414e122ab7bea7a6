#include "gate/app/top.h"

#include <chrono>
#include <cstdio>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "gate/app/status_reader.h"
#include "gate/app/status_report.h"
#include "zc/io/system.h"

namespace sluice {
namespace {

using steady = std::chrono::steady_clock;

// A gateway writes a page a second.
constexpr std::chrono::seconds silent_after(3);
constexpr std::chrono::milliseconds look_again(20);

std::expected<zc::io::publisher, std::string> choose(int process) {
  const auto all = status_reader::gateways();
  if (process != 0) {
    for (const auto& one : all) {
      if (one.process == process) return one;
    }
    return std::unexpected(
        fmt::format("process {} is no gateway that runs and that you may look into", process));
  }
  if (all.empty()) return std::unexpected("no gateway runs that you may look into");
  if (all.size() == 1) return all.front();
  std::string text = "several gateways run; name one:";
  for (const auto& one : all) {
    fmt::format_to(std::back_inserter(text), "\n  sluice top {}", one.process);
    const auto reader = status_reader::open(one);
    const auto page = reader ? reader->read() : std::unexpected(reader.error());
    if (!page) continue;
    fmt::format_to(std::back_inserter(text), "    version {}", shown_name((*page)->head.version));
  }
  return std::unexpected(text);
}

bool put(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

class screen {
 public:
  explicit screen(const top_options& how)
      : json_(how.json), redraw_(!how.json && !how.once && zc::io::is_terminal(1)) {}

  bool show(const status_look& look) {
    if (json_) return put(status_json(look) + "\n");
    const std::string text = status_table(look);
    if (!redraw_) return put(std::exchange(first_, false) ? text : "\n" + text);
    // Over what is there, line by line, so that it does not flicker; then what is left below goes.
    std::string drawn = std::exchange(first_, false) ? "\x1b[H\x1b[2J" : "\x1b[H";
    for (const char c : text) drawn += c == '\n' ? std::string("\x1b[K\n") : std::string(1, c);
    return put(drawn + "\x1b[J");
  }

  void end(int process, gateway_state last) {
    const std::string text =
        fmt::format("process {} has ended{}\n", process,
                    last == gateway_state::stopped ? ": it stopped as it was told to" : "");
    if (json_) {
      std::fputs(text.c_str(), stderr);  // standard output has one object per look, and no more
    } else {
      put(text);
    }
  }

 private:
  const bool json_;
  const bool redraw_;
  bool first_ = true;
};

class watch {
 public:
  watch(status_reader from, const std::atomic<bool>& stop) : from_(std::move(from)), stop_(stop) {}

  // The first page, to have something to compare with.
  std::expected<void, std::string> begin() {
    number_ = from_.completed();
    auto page = from_.read();
    if (!page) return std::unexpected(page.error());
    before_ = *std::move(page);
    return {};
  }

  // Until `at`, and then until there is another page, the gateway is silent, or gone.
  void wait(steady::time_point at) {
    const auto enough = [&] {
      if (stop_ || from_.gone()) return true;
      return steady::now() >= at && (from_.completed() != number_ || silent(*before_));
    };
    while (!enough()) std::this_thread::sleep_for(look_again);
  }

  bool gone() const { return from_.gone(); }
  int process() const { return from_.process(); }

  // False when the screen is gone.
  std::expected<bool, std::string> show(screen& on) {
    const std::uint64_t number = from_.completed();
    const bool fresh = number != number_;
    auto now = from_.read();
    if (!now) return std::unexpected(now.error());
    number_ = number;
    const status_look look{.process = process(),
                           .before = *before_,
                           .now = **now,
                           .age = age(**now),
                           .responding = fresh || !silent(**now)};
    const bool shown = on.show(look);
    before_ = *std::move(now);
    return shown;
  }

  // What the gateway wrote last.
  gateway_state last_state() const {
    const auto page = from_.read();
    return page ? (*page)->head.state : before_->head.state;
  }

 private:
  static std::chrono::nanoseconds age(const status_page& page) {
    return age_of(page, steady::now().time_since_epoch());
  }
  static bool silent(const status_page& page) { return age(page) > silent_after; }

  status_reader from_;
  const std::atomic<bool>& stop_;
  std::uint64_t number_ = 0;
  std::unique_ptr<status_page> before_;
};

int complain(const std::string& why) {
  fmt::print(stderr, "sluice top: {}\n", why);
  return 1;
}

}  // namespace

int run_top(const top_options& how, const std::atomic<bool>& stop) {
  const auto chosen = choose(how.process);
  if (!chosen) return complain(chosen.error());
  auto opened = status_reader::open(*chosen);
  if (!opened) return complain(opened.error());
  watch on(*std::move(opened), stop);
  if (const auto begun = on.begin(); !begun) return complain(begun.error());
  screen out(how);
  const auto interval = std::chrono::duration_cast<steady::duration>(
      std::chrono::duration<double>(how.interval_seconds));
  for (auto at = steady::now() + interval; true; at += interval) {
    on.wait(at);
    if (stop) return 0;
    if (on.gone()) {
      out.end(on.process(), on.last_state());
      return 0;
    }
    const auto shown = on.show(out);
    if (!shown) return complain(shown.error());
    if (!*shown) return 1;  // nobody reads any more
    if (how.once) return 0;
  }
}

void add_top_command(CLI::App& app, const std::atomic<bool>& stop, int& exit_code) {
  auto how = std::make_shared<top_options>();
  CLI::App& c = *app.add_subcommand("top", "Look at a gateway that runs, without asking it");
  c.footer(
      "Reads memory that the gateway shares: no port is needed, and it works while the gateway is\n"
      "overloaded, out of memory or stopped. The gateway writes it once a second.\n"
      "Exit status: 0 shown, or the gateway has ended; 1 no gateway, or not to be read.\n\n"
      "  sluice top                    the only gateway of this user, until it or you stop\n"
      "  sluice top 4711 --once        one table, with rates over a second\n"
      "  sluice top --json --interval 10");
  c.add_option("pid", how->process, "Process of the gateway, when several run")->type_name("PID");
  c.add_flag("--once", how->once, "One look, and exit");
  c.add_flag("--json", how->json, "One JSON object per look, on a line of its own");
  c.add_option("--interval", how->interval_seconds, "Seconds between looks, from 1 on")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 86400.0).description(""));
  c.callback([how, &stop, &exit_code] { exit_code = run_top(*how, stop); });
}

}  // namespace sluice
