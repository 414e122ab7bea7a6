// gate/pipeline/engine/log.h - where nodes say things to people, whoever writes them down.
//
// Threads  Implementations take calls from any shard and must not block: queue or drop.
// Cost     Nodes ask enabled() before they build a message, and use log_gate for what may repeat.
#pragma once

#include <cstdint>
#include <string_view>

#include "gate/pipeline/engine/settings.h"
#include "zc/shard/clock.h"

namespace sluice {

class log {
 public:
  virtual ~log() = default;
  virtual bool enabled(log_level level) const noexcept = 0;
  // `component` is the id of the node ("otlp_grpc/backend"). The message may have several lines.
  virtual void write(log_level level, std::string_view component, std::string_view message) = 0;
};

// Nobody listens: for tests and tools.
class silent_log final : public log {
 public:
  bool enabled(log_level) const noexcept override { return false; }
  void write(log_level, std::string_view, std::string_view) override {}
};

// Lets one message through per interval and counts what it held back. One per kind of message.
class log_gate {
 public:
  explicit log_gate(zc::nanoseconds every = std::chrono::seconds(10)) noexcept : every_(every) {}

  // True when the message should be written; held_back() is then what was left out before it.
  bool open(zc::time_point now) noexcept {
    if (asked_ && now - last_ < every_) {
      waiting_ += 1;
      return false;
    }
    asked_ = true;
    last_ = now;
    held_back_ = waiting_;
    waiting_ = 0;
    return true;
  }
  std::uint64_t held_back() const noexcept { return held_back_; }

 private:
  zc::nanoseconds every_;
  zc::time_point last_{};
  std::uint64_t waiting_ = 0;
  std::uint64_t held_back_ = 0;
  bool asked_ = false;
};

}  // namespace sluice
