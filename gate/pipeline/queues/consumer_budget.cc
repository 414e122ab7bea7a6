#include "gate/pipeline/queues/consumer_budget.h"

#include <utility>

#include "zc/base/check.h"

namespace sluice {

class consumer_budget::handed_over {
 public:
  handed_over(consumer_budget& of, unsigned to) noexcept : of_(&of), to_(to) {}
  handed_over(handed_over&& h) noexcept : of_(std::exchange(h.of_, nullptr)), to_(h.to_) {}
  handed_over& operator=(handed_over&&) = delete;
  ~handed_over() {
    if (of_ != nullptr) of_->give_back(to_);
  }
  void operator()() {
    user* who = of_->seats_[to_].who;
    if (who == nullptr) return;  // left meanwhile
    of_ = nullptr;
    who->on_consumer();
  }

 private:
  consumer_budget* of_;
  unsigned to_;
};

consumer_budget::consumer_budget(std::size_t consumers, unsigned queues)
    : consumers_(consumers),
      queues_(queues),
      share_(queues > 0 ? consumers / queues : 0),
      seats_(std::make_unique<seat[]>(queues)) {
  ZC_CHECK(consumers > 0 && queues > 0);
}

void consumer_budget::join(unsigned queue, zc::shard& on, user& who) noexcept {
  ZC_CHECK(queue < queues_ && seats_[queue].who == nullptr);
  seats_[queue].who = &who;
  seats_[queue].on.store(&on);
}

void consumer_budget::leave(unsigned queue) noexcept {
  withdraw(queue);
  seats_[queue].who = nullptr;
}

bool consumer_budget::try_add() noexcept {
  // Sequentially consistent, as everything here: see try_take().
  std::size_t now = taken_.load();
  while (now < consumers_) {
    if (taken_.compare_exchange_weak(now, now + 1)) return true;
  }
  return false;
}

bool consumer_budget::try_take(unsigned queue) {
  if (try_add()) return true;
  seat& mine = seats_[queue];
  // The flag before the count: whoever sees the count finds the flag, or somebody else just took
  // it.
  if (!mine.waits.exchange(true)) waiting_.fetch_add(1);
  // Looked at again after saying so: give_back() frees first and looks then, so one of the two
  // sees the other.
  if (!try_add()) return false;
  withdraw(queue);
  return true;
}

void consumer_budget::withdraw(unsigned queue) noexcept {
  seat& mine = seats_[queue];
  if (mine.waits.load(std::memory_order_relaxed) && mine.waits.exchange(false)) {
    waiting_.fetch_sub(1);
  }
}

bool consumer_budget::others_wait(unsigned queue) const noexcept {
  const int me = seats_[queue].waits.load(std::memory_order_relaxed) ? 1 : 0;
  return waiting_.load() > me;
}

bool consumer_budget::may_keep(unsigned queue, std::size_t taken) const noexcept {
  return taken <= share_ || waiting_.load(std::memory_order_relaxed) == 0 || !others_wait(queue);
}

void consumer_budget::give_back(unsigned queue) {
  for (;;) {
    if (others_wait(queue) && hand_over(queue)) return;
    taken_.fetch_sub(1);
    if (!others_wait(queue) || !try_add()) return;
  }
}

bool consumer_budget::hand_over(unsigned from) {
  for (unsigned step = 1; step < queues_; ++step) {
    const unsigned to = (from + step) % queues_;
    seat& there = seats_[to];
    if (!there.waits.load() || !there.waits.exchange(false)) continue;
    waiting_.fetch_sub(1);
    there.on.load()->post(handed_over(*this, to));
    return true;
  }
  return false;
}

}  // namespace sluice
