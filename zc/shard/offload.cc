#include "zc/shard/offload.h"

#include <new>
#include <system_error>

#include "zc/base/check.h"
#include "zc/shard/topology.h"

namespace zc {

offload_pool::offload_pool(options how) : how_(std::move(how)), room_(&full, this) {
  ZC_REQUIRES(how_.threads_max > 0 && how_.queue_max > 0,
              "an offload_pool requires a thread and room for work");
}

offload_pool::~offload_pool() {
  {
    const std::lock_guard lock(guard_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& t : threads_) t.join();
}

offload_pool& offload_pool::of_process() {
  static offload_pool* const pool = new offload_pool;
  return *pool;
}

bool offload_pool::full(const void* of) noexcept {
  const auto* pool = static_cast<const offload_pool*>(of);
  return pool->queued_.load() >= pool->how_.queue_max;
}

bool offload_pool::start_one() {
  try {
    threads_.emplace_back([this, name = how_.name + std::to_string(threads_.size())] {
      name_this_thread(name);
      live();
    });
    return true;
  } catch (const std::system_error&) {  // the system has no thread left
    return false;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

offload_pool::outcome offload_pool::submit(work&& w) {
  const std::lock_guard lock(guard_);
  ZC_REQUIRES(!ending_, "an offload_pool that is being destroyed takes no work");
  if (queue_.size() >= how_.queue_max) return outcome::full;
  if (idle_ <= queue_.size() && threads_.size() < how_.threads_max && !start_one() &&
      threads_.empty()) {
    return outcome::exhausted;
  }
  try {
    queue_.push_back(std::move(w));
  } catch (const std::bad_alloc&) {
    return outcome::exhausted;
  }
  queued_.store(queue_.size());
  changed_.notify_one();
  return outcome::taken;
}

unsigned offload_pool::threads() const {
  const std::lock_guard lock(guard_);
  return static_cast<unsigned>(threads_.size());
}

void offload_pool::live() {
  std::unique_lock lock(guard_);
  for (;;) {
    idle_ += 1;
    changed_.wait(lock, [this] { return !queue_.empty() || ending_; });
    idle_ -= 1;
    if (queue_.empty()) return;
    work next = std::move(queue_.front());
    queue_.pop_front();
    queued_.store(queue_.size());
    lock.unlock();
    room_.tell(1);
    next();
    next = nullptr;
    lock.lock();
  }
}

}  // namespace zc
