#include "zc/shard/shard_group.h"

#include <utility>

#include "zc/base/check.h"
#include "zc/shard/topology.h"

namespace zc {

shard_group::shard_group(options how, make_poller pollers, quota& limits, clock& time)
    : how_(std::move(how)), pollers_(std::move(pollers)), limits_(limits), time_(time) {
  const unsigned wanted =
      how_.shards > 0 ? how_.shards : static_cast<unsigned>(allowed_cores().size());
  members_.resize(wanted);
}

shard_group::~shard_group() {
  stop();
  join();
}

void shard_group::arrive(phase at) {
  const std::lock_guard lock(guard_);
  arrived_[static_cast<unsigned>(at)] += 1;
  changed_.notify_all();
}

void shard_group::wait_for_all(phase at) {
  std::unique_lock lock(guard_);
  changed_.wait(lock, [&] { return arrived_[static_cast<unsigned>(at)] == members_.size(); });
}

void shard_group::note(const error& why) {
  const std::lock_guard lock(guard_);
  if (!first_error_) first_error_ = why;
}

// The life of one thread. Every path arrives in every phase: others count on it.
void shard_group::live(unsigned i) {
  name_this_thread(how_.name + std::to_string(i));
  if (how_.pin) {
    const std::vector<unsigned> cores = allowed_cores();
    (void)pin_this_thread(cores[i % cores.size()]);
  }
  shard::options mine = how_.each;
  mine.id = i;
  std::unique_ptr<shard> worker;
  if (std::unique_ptr<poller> from = pollers_()) {
    worker = std::make_unique<shard>(mine, std::move(from), limits_, time_);
    members_[i].worker = worker.get();
  } else {
    note(error{errc::unsupported, "no poller for the shard", 0, 0});
  }
  arrive(phase::made);
  wait_for_all(phase::made);

  bool healthy = [this] {
    const std::lock_guard lock(guard_);
    return !first_error_;
  }();
  if (healthy) {
    if (const result<void> done = on_init_(*worker); !done) {
      note(done.error());
      healthy = false;
    }
  }
  arrive(phase::initialised);
  if (healthy) worker->run();
  if (worker && on_exit_) on_exit_(*worker);
  arrive(phase::ended);

  // Others may still post to this shard until all of them have ended and the owner says so.
  std::unique_lock lock(guard_);
  changed_.wait(lock, [&] { return may_go_; });
}

result<void> shard_group::start(init on_init, exit on_exit) {
  ZC_CHECK(!members_.front().thread.joinable() && !may_go_);
  on_init_ = std::move(on_init);
  on_exit_ = std::move(on_exit);
  for (unsigned i = 0; i < size(); ++i) {
    members_[i].thread = std::thread([this, i] { live(i); });
  }
  wait_for_all(phase::initialised);
  {
    const std::lock_guard lock(guard_);
    if (!first_error_) return {};
  }
  stop();
  join();
  return std::unexpected(*first_error_);
}

void shard_group::stop() noexcept {
  for (member& m : members_) {
    if (m.worker != nullptr) m.worker->request_stop();
  }
}

void shard_group::stop(nanoseconds grace) noexcept {
  for (member& m : members_) {
    if (m.worker != nullptr) m.worker->request_stop(grace);
  }
}

void shard_group::join() {
  if (!members_.front().thread.joinable()) return;
  wait_for_all(phase::ended);
  {
    const std::lock_guard lock(guard_);
    may_go_ = true;
    changed_.notify_all();
  }
  for (member& m : members_) {
    m.thread.join();
    m.worker = nullptr;
  }
}

}  // namespace zc
