#include "zc/mem/quota.h"

#include <algorithm>
#include <cstdint>

#include "zc/base/check.h"

namespace zc {
namespace {

// All caches together: a sixteenth of the limit.
constexpr std::size_t cached_fraction = 16;

}  // namespace

quota::quota(std::size_t limit, quota* parent) noexcept
    : limit_(limit),
      soft_(limit - limit / 8),
      parent_(parent),
      root_(parent == nullptr ? this : parent->root_),
      share_(limit / cached_fraction) {
  if (parent_ != nullptr) parent_->children_.fetch_add(1, std::memory_order_relaxed);
}

quota::~quota() {
  ZC_REQUIRES(first_waiter_ == nullptr && caches_.load() == 0 && children_.load() == 0,
              "a quota must outlive its children, its caches and those who wait for it");
  if (parent_ != nullptr) parent_->children_.fetch_sub(1, std::memory_order_relaxed);
}

bool quota::charge_here(std::size_t n, urgency need) noexcept {
  std::size_t now = used_.load(std::memory_order_relaxed);
  do {
    // Not now + n > limit: that sum can wrap.
    if (need == urgency::ordinary && (now > limit_ || n > limit_ - now)) return false;
    if (n > SIZE_MAX - now) return false;
  } while (!used_.compare_exchange_weak(now, now + n, std::memory_order_relaxed));
  std::size_t peak = peak_.load(std::memory_order_relaxed);
  while (peak < now + n && !peak_.compare_exchange_weak(peak, now + n, std::memory_order_relaxed)) {
  }
  return true;
}

void quota::release_here(std::size_t n) noexcept {
  // Sequentially consistent, as wait() is: of one who goes to wait and one who releases, one sees
  // what the other has done, so nobody waits for what has been given back already.
  const std::size_t before = used_.fetch_sub(n, std::memory_order_seq_cst);
  ZC_REQUIRES(n <= before, "quota::release requires that what is given back was charged");
}

bool quota::try_charge(std::size_t n, urgency need) noexcept {
  for (quota* q = this; q != nullptr; q = q->parent_) {
    if (q->charge_here(n, need)) continue;
    for (quota* undo = this; undo != q; undo = undo->parent_) undo->release_here(n);
    // Somebody may have seen what was charged for a moment, and gone to wait because of it.
    if (q != this && root_->waiting_.load(std::memory_order_seq_cst) != 0) root_->tell();
    return false;
  }
  return true;
}

void quota::release(std::size_t n) noexcept {
  for (quota* q = this; q != nullptr; q = q->parent_) q->release_here(n);
  if (root_->waiting_.load(std::memory_order_seq_cst) != 0) root_->tell();
}

bool quota::fits(std::size_t n, below mark) const noexcept {
  for (const quota* q = this; q != nullptr; q = q->parent_) {
    const std::size_t bound = mark == below::limit ? q->limit_ : q->soft_;
    const std::size_t now = q->used_.load(std::memory_order_seq_cst);
    if (now > bound || n > bound - now) return false;
  }
  return true;
}

bool quota::wait(waiter& who, std::size_t n, below mark) noexcept {
  who.leave();  // an earlier wait that has been answered
  quota& root = *root_;
  const std::scoped_lock lock(root.guard_);
  who.of_ = this;
  who.wanted_ = n;
  who.mark_ = mark;
  who.next_ = nullptr;
  who.previous_ = root.last_waiter_;
  (root.last_waiter_ != nullptr ? root.last_waiter_->next_ : root.first_waiter_) = &who;
  root.last_waiter_ = &who;
  who.in_line_ = true;
  root.waiting_.fetch_add(1, std::memory_order_seq_cst);
  // Only now, with the line visible to all who release: see release_here().
  if (fits(n, mark)) {
    root.remove(who);
    return false;
  }
  root.call_in_locked();
  return true;
}

// Under guard_ of the root, on which it is called.
void quota::remove(waiter& who) noexcept {
  (who.previous_ != nullptr ? who.previous_->next_ : first_waiter_) = who.next_;
  (who.next_ != nullptr ? who.next_->previous_ : last_waiter_) = who.previous_;
  who.in_line_ = false;
  waiting_.fetch_sub(1, std::memory_order_seq_cst);
}

// All whose bytes are free are told, though together they may want more: who is told need not come
// for it, and then nothing would tell the others.
void quota::tell() noexcept {
  const std::scoped_lock lock(guard_);
  for (waiter *w = first_waiter_, *next = nullptr; w != nullptr; w = next) {
    next = w->next_;
    if (!w->of_->fits(w->wanted_, w->mark_)) continue;
    remove(*w);
    w->on_room();
  }
}

void quota::waiter::leave() noexcept {
  if (of_ == nullptr) return;
  quota& root = *of_->root_;
  const std::scoped_lock lock(root.guard_);
  if (in_line_) root.remove(*this);
  of_ = nullptr;
}

void quota::call_in() noexcept {
  const std::scoped_lock lock(root_->guard_);
  root_->call_in_locked();
}

void quota::call_in_locked() noexcept {
  for (cache* c = first_cache_; c != nullptr; c = c->next_) {
    if (!c->asked_.exchange(true, std::memory_order_seq_cst)) c->on_asked();
  }
}

// Under guard_ of the root.
void quota::count_caches(int change) noexcept {
  for (quota* q = this; q != nullptr; q = q->parent_) {
    const unsigned caches = q->caches_.load(std::memory_order_relaxed) + change;
    q->caches_.store(caches, std::memory_order_relaxed);
    q->share_.store(q->limit_ / cached_fraction / std::max(caches, 1u), std::memory_order_relaxed);
  }
}

quota::cache::cache(quota& of) noexcept : of_(of) {
  quota& root = *of_.root_;
  const std::scoped_lock lock(root.guard_);
  next_ = root.first_cache_;
  if (next_ != nullptr) next_->previous_ = this;
  root.first_cache_ = this;
  of_.count_caches(1);
}

quota::cache::~cache() {
  quota& root = *of_.root_;
  const std::scoped_lock lock(root.guard_);
  (previous_ != nullptr ? previous_->next_ : root.first_cache_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  of_.count_caches(-1);
}

}  // namespace zc
