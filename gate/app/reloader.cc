#include "gate/app/reloader.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sluice {
namespace {

constexpr std::string_view who = "sluice";

std::string without_end_of_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

reloader::reloader(gateway& on, log& out, loading read, done then)
    : on_(on), out_(out), read_(std::move(read)), then_(std::move(then)) {
  thread_ = std::thread([this] { run(); });
}

reloader::~reloader() {
  requests_.close();
  thread_.join();
}

void reloader::ask() {
  (void)requests_.try_send(request());  // full: one that has not begun is as good
}

void reloader::run() {
  while (requests_.receive_blocking()) reload();
}

void reloader::reload() {
  const auto next = read_();
  if (!next) {
    out_.write(log_level::error, who,
               "SIGHUP: the configuration has errors, and the one that runs stays as it is:\n" +
                   without_end_of_line(next.error()));
    return;
  }
  const reload_plan plan = on_.reload(*next);
  if (then_) then_(plan);
  out_.write(log_level::info, who,
             plan.changed.empty() ? std::string("SIGHUP: configuration read again, nothing changes")
                                  : fmt::format("SIGHUP: configuration read again, changed: {}",
                                                fmt::join(plan.changed, ", ")));
  for (const std::string& key : plan.needs_restart) {
    out_.write(log_level::warn, who, key + " needs a restart to change");
  }
}

}  // namespace sluice
