#include "zc/testing/sim/door.h"

#include <cerrno>
#include <chrono>
#include <vector>

namespace zc::testing {
namespace {

constexpr int accepts_max = 64;
constexpr nanoseconds accept_retry = std::chrono::milliseconds(100);

}  // namespace

void sim_door::close() {
  if (std::exchange(closed_, true)) return;
  leave();
  std::erase(net_->doors, this);
  for (const auto& s : std::exchange(backlog_, {})) {
    s->abort_on_close();
    s->close();
  }
}

std::size_t sim_door::take_turn() {
  const std::shared_ptr<sim_pollee> kept = shared_from_this();
  std::size_t taken = 0;
  for (int i = 0; i < accepts_max && wants_turn(); ++i) {
    if (net_->random.chance(net_->how.accept_pause)) {
      waiting_ = true;
      net_->events.after(accept_retry, [self = std::static_pointer_cast<sim_door>(kept)] {
        self->waiting_ = false;
        self->look();
      });
      break;
    }
    auto next = std::move(backlog_.front());
    backlog_.pop_front();
    taken += 1;
    events_.on_accepted(std::make_unique<sim_stream>(std::move(next)));
  }
  return taken;
}

void sim_door::offer(std::shared_ptr<sim_socket> s) {
  backlog_.push_back(std::move(s));
  look();
}

void knock(const std::shared_ptr<sim_link>& on, nanoseconds tried, nanoseconds wait) {
  network_core& net = *on->net;
  const auto answer = [&](int number) {
    net.events.after(on->way[1].latency, [on, number] {
      if (on->end[0] != nullptr) on->end[0]->connected(number);
    });
  };
  if (on->end[0] == nullptr) return;  // nobody wants it any more
  std::vector<sim_door*> places;
  for (sim_door* d : net.doors) {
    if (same_place(d->at(), on->server)) places.push_back(d);
  }
  const bool cut = on->vanished || net.is_cut(on->server);
  if (!cut && (places.empty() || on->random.chance(net.how.refuse_connect))) {
    net.counts.refused += 1;
    return answer(ECONNREFUSED);
  }
  if (!cut && on->random.chance(net.how.vanish_connect)) on->vanish();
  sim_door* to = cut || on->vanished ? nullptr : places[on->random.below(places.size())];
  if (to == nullptr || to->full()) {
    if (tried + wait > net.how.connect_give_up) {
      net.events.after(net.how.connect_give_up - tried, [on] {
        if (on->end[0] != nullptr) on->end[0]->connected(ETIMEDOUT);
      });
      return;
    }
    net.events.after(wait, [on, tried, wait] { knock(on, tried + wait, wait * 2); });
    return;
  }
  net.counts.connections += 1;
  auto made = std::make_shared<sim_socket>(on, 1);
  made->adopt(to->home());
  to->offer(std::move(made));
  answer(0);
}

}  // namespace zc::testing
