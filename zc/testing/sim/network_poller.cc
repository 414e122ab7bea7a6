#include "zc/testing/sim/network_poller.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "zc/testing/sim/door.h"
#include "zc/testing/sim/link.h"
#include "zc/testing/sim/socket.h"

namespace zc::testing {

void sim_pollee::enlist(sim_network_poller& home) {
  home_ = &home;
  place_ = home.all_.size();
  home.all_.push_back(this);
}

void sim_pollee::leave() noexcept {
  if (home_ == nullptr) return;
  home_->all_[place_] = home_->all_.back();
  home_->all_[place_]->place_ = place_;
  home_->all_.pop_back();
  home_ = nullptr;
}

void sim_pollee::look() {
  if (home_ == nullptr || queued_ || !wants_turn()) return;
  queued_ = true;
  home_->queue(shared_from_this());
}

std::size_t sim_network_poller::run_ready() {
  std::vector<std::shared_ptr<sim_pollee>> batch;
  batch.swap(ready_);
  std::size_t handled = 0;
  while (!batch.empty()) {
    std::swap(batch[random_.below(batch.size())], batch.back());
    const std::shared_ptr<sim_pollee> who = std::move(batch.back());
    batch.pop_back();
    who->queued_ = false;
    if (who->home_ != this) continue;
    if (random_.chance(net_->how.late_report)) {
      who->look();
      continue;
    }
    if (!who->wants_turn()) continue;
    handled += who->take_turn() > 0 ? 1 : 0;
    who->look();
  }
  return handled;
}

std::size_t sim_network_poller::poll(nanoseconds longest) {
  ZC_REQUIRES(!polling_, "poll() must not be called from inside a callback");
  polling_ = true;
  asked_ = std::max(longest, nanoseconds(0));
  const time_point until = net_->time.now() + std::min<nanoseconds>(asked_, std::chrono::hours(1));
  std::size_t handled = 0;
  for (;;) {
    handled += woken_.exchange(false) ? 1 : 0;
    handled += run_ready();
    if (handled > 0 || by_ == sim_network::driver::world) break;
    if (!ready_.empty()) continue;  // put off: its turn comes
    if (net_->events.next() > until) {
      net_->time.set(until);
      break;
    }
    net_->events.run_next();
  }
  polling_ = false;
  return handled;
}

result<std::unique_ptr<acceptor>> sim_network_poller::listen(const endpoint& at,
                                                             const socket_options& how,
                                                             acceptor_events& events) {
  auto place = resolved(at);
  if (!place) return std::unexpected(place.error());
  if (const auto fine = known(how); !fine) return std::unexpected(fine.error());
  if (place->unix_path.empty() && place->port == 0) place->port = net_->port();
  for (const sim_door* d : net_->doors) {
    if (!same_place(d->at(), *place)) continue;
    if (!place->unix_path.empty() || !how.reuse_port || !d->how().reuse_port) {
      return std::unexpected(failure(EADDRINUSE));
    }
  }
  if (place->unix_path.empty() && place->host.empty()) place->host = "::";
  auto made = std::make_shared<sim_door>(*place, how, events);
  made->open(*this);
  net_->trace.note("listen", {place->port});
  return std::make_unique<sim_acceptor>(std::move(made));
}

result<std::unique_ptr<stream>> sim_network_poller::connect(const endpoint& to,
                                                            const socket_options& how,
                                                            stream_events& events) {
  const auto found = resolved(to);
  if (const auto fine = known(how); !fine) return std::unexpected(fine.error());
  endpoint place = found.value_or(to);
  endpoint from;
  if (place.unix_path.empty()) {
    from.host = place.host.find(':') != std::string::npos ? "::1" : "127.0.0.1";
    if (any_host(place.host)) place.host = from.host;
    from.port = net_->port();
  } else {
    from.unix_path = "(unnamed)";
  }
  auto on = std::make_shared<sim_link>(net_, net_->next_link++, place, from);
  on->draw();
  const auto bomb = std::ranges::find_if(
      net_->bombs, [&](const network_core::bomb& b) { return same_place(b.at, place); });
  if (bomb != net_->bombs.end()) {
    on->way[bomb->side == sim_network::towards::server ? 0 : 1].break_at = bomb->bytes;
    net_->bombs.erase(bomb);
  }
  auto made = std::make_shared<sim_socket>(on, 0);
  made->begin(*this, events);
  net_->trace.note("connect", {on->id, place.port});
  const bool path_is_free =
      !place.unix_path.empty() &&
      std::ranges::none_of(net_->doors, [&](sim_door* d) { return same_place(d->at(), place); });
  if (!found || path_is_free) {
    made->connected(found ? ENOENT : EHOSTUNREACH);
  } else {
    net_->events.after(on->way[0].latency,
                       [on] { knock(on, nanoseconds(0), std::chrono::seconds(1)); });
  }
  return std::make_unique<sim_stream>(std::move(made));
}

void sim_network_poller::start(stream& accepted, stream_events& events) {
  static_cast<sim_stream&>(accepted).state().start(events);
}

}  // namespace zc::testing
