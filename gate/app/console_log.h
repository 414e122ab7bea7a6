// gate/app/console_log.h - the log of the process: one line per message on standard error, written
// by a thread of its own, and below the messages a status line that is rewritten in place.
//
// Threads  Any. Never blocks, not even when the terminal stands still: when its queue of
//          `lines_max` is full the oldest line makes room.
// Output   One write per message, so that lines of several processes do not mix.
#pragma once

#include <memory>
#include <string_view>

#include "gate/pipeline/engine/log.h"

namespace sluice {

class console_log final : public log {
 public:
  static constexpr std::size_t lines_max = 8192;

  explicit console_log(log_level least);
  ~console_log() override;  // writes out what is queued

  void set_level(log_level least) noexcept;
  bool enabled(log_level level) const noexcept override;
  void write(log_level level, std::string_view component, std::string_view message) override;

  // The line that stays below the messages; empty: none. For terminals only.
  void set_status(std::string_view line);

 private:
  struct sink;
  std::unique_ptr<sink> to_;
};

}  // namespace sluice
