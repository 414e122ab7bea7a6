// gate/rig/sink_service.h - what one thread of a sink does with requests.
//
// Threads  One shard, on which it is made and destroyed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gate/rig/dice.h"
#include "gate/rig/sink.h"
#include "gate/rig/unruly_poller.h"
#include "zc/net/service.h"
#include "zc/shard/shard.h"
#include "zc/shard/timer.h"
#include "zc/wire/coding/coder.h"

namespace sluice::rig {

// For the progress line. Written by one thread, read by any.
struct sink_gauges {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> items{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> errors{0};   // refused, cut, silent, malformed
  std::atomic<std::uint64_t> waiting{0};  // for their delay or for ever
};

class sink_service final : public zc::net::service {
 public:
  // `cutter` is the shard's poller where connections are to be cut, else null.
  sink_service(zc::shard& on, const sink_options& how, unruly_poller* cutter, sink_gauges& now);
  sink_service(const sink_service&) = delete;
  sink_service& operator=(const sink_service&) = delete;
  ~sink_service();

  std::optional<zc::grpc::status> admit(zc::net::request_head& head) override;
  void serve(std::unique_ptr<zc::net::exchange> request, zc::bytes_chain body) override;

  // For the report, when the listeners are closed.
  const std::array<sink_totals, otlp::signals>& totals() const noexcept { return totals_; }
  tracker take_received() noexcept { return std::move(received_); }
  std::uint64_t unwritten() const noexcept { return unwritten_; }

  struct item_run {
    identity first;
    std::uint64_t count = 0;
  };

 private:
  // An exchange that waits: for its delay, or for its client to give up.
  struct held final : zc::timer {
    explicit held(sink_service& s) noexcept : owner(s) {}
    void on_timer() override { owner.release(self); }
    sink_service& owner;
    std::unique_ptr<zc::net::exchange> request;
    otlp::signal signal = otlp::signal::traces;
    bool silent = false;
    std::list<held>::iterator self;
  };

  enum class verdict : std::uint8_t { take, busy, cut, silence, refuse };
  verdict decide();
  void take(std::unique_ptr<zc::net::exchange> request, otlp::signal s, zc::bytes_chain body);
  bool look_at(otlp::signal s, const zc::net::request_head& head, const zc::bytes_chain& body);
  std::optional<std::span<const std::byte>> flat(const zc::net::request_head& head,
                                                 const zc::bytes_chain& body);
  bool read(otlp::signal s, std::span<const std::byte> telemetry);
  bool count(otlp::signal s, const zc::net::request_head& head, const zc::bytes_chain& body);
  void write(otlp::signal s, std::span<const std::byte> telemetry);
  void hold(std::unique_ptr<zc::net::exchange> request, otlp::signal s, bool silent);
  void release(std::list<held>::iterator which);
  void answer(zc::net::exchange& request, otlp::signal s);
  void refuse(zc::net::exchange& request, otlp::signal s, verdict why);
  void sweep();
  sink_totals& of(otlp::signal s) noexcept { return totals_[static_cast<std::size_t>(s)]; }

  zc::shard& on_;
  const sink_options& how_;
  unruly_poller* cutter_;
  sink_gauges& now_;
  dice dice_;
  zc::coder coder_;
  std::vector<std::byte> flat_;  // one body, inflated or joined: at most inflated_bytes_max
  std::vector<item_run> runs_;   // of one request
  std::array<sink_totals, otlp::signals> totals_{};
  tracker received_;
  std::list<held> held_;  // at most concurrent_max
  std::array<std::ofstream, otlp::signals> files_;
  std::uint64_t written_ = 0;
  std::uint64_t unwritten_ = 0;
  zc::member_timer<sink_service, &sink_service::sweep> sweeper_{*this};
};

}  // namespace sluice::rig
