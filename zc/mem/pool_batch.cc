// Blocks that come back from other threads: one by one, many together, and after the pool's end.
#include <utility>

#include "zc/mem/pool_core.h"

namespace zc {
namespace {

thread_local pool::give_back_batch* collecting = nullptr;

}  // namespace

void pool::core::give_back_from_outside(block* b) noexcept {
  if (collecting != nullptr)
    collecting->add(*b);
  else
    take_back(b, b);
}

void pool::core::take_back(block* first, block* last) noexcept {
  // Our own claim: once the blocks are on the list, others may take them, and the last of them may
  // be all that keeps this object.
  life.fetch_add(1, std::memory_order_relaxed);
  // After the pool has gone nobody drains the list; its last act was to take over what is there.
  // The order "push, then look whether the pool has gone" and "go, then drain" leaves no block
  // behind.
  block* head = foreign.load(std::memory_order_relaxed);
  do {
    last->next = head;
  } while (!foreign.compare_exchange_weak(head, first, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
  if (gone.load(std::memory_order_seq_cst)) reap();
  drop(1);
}

void pool::core::reap() noexcept {
  block* b = foreign.exchange(nullptr, std::memory_order_acq_rel);
  std::size_t n = 0;
  const auto bury = [this](block* orphan) {
    region* r = orphan->in;
    const std::size_t whole = r->whole;
    unpoison(orphan->begin(), whole);
    orphan->put(block::place::cold);
    r->cold += 1;
    if (r->all_cold()) {
      r->close(pages);
    } else {
      pages.discard(orphan->begin(), whole);
    }
    limits.release(whole);
  };
  {
    const std::scoped_lock lock(orphans);
    while (b != nullptr) {
      block* next = b->next;
      bury(b);
      b = next;
      n += 1;
    }
  }
  drop(n);  // the caller has a claim of its own
}

pool::give_back_batch::give_back_batch() noexcept : outer_(std::exchange(collecting, this)) {}

pool::give_back_batch::~give_back_batch() {
  flush();
  collecting = outer_;
}

void pool::give_back_batch::flush() noexcept {
  if (blocks_ == 0) return;
  core* const home = home_;
  blocks_ = 0;
  bytes_ = 0;
  home->take_back(first_, last_);
}

void pool::give_back_batch::add(block& b) noexcept {
  if (blocks_ > 0 && home_ != b.home) flush();
  b.next = nullptr;
  if (blocks_ == 0) {
    home_ = b.home;
    first_ = &b;
  } else {
    last_->next = &b;
  }
  last_ = &b;
  blocks_ += 1;
  bytes_ += b.retained();
  if (blocks_ >= blocks_max || bytes_ >= bytes_max) flush();
}

}  // namespace zc
