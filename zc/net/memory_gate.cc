#include "zc/net/memory_gate.h"

#include <utility>

namespace zc::net {
namespace {

// How often a waiting line looks at the quota. Memory comes back from other shards too, which
// cannot tell us.
constexpr std::chrono::milliseconds look_again(2);

}  // namespace

void memory_waiter::leave() noexcept {
  if (link_ == nullptr) return;
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  next_ = nullptr;
  link_ = nullptr;
}

memory_gate::memory_gate(shard& on, std::chrono::milliseconds admission_wait) noexcept
    : shard_(on), admission_wait_(admission_wait) {}

memory_gate::answer memory_gate::ask(bool message_under_way, bool exhausted) noexcept {
  quota& limits = shard_.memory().limits();
  if (limits.tight() || exhausted)
    shard_.memory().trim();  // free blocks of ours may be all that is missing
  if (!limits.tight()) {
    refusing_ = false;
    if (!exhausted) return answer::read;
  }
  if (refusing_) return answer::refuse;
  return message_under_way && !exhausted ? answer::read : answer::pause;
}

void memory_gate::wait(memory_waiter& who) noexcept {
  if (who.waiting()) return;
  if (first_ == nullptr) {
    waiting_since_ = shard_.now();
    shard_.arm(tick_, look_again);
  }
  who.next_ = first_;
  if (first_ != nullptr) first_->link_ = &who.next_;
  who.link_ = &first_;
  first_ = &who;
}

void memory_gate::on_tick() {
  if (first_ == nullptr) return;  // all have left
  shard_.memory().trim();
  const bool tight = shard_.memory().limits().tight();
  if (tight && shard_.now() - waiting_since_ < admission_wait_) {
    shard_.arm(tick_, look_again);
    return;
  }
  refusing_ = tight;
  // The line is taken over first: who asks again may have to wait again, in a new line.
  woken_ = std::exchange(first_, nullptr);
  if (woken_ != nullptr) woken_->link_ = &woken_;
  while (woken_ != nullptr) {
    memory_waiter* next = woken_;
    next->leave();  // moves woken_ on
    next->on_memory_news();
  }
}

}  // namespace zc::net
