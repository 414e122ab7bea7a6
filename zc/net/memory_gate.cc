#include "zc/net/memory_gate.h"

#include <utility>

namespace zc::net {
namespace {

// When the quota is not tight, and yet there was no block: how soon to try again.
constexpr std::chrono::milliseconds look_again(2);

}  // namespace

void memory_waiter::leave() noexcept {
  if (link_ == nullptr) return;
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  next_ = nullptr;
  link_ = nullptr;
}

memory_gate::place::place(memory_gate& of)
    : shard_(of.shard_), gate_(std::make_shared<memory_gate*>(&of)) {}

memory_gate::place::~place() {
  leave();
  *gate_ = nullptr;
}

void memory_gate::place::on_room() noexcept {
  shard_.post([gate = gate_] {
    if (*gate != nullptr) (*gate)->look();
  });
}

memory_gate::memory_gate(shard& on, std::chrono::milliseconds admission_wait)
    : shard_(on), admission_wait_(admission_wait), place_(*this) {}

memory_gate::~memory_gate() = default;

memory_gate::answer memory_gate::ask(bool message_under_way, bool exhausted) noexcept {
  quota& limits = shard_.memory().limits();
  // Free blocks of ours may be all that is missing.
  if (limits.tight() || exhausted) shard_.memory().trim();
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
    const bool in_line = shard_.memory().limits().wait(place_, 1, quota::below::soft_limit);
    shard_.arm(tick_, in_line ? admission_wait_ : look_again);
  }
  who.next_ = first_;
  if (first_ != nullptr) first_->link_ = &who.next_;
  who.link_ = &first_;
  first_ = &who;
}

// Memory has been freed, or the wait is over.
void memory_gate::look() {
  place_.leave();
  if (first_ == nullptr) return;  // all have left
  shard_.memory().trim();
  const nanoseconds waited = shard_.now() - waiting_since_;
  quota& limits = shard_.memory().limits();
  if (waited < admission_wait_ && limits.wait(place_, 1, quota::below::soft_limit)) {
    shard_.arm(tick_, admission_wait_ - waited);  // somebody else was faster
    return;
  }
  refusing_ = limits.tight();
  tell();
}

void memory_gate::tell() {
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
