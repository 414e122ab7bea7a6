// gate/rig/load_for_tests.h - for the tests of this room: a sink to send to, and small loads.
#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <utility>

#include <gtest/gtest.h>

#include "gate/rig/load.h"
#include "gate/rig/sink.h"

namespace sluice::rig::testing {

// A sink on ports of its choice, on a thread of its own.
class running_sink {
 public:
  explicit running_sink(sink_options how = {}) {
    how.grpc = zc::endpoint{"127.0.0.1", 0, ""};
    how.http = zc::endpoint{"127.0.0.1", 0, ""};
    how.quiet = true;
    if (how.look == scrutiny::count) how.look = scrutiny::verify;
    std::promise<sink_listening> open;
    auto opened = open.get_future();
    how.on_listening = [&](const sink_listening& l) { open.set_value(l); };
    ended_ = std::async(std::launch::async, [this, how] { return sink(how, stop_); });
    at_ = opened.get();
  }
  ~running_sink() { stop_ = true; }

  zc::endpoint at(transport t) const { return t == transport::grpc ? *at_.grpc : *at_.http; }
  sink_report end() {
    stop_ = true;
    auto report = ended_.get();
    EXPECT_TRUE(report.has_value());
    return std::move(*report);
  }

 private:
  std::atomic<bool> stop_{false};
  sink_listening at_;
  std::future<zc::result<sink_report>> ended_;
};

inline load_options small(const running_sink& to, transport via) {
  load_options how;
  how.targets = {to.at(via)};
  how.via = via;
  how.mix = {{otlp::signal::traces, 2}, {otlp::signal::metrics, 1}, {otlp::signal::logs, 1}};
  how.items = 50;
  how.variety = 2;
  how.connections = 3;
  how.in_flight = 4;
  how.requests = 200;
  how.duration = std::chrono::seconds(30);
  how.drain = std::chrono::seconds(10);
  how.quiet = true;
  how.retry_min = std::chrono::milliseconds(2);
  how.retry_max = std::chrono::milliseconds(20);
  return how;
}

inline load_report run(const load_options& how) {
  std::atomic<bool> stop{false};
  auto report = load(how, stop);
  EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().reason);
  return report ? std::move(*report) : load_report{};
}

}  // namespace sluice::rig::testing
