#include "gate/app/console_log.h"

#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include "zc/io/system.h"

namespace sluice {
namespace {

// A status line travels as a message of a level that no message has.
constexpr spdlog::level::level_enum status_level = spdlog::level::critical;

constexpr std::string_view clear_line = "\r\x1b[K";
// Without wrapping: on a narrow terminal the line is cut instead of leaving pieces behind.
constexpr std::string_view no_wrap = "\x1b[?7l";
constexpr std::string_view wrap = "\x1b[?7h";

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

struct level_look {
  std::string_view word;  // the Collector's
  std::string_view colour;
};

level_look look_of(spdlog::level::level_enum level) noexcept {
  switch (level) {
    case spdlog::level::debug:
      return {"debug", "\x1b[36m"};
    case spdlog::level::warn:
      return {"warn", "\x1b[33m\x1b[1m"};
    case spdlog::level::err:
      return {"error", "\x1b[31m\x1b[1m"};
    default:
      return {"info", "\x1b[32m"};
  }
}

class terminal_sink final : public spdlog::sinks::base_sink<std::mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    out_.clear();
    if (!status_.empty()) out_ += clear_line;
    if (message.level == status_level) {
      status_.assign(message.payload.data(), message.payload.size());
    } else {
      append(message);
    }
    if (!status_.empty()) {
      out_ += no_wrap;
      out_ += status_;
      out_ += wrap;
    }
    std::fwrite(out_.data(), 1, out_.size(), stderr);
  }

  void append(const spdlog::details::log_msg& message) {
    stamp_.clear();
    time_.format(message, stamp_);
    out_.append(stamp_.data(), stamp_.size());
    const level_look look = look_of(message.level);
    if (coloured_) out_ += look.colour;
    out_ += look.word;
    if (coloured_) out_ += "\x1b[m";
    out_ += '\t';
    out_.append(message.payload.data(), message.payload.size());
    out_ += '\n';
  }

  void flush_() override { std::fflush(stderr); }

  const bool coloured_ = zc::io::is_terminal(2);
  spdlog::pattern_formatter time_{"%Y-%m-%dT%H:%M:%S.%e%z\t", spdlog::pattern_time_type::local, ""};
  spdlog::memory_buf_t stamp_;
  std::string out_;
  std::string status_;
};

}  // namespace

struct console_log::sink {
  explicit sink(log_level level)
      : least(level),
        pool(std::make_shared<spdlog::details::thread_pool>(lines_max, 1)),
        out(std::make_shared<spdlog::async_logger>("sluice", std::make_shared<terminal_sink>(),
                                                   pool,
                                                   spdlog::async_overflow_policy::overrun_oldest)) {
    out->set_level(spdlog::level::trace);  // enabled() decides
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

void console_log::set_status(std::string_view line) {
  to_->out->log(status_level, "{}", line);
}

}  // namespace sluice
