// zc/net/stage_for_tests.h - a shard whose time and network are made by hand, for tests of this
// room that are about order and deadlines.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "zc/base/units.h"
#include "zc/mem/chain.h"
#include "zc/shard/shard.h"
#include "zc/testing/socketless_poller.h"

namespace zc::net {

// Time that stands still until it is moved.
class hand_clock final : public clock {
 public:
  time_point now() noexcept override { return at; }
  time_point at = time_point(std::chrono::hours(1));
};

// A network where nothing happens by itself. Sleeping moves the clock.
class still_poller final : public testing::socketless_poller {
 public:
  explicit still_poller(hand_clock& time) : time_(time) {}

  std::size_t poll(nanoseconds longest) override {
    const nanoseconds slept = std::min(longest, most_);
    time_.at += slept;
    most_ -= slept;
    wakes_ += slept > nanoseconds(0) && most_ > nanoseconds(0) ? 1 : 0;
    return 0;
  }
  void wake() noexcept override {}
  const char* name() const noexcept override { return "still"; }

  // The next sleeps take so long together.
  void allow(nanoseconds t) noexcept {
    most_ = t;
    wakes_ = 0;
  }
  nanoseconds left() const noexcept { return most_; }
  int wakes() const noexcept { return wakes_; }  // before all of it was slept

 private:
  hand_clock& time_;
  nanoseconds most_{0};
  int wakes_ = 0;
};

class stage {
 public:
  explicit stage(std::size_t memory = 64_MiB)
      : limits(memory), on({}, std::make_unique<still_poller>(time), limits, time) {}

  // Lets that much time go by; returns how often something was due meanwhile.
  int pass(nanoseconds t) {
    auto& still = static_cast<still_poller&>(on.io());
    still.allow(t);
    while (still.left() > nanoseconds(0)) on.run_turn(t);
    on.run_turn(nanoseconds(0));
    return still.wakes();
  }
  void turn() { on.run_turn(nanoseconds(0)); }

  quota limits;
  hand_clock time;
  shard on;
};

// What a fake stream's user did to it; outlives the stream.
struct wire_tap {
  std::string sent;
  std::size_t room = SIZE_MAX;     // taken by send() before it says 0
  std::size_t at_once = SIZE_MAX;  // by one call
  bool broken = false;             // send() fails
  int sends = 0;
  bool pending = false;
  std::vector<io_slice> slices;  // of the pending send
  bool shut = false;
  bool paused = false;
  bool gone = false;
};

class fake_stream final : public stream {
 public:
  explicit fake_stream(wire_tap& tap) : tap_(tap) {}
  ~fake_stream() override { tap_.gone = true; }

  result<std::size_t> send(std::span<const io_slice> slices) override {
    tap_.sends += 1;
    if (tap_.broken) return fail(errc::closed, "broken");
    const std::size_t n = take(slices);
    if (n == 0) {
      tap_.pending = true;
      tap_.slices.assign(slices.begin(), slices.end());
    }
    return n;
  }
  void shutdown_send() override { tap_.shut = true; }
  void resume_read() override { tap_.paused = false; }
  void pause_read() override { tap_.paused = true; }
  void abort_on_close() override {}
  std::string peer() const override { return "fake"; }

 private:
  std::size_t take(std::span<const io_slice> slices) {
    std::size_t most = std::min(tap_.room, tap_.at_once);
    std::size_t n = 0;
    for (const io_slice& s : slices) {
      const std::size_t part = std::min(s.size, most - n);
      tap_.sent.append(static_cast<const char*>(s.data), part);
      n += part;
      if (n == most) break;
    }
    if (tap_.room != SIZE_MAX) tap_.room -= n;
    return n;
  }
  wire_tap& tap_;
};

}  // namespace zc::net
