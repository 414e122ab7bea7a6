#include "zc/shard/parker.h"

#include <memory>
#include <utility>
#include <vector>

namespace zc {
namespace {

// Every parker there ever was, and those that nobody has. Never destroyed: threads that are still
// there when main() ends may park and be woken.
struct parking_lot {
  std::mutex guard;
  std::vector<std::unique_ptr<parker>> all;
  std::vector<parker*> free;
};

parking_lot& lot() {
  static auto* const only = new parking_lot;
  return *only;
}

struct borrowed {
  borrowed() {
    parking_lot& from = lot();
    const std::lock_guard lock(from.guard);
    if (from.free.empty()) {
      // Room for its return comes first: giving back must not fail.
      from.free.reserve(from.all.size() + 1);
      from.free.push_back(from.all.emplace_back(std::make_unique<parker>()).get());
    }
    mine = from.free.back();
    from.free.pop_back();
  }
  ~borrowed() {
    parking_lot& to = lot();
    const std::lock_guard lock(to.guard);
    to.free.push_back(mine);
  }
  parker* mine;
};

}  // namespace

[[gnu::noinline]] parker& parker::of_this_thread() {
  thread_local borrowed here;
  return *here.mine;
}

void parker::park() {
  std::unique_lock lock(guard_);
  woken_.wait(lock, [this] { return token_; });
  token_ = false;
}

bool parker::park_until(time_point deadline) {
  // The library's conversion of the largest time overflows.
  if (deadline == time_point::max()) {
    park();
    return true;
  }
  std::unique_lock lock(guard_);
  woken_.wait_until(lock, deadline, [this] { return token_; });
  return std::exchange(token_, false);
}

void parker::unpark() {
  {
    const std::lock_guard lock(guard_);
    token_ = true;
  }
  // Not under the lock: the sleeper would wake only to wait for it.
  woken_.notify_one();
}

}  // namespace zc
