#include "gate/app/console_log.h"

#include <atomic>

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace sluice {
namespace {

spdlog::level::level_enum level_of(log_level level) noexcept {
  switch (level) {
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warn:
      return spdlog::level::warn;
    case log_level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

struct console_log::sink {
  explicit sink(log_level level)
      : least(level),
        pool(std::make_shared<spdlog::details::thread_pool>(lines_max, 1)),
        out(std::make_shared<spdlog::async_logger>(
            "sluice", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(), pool,
            spdlog::async_overflow_policy::overrun_oldest)) {
    out->set_level(spdlog::level::trace);  // enabled() decides
    out->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z\t%^%l%$\t%v");
  }
  std::atomic<log_level> least;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> out;
};

console_log::console_log(log_level least) : to_(std::make_unique<sink>(least)) {}
console_log::~console_log() {
  to_->out->flush();
}

void console_log::set_level(log_level least) noexcept {
  to_->least.store(least, std::memory_order_relaxed);
}

bool console_log::enabled(log_level level) const noexcept {
  return level >= to_->least.load(std::memory_order_relaxed);
}

void console_log::write(log_level level, std::string_view component, std::string_view message) {
  if (!enabled(level)) return;
  to_->out->log(level_of(level), "{}\t{}", component, message);
}

}  // namespace sluice
