#include "zc/testing/sim/world.h"

#include <algorithm>
#include <utility>

#include "zc/base/check.h"

namespace zc::testing {
namespace {

constexpr nanoseconds longest_sleep = std::chrono::minutes(1);

}  // namespace

struct sim_world::member {
  std::unique_ptr<shard> on;
  sim_poller* io = nullptr;
  void wake(time_point now) noexcept { due = std::min(due, std::max(now, busy_until)); }

  time_point due{};         // of the next turn
  time_point busy_until{};  // the last turn, or whatever else its core is busy with
  unsigned id = 0;
};

sim_world::sim_world(std::uint64_t seed, const options& how)
    : seed_(seed),
      how_(how),
      random_(sim_random(seed).fork(1)),
      order_(sim_random(seed).fork(2)),
      trace_(time_),
      events_(time_, sim_random(seed).fork(3)),
      network_(time_, events_, sim_random(seed).fork(4), trace_),
      disk_(sim_random(seed).fork(5), trace_) {}

sim_world::~sim_world() {
  actors_.clear();
  members_.clear();
}

shard::options sim_world::next_options() const {
  shard::options how;
  how.id = static_cast<unsigned>(members_.size());
  how.pool_cached_bytes_max = 4_MiB;
  return how;
}

shard& sim_world::add_shard(quota& limits, const shard::options& each) {
  auto made = std::make_unique<member>();
  auto io = network_.make_poller(sim_network::driver::world);
  made->io = io.get();
  made->id = each.id;
  made->on = std::make_unique<shard>(each, std::move(io), limits, time_);
  made->due = now();
  made->io->on_ready([this, m = made.get()] { m->wake(now()); });
  members_.push_back(std::move(made));
  return *members_.back()->on;
}

void sim_world::remove_shard(shard& which) {
  const auto at = std::ranges::find_if(members_, [&](auto& m) { return m->on.get() == &which; });
  ZC_REQUIRES(at != members_.end(), "sim_world::remove_shard requires a shard of this world");
  (*at)->io->on_ready(nullptr);
  members_.erase(at);
}

void sim_world::add_actor(actor step) {
  actors_.push_back(std::make_unique<actor>(std::move(step)));
  // Held by the schedule alone: who destroys the world destroys both.
  struct loop {
    static void run(sim_world& in, actor& a) {
      const nanoseconds rest = a();
      const nanoseconds busy = in.disk_.take_busy();
      if (rest == nanoseconds(0) || busy > nanoseconds(0)) in.wake_all();  // it may have posted
      const nanoseconds least = std::chrono::microseconds(1);
      in.events_.after(std::max(rest + busy, least), [&in, &a] { run(in, a); });
    }
  };
  events_.after(nanoseconds(0), [this, a = actors_.back().get()] { loop::run(*this, *a); });
}

sim_world::member* sim_world::earliest() noexcept {
  member* first = nullptr;
  std::size_t equal = 0;
  for (const auto& m : members_) {
    if (first == nullptr || m->due < first->due) {
      first = m.get();
      equal = 1;
    } else if (m->due == first->due && order_.below(++equal) == 0) {
      first = m.get();
    }
  }
  return first;
}

void sim_world::turn(member& m) {
  time_.set(std::max(m.due, now()));
  const std::size_t happened = m.on->run_turn(longest_sleep);
  nanoseconds took = order_.between(how_.turn_min, how_.turn_max);
  if (order_.chance(how_.stall)) took += order_.between(nanoseconds(0), how_.stall_max);
  m.busy_until = now() + took;
  if (happened > 0 || m.io->ready()) {
    m.due = m.busy_until;
    trace_.note("turn", {m.id, happened});
  } else {
    m.due = std::max(now() + m.io->asked(), m.busy_until);
    return;
  }
  // What it did may concern others: posts and wake-ups of sleeping shards leave no other trace.
  for (const auto& other : members_) {
    if (other.get() != &m) other->wake(m.due);
  }
}

bool sim_world::step(time_point until) {
  member* m = earliest();
  const time_point turn_at = m != nullptr ? std::max(m->due, now()) : time_point::max();
  const time_point event_at = events_.next();
  if (std::min(turn_at, event_at) > until) {
    time_.set(std::max(until, now()));
    return false;
  }
  steps_ += 1;
  if (event_at < turn_at || (event_at == turn_at && order_.chance(0.5))) {
    events_.run_next();
  } else {
    turn(*m);
  }
  return true;
}

void sim_world::wake_all() noexcept {
  for (const auto& m : members_) m->wake(now());
}

void sim_world::later(nanoseconds delay, std::move_only_function<void()> what) {
  events_.after(delay, [this, act = std::move(what)]() mutable {
    act();
    wake_all();
  });
}

bool sim_world::run_until(const std::function<bool()>& holds, nanoseconds longest) {
  wake_all();  // the caller may have done anything since
  const time_point until = now() + longest;
  while (!holds()) {
    if (stuck() || !step(until)) return holds();
  }
  return true;
}

void sim_world::run_for(nanoseconds t) {
  (void)run_until([] { return false; }, t);
}

}  // namespace zc::testing
