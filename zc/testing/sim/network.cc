#include "zc/testing/sim/network.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "zc/testing/sim/link.h"
#include "zc/testing/sim/network_core.h"
#include "zc/testing/sim/network_poller.h"

namespace zc::testing {

sim_network::sim_network(sim_clock& time, sim_schedule& events, sim_random random, sim_trace& trace)
    : core_(std::make_shared<network_core>(time, events, random, trace)) {}

sim_network::~sim_network() = default;

std::unique_ptr<sim_poller> sim_network::make_poller(driver by) {
  return std::make_unique<sim_network_poller>(core_, by);
}

void sim_network::set(const network_profile& how) {
  core_->how = how;
}

const network_profile& sim_network::profile() const noexcept {
  return core_->how;
}

void sim_network::cut(const endpoint& at) {
  core_->cuts.push_back(at);
  for (auto& [id, l] : core_->links) {
    if (same_place(l->server, at)) l->hold_up();
  }
}

void sim_network::heal(const endpoint& at) {
  std::erase_if(core_->cuts, [&](const endpoint& c) { return same_place(c, at); });
  for (auto& [id, l] : core_->links) {
    if (l->held_up && !core_->is_cut(l->server)) l->go_on();
  }
}

void sim_network::break_all(const endpoint& at) {
  for (auto& [id, l] : core_->links) {
    if (same_place(l->server, at)) l->break_now(ECONNRESET);
  }
}

void sim_network::break_after(const endpoint& at, towards side, std::size_t bytes) {
  core_->bombs.push_back({at, side, std::max<std::size_t>(bytes, 1)});
}

const sim_network::statistics& sim_network::read() const noexcept {
  return core_->counts;
}

std::size_t sim_network::links() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(core_->links, [](const auto& l) {
    return l.second->end[0] != nullptr || l.second->end[1] != nullptr;
  }));
}

network_profile network_profile::slow(sim_random& r) {
  network_profile p;
  p.latency_max = r.between(std::chrono::microseconds(50), std::chrono::milliseconds(40));
  p.jitter_max = r.between(nanoseconds(0), std::chrono::milliseconds(5));
  p.bytes_per_second_min = r.chance(0.3) ? 1e6 : 1e8;
  p.send_buffer_min = 2_KiB + r.scaled(0, 62_KiB);
  p.send_buffer_max = p.send_buffer_min + r.scaled(1, 256_KiB);
  p.receive_buffer_min = 4_KiB + r.scaled(0, 60_KiB);
  p.receive_buffer_max = p.receive_buffer_min + r.scaled(1, 256_KiB);
  p.segment_max = r.scaled(256, 64_KiB);
  if (r.chance(0.5)) p.cut_send = r.unit() * 0.5;
  if (r.chance(0.5)) p.refuse_send = r.unit() * 0.5;
  if (r.chance(0.5)) p.cut_receive = r.unit() * 0.5;
  if (r.chance(0.5)) p.late_report = r.unit() * 0.3;
  if (r.chance(0.3)) p.stall = r.unit() * 0.05;
  return p;
}

network_profile network_profile::rough(sim_random& r) {
  network_profile p = slow(r);
  if (r.chance(0.5)) p.reset = r.unit() * 0.03;
  if (r.chance(0.4)) p.vanish = r.unit() * 0.01;
  if (r.chance(0.4)) p.refuse_connect = r.unit() * 0.5;
  if (r.chance(0.4)) p.vanish_connect = r.unit() * 0.3;
  if (r.chance(0.3)) p.accept_pause = r.unit() * 0.3;
  return p;
}

}  // namespace zc::testing
