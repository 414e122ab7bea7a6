// gate/pipeline/engine/kit_for_tests.h - a shard without a kernel, requests to push through it, and
// ends to catch them. For tests of the pipeline rooms only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gate/otlp/signal.h"
#include "gate/pipeline/engine/consumer.h"
#include "gate/pipeline/engine/log.h"
#include "gate/pipeline/engine/metrics.h"
#include "gate/pipeline/engine/shard_context.h"
#include "zc/mem/quota.h"
#include "zc/shard/shard.h"
#include "zc/testing/socketless_poller.h"
#include "zc/wire/protobuf/writer.h"

namespace sluice::kit {

using zc::testing::idle_poller;

class hand_clock final : public zc::clock {
 public:
  zc::time_point now() noexcept override { return at_; }
  void advance(zc::nanoseconds by) noexcept { at_ += by; }

 private:
  zc::time_point at_{std::chrono::hours(1)};
};

struct logged {
  log_level level;
  std::string component;
  std::string message;
};

class recording_log final : public log {
 public:
  bool enabled(log_level) const noexcept override { return true; }
  void write(log_level level, std::string_view component, std::string_view message) override {
    lines.push_back({level, std::string(component), std::string(message)});
  }
  bool says(std::string_view what) const {
    for (const logged& l : lines) {
      if (l.message.find(what) != std::string::npos) return true;
    }
    return false;
  }
  std::vector<logged> lines;
};

// A shard, its clock and everything that nodes borrow.
struct workplace {
  explicit workplace(std::size_t memory = 256 * 1024 * 1024)
      : limits(memory), on({}, std::make_unique<idle_poller>(), limits, time) {}

  // One turn per millisecond.
  void run_for(milliseconds how_long) {
    for (std::int64_t i = 0; i < how_long.count(); ++i) {
      time.advance(milliseconds(1));
      on.run_turn(zc::nanoseconds(0));
    }
  }

  hand_clock time;
  zc::quota limits;
  zc::shard on;
  zc::coder with;
  metrics counts;
  recording_log out;
  shard_context context{on, with, counts, out, 1, 64 * 1024 * 1024};
};

// A request of `items` spans, points or records, named "<tag>0", "<tag>1" ..., each `padding` bytes
// larger.
inline std::string request_of(otlp::signal s, std::uint64_t items, std::string_view tag = "r",
                              std::size_t padding = 0) {
  std::string out;
  zc::pb::string_writer w(out);
  const auto item = [&](std::uint64_t i) {
    const std::string name = std::string(tag) + std::to_string(i) + std::string(padding, '.');
    if (s == otlp::signal::traces) w.text(5, name);
    if (s == otlp::signal::logs) w.message(5, [&] { w.text(1, name); });
    if (s != otlp::signal::metrics) return;
    w.text(1, name);
    w.message(5, [&] { w.message(1, [&] { w.fixed64(6, i); }); });
  };
  w.message(1, [&] {
    w.message(1, [&] {
      w.message(1, [&] {
        w.text(1, "service.name");
        w.message(2, [&] { w.text(1, tag); });
      });
    });
    w.message(2, [&] {
      for (std::uint64_t i = 0; i < items; ++i) w.message(2, [&] { item(i); });
    });
  });
  return out;
}

inline zc::bytes_chain chain_of(std::string text) {
  return zc::bytes_chain(zc::bytes::from_string(std::move(text)));
}

inline std::string text_of(const zc::bytes_chain& chain) {
  const zc::bytes flat = chain.flatten_copy();
  return std::string(flat.text());
}

inline payload_ptr plain_payload(otlp::signal s, std::uint64_t items, std::string_view tag = "r",
                                 std::size_t padding = 0) {
  return zc::make_local<payload>(s, chain_of(request_of(s, items, tag, padding)),
                                 std::optional<std::uint64_t>(items));
}

inline zc::bytes_chain packed(workplace& at, const zc::bytes_chain& plain, zc::coding as) {
  return *at.with.deflate(plain, as, 0, at.on.memory());
}

// How a batch ended; `times` tells that it was told once. May go before the answer comes.
class slot {
  struct state {
    int times = 0;
    verdict last;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();

 public:
  int& times = state_->times;
  verdict& last = state_->last;

  ack ask() {
    return ack::of([told = state_](verdict&& v) {
      told->times += 1;
      told->last = std::move(v);
    });
  }
  bool ok() const { return times == 1 && last.ok(); }
  bool retryable() const { return times == 1 && last.retryable(); }
  bool permanent() const { return times == 1 && last.what == verdict::kind::permanent; }
};

// Keeps what it gets and answers as told: at once with `answers` (the last one repeats), or, when
// it holds, by hand.
class catcher final : public consumer {
 public:
  void consume(batch&& b) override {
    bodies.push_back(text_of(b.what->received()));
    codings.push_back(b.what->received_coding());
    items.push_back(b.what->items_or_zero());
    skips.push_back(b.skip);
    if (holds) return kept.push_back(std::move(b));
    verdict v = answers.front();
    if (answers.size() > 1) answers.pop_front();
    b.done.answer(std::move(v));
  }
  bool waits_for_result() const noexcept override { return waits; }
  void drain(zc::time_point) override { told = true; }
  bool drained() const noexcept override { return told && kept.empty(); }

  bool holds = false;
  bool waits = false;
  bool told = false;
  std::deque<verdict> answers{verdict::success()};
  std::vector<batch> kept;
  std::vector<std::string> bodies;
  std::vector<zc::coding> codings;
  std::vector<std::uint64_t> items;
  std::vector<std::uint64_t> skips;
};

}  // namespace sluice::kit
