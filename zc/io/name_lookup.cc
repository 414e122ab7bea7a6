#include "zc/io/name_lookup.h"

#include <atomic>
#include <mutex>
#include <utility>

namespace zc::io {

struct lookup_desk::lookup {
  endpoint what;
  std::atomic<waiter*> who;  // null: nobody waits any more
  result<std::vector<address>> found = fail(errc::system, "not resolved yet");
};

// What the pool's threads know of the desk.
struct lookup_desk::inbox {
  std::mutex guard;
  poller* to;                                 // null when the desk is gone
  std::vector<std::shared_ptr<lookup>> come;  // at most what the pool takes and runs
  std::atomic<bool> any{false};
};

void lookup_desk::ticket::drop() noexcept {
  if (const auto of = std::exchange(of_, nullptr)) of->who = nullptr;
}

lookup_desk::lookup_desk(poller& to, offload_pool& on, resolver how)
    : on_(on),
      how_(std::make_shared<const resolver>(std::move(how))),
      inbox_(std::make_shared<inbox>()) {
  inbox_->to = &to;
}

lookup_desk::~lookup_desk() {
  const std::lock_guard lock(inbox_->guard);
  inbox_->to = nullptr;
}

lookup_desk::ticket lookup_desk::start(const endpoint& what, waiter& who) {
  auto mine = std::make_shared<lookup>();
  mine->what = what;
  mine->who = &who;
  const bool taken = on_.try_submit([mine, how = how_, to = inbox_] {
    if (mine->who.load() == nullptr) return;
    mine->found = (*how)(mine->what);
    if (mine->who.load() == nullptr) return;
    const std::lock_guard lock(to->guard);
    if (to->to == nullptr) return;
    to->come.push_back(mine);
    to->any.store(true, std::memory_order_relaxed);
    to->to->wake();
  });
  return taken ? ticket(std::move(mine)) : ticket();
}

std::size_t lookup_desk::deliver() {
  if (!inbox_->any.load(std::memory_order_relaxed)) return 0;
  std::vector<std::shared_ptr<lookup>> come;
  {
    const std::lock_guard lock(inbox_->guard);
    inbox_->any.store(false, std::memory_order_relaxed);
    come.swap(inbox_->come);
  }
  std::size_t told = 0;
  for (const auto& one : come) {
    waiter* who = one->who.exchange(nullptr);
    if (who == nullptr) continue;
    who->on_resolved(std::move(one->found));
    told += 1;
  }
  return told;
}

}  // namespace zc::io
