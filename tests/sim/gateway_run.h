// tests/sim/gateway_run.h - one run of the whole gateway: its shards as gate/app wires them, a
// client's and a backends' shard in one world, and what must hold of them (see gateway_test.cc).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gate/app/shard_graph.h"
#include "tests/sim/gateway_backend.h"
#include "tests/sim/gateway_plan.h"
#include "zc/net/client.h"

namespace sluice::sim {

class loud_log final : public log {
 public:
  bool enabled(log_level) const noexcept override { return loud_; }
  void write(log_level, std::string_view component, std::string_view message) override {
    if (!loud_) return;
    std::fprintf(stderr, "    %.*s: %.*s\n", static_cast<int>(component.size()), component.data(),
                 static_cast<int>(message.size()), message.data());
  }

 private:
  bool loud_ = std::getenv("SLUICE_SIM_TRACE") != nullptr;
};

class gateway_run {
 public:
  explicit gateway_run(std::uint64_t seed, const std::function<void(gateway_plan&)>& adjust = {});
  ~gateway_run() { tear_down(); }

  void load();
  void let_it_heal();
  void stop();
  void check();
  std::uint64_t finish();
  // Items that a client was told are accepted, that are not at the backend, and that nobody counts.
  std::uint64_t lost_in_silence(std::size_t e);
  std::uint64_t missing(std::size_t e);
  void let_backends_lie();
  void let_backends_refuse();

 private:
  struct asked {
    int items = 0;
    int sends = 0;
    bool open = false;
    bool accepted = false;
    bool refused = false;    // told so, and not sent again
    bool uncertain = false;  // at least one attempt ended without an answer
  };

  void make_backends();
  void make_gateway(std::uint64_t seed);
  void make_clients();
  void send(int number);
  void ended(int number, bool grpc, zc::net::outcome&& o);
  void have_an_accident();
  void tear_down();
  std::uint64_t count(const std::function<std::uint64_t(const metrics&)>& of) const;
  std::uint64_t send_failed(const std::string& id) const;
  std::uint64_t dropped() const;
  bool empty() const {
    return std::ranges::all_of(shared_.accounts, [](const auto& a) {
      return a.second->used() == 0 && a.second->used_bytes() == 0;
    });
  }

  gateway_plan p_;
  sim_random random_;
  zc::quota limits_;  // the gateway's
  zc::quota others_;
  sim_world world_;
  zc::shard& client_shard_;
  zc::shard& backend_shard_;
  std::vector<zc::shard*> shards_;
  std::vector<std::unique_ptr<backend>> backends_;  // one per exporter
  gateway_settings settings_;
  zc::snapshot<gateway_settings> live_{gateway_settings{}};
  loud_log log_;
  shared_parts shared_{settings_, live_, log_, 1, {}, {}, {}, {}};
  std::vector<std::unique_ptr<shard_graph>> graphs_;
  std::array<std::unique_ptr<zc::net::client>, 2> clients_;  // gRPC, HTTP
  std::map<int, asked> all_;
  std::map<int, int> sends_;
  int open_ = 0;
  bool loading_ = true;
  bool stopping_ = false;
  bool broke_ = false;  // something did, by script
};

}  // namespace sluice::sim
