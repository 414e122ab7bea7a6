#include "zc/mem/pool.h"

#include <utility>

#include "zc/base/check.h"
#include "zc/mem/pool_core.h"

namespace zc {

inline pool::block* pool::core::take_kept(lane& l) noexcept {
  block* b = l.hot;
  if (b == nullptr) return nullptr;
  l.hot = b->next;
  l.kept -= 1;
  if (l.kept < l.low) l.low = l.kept;
  l.hits += 1;
  cached_bytes -= b->retained();
  b->allow();
  return b;
}

bytes_builder pool::take(std::size_t room, urgency need) {
  ZC_REQUIRES(room <= block_bytes_max - 2 * slack,
              "pool::take requires room <= pool::block_bytes_max - 2 * pool::slack");
  core& c = *core_;
  ZC_REQUIRES(c.here(), "pool::take requires the thread that made the pool");
  if (c.foreign.load(std::memory_order_relaxed) != nullptr) c.drain_foreign();
  if (c.asking->asked()) c.answer_call();
  const size_class fit = size_class::of(room + slack);
  core::lane& l = c.lanes[fit.index];
  block* b = c.take_kept(l);
  if (b == nullptr) {
    if (!c.charge(fit.whole, need)) {
      c.refused += 1;
      return {};
    }
    b = c.take_cold(fit.index);
    if (b == nullptr) {
      c.limits.release(fit.whole);
      c.refused += 1;
      return {};
    }
  }
  b->reuse();
  l.out += 1;
  if (c.samples.due()) c.samples.record(*b, b->sampled, c.now);
  return bytes_builder::over(*b, {b->begin(), fit.whole - slack});
}

pool::pool(quota& limits, std::size_t cached_bytes_max, page_source& from)
    : core_(new core(limits, cached_bytes_max, from)) {}

pool::~pool() {
  core& c = *core_;
  ZC_REQUIRES(c.here(), "a pool ends on the thread that made it");
  c.drain_foreign();
  c.shrink(0);
  c.asking.reset();
  std::size_t out = 0;
  for (core::lane& l : c.lanes) {
    out += l.out;
    while (l.open != nullptr) {
      region* r = l.open;
      c.unlist(r);
      if (r->all_cold()) r->close(c.pages);
    }
  }
  c.samples.clear();
  // From here on each block that is out holds a claim, dropped by whoever reaps it.
  c.life.fetch_add(out, std::memory_order_relaxed);
  c.gone.store(true, std::memory_order_seq_cst);
  c.reap();
  c.drop(1);
}

void pool::trim(std::size_t keep) noexcept {
  core& c = *core_;
  if (c.foreign.load(std::memory_order_relaxed) != nullptr) c.drain_foreign();
  if (c.cached_bytes > keep) c.shrink(keep);
}

std::chrono::nanoseconds pool::tend(std::chrono::nanoseconds now) noexcept {
  core& c = *core_;
  c.now = now;
  if (c.foreign.load(std::memory_order_relaxed) != nullptr) c.drain_foreign();
  if (c.asking->asked()) c.answer_call();
  if (now >= c.next_look) {
    c.cool_idle();
    c.next_look = now + look_every;
  }
  return c.cached_bytes == 0 ? std::chrono::nanoseconds::max() : c.next_look;
}

void pool::on_called(std::function<void()> wake) {
  const std::scoped_lock lock(core_->asking->guard);
  core_->asking->wake = std::move(wake);
}

bool pool::called() const noexcept {
  return core_->asking->asked();
}

void pool::sample_every(std::uint64_t takes) noexcept {
  core_->samples.every(takes);
}

std::vector<pool::sample> pool::held_longer_than(std::chrono::nanoseconds age) const {
  return core_->samples.held_longer_than(age, core_->now);
}

pool::oldest_sample pool::oldest() const noexcept {
  return core_->samples.oldest(core_->now);
}

pool::label::label(pool& of, const char* what) noexcept
    : of_(of.core_), outer_(of.core_->samples.exchange_label(what)) {}

pool::label::~label() {
  of_->samples.exchange_label(outer_);
}

pool::statistics pool::read() const noexcept {
  const core& c = *core_;
  statistics s;
  s.refused = c.refused;
  s.foreign = c.foreign_blocks;
  s.returned = c.returned;
  s.called = c.called;
  s.cached_bytes = c.cached_bytes;
  for (std::size_t i = 0; i < classes; ++i) {
    const core::lane& l = c.lanes[i];
    s.of[i] = {l.hits, l.misses, l.out, l.kept};
    s.hits += l.hits;
    s.misses += l.misses;
    s.blocks_out += l.out;
  }
  return s;
}

quota& pool::limits() noexcept {
  return core_->limits;
}

}  // namespace zc
