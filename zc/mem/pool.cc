#include "zc/mem/pool.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "zc/base/check.h"
#include "zc/mem/poison.h"

#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define ZC_HAS_BACKTRACE
#endif

namespace zc {
namespace {

constexpr std::size_t header_alignment = 64;
// Addresses taken from the system at a time; blocks above a share of it have a region each.
constexpr std::size_t region_bytes = 2_MiB;
constexpr std::size_t shared_region_block_max = region_bytes / 8;

// Its address names the thread; cheaper than std::this_thread::get_id().
thread_local char thread_mark;
thread_local pool::give_back_batch* collecting = nullptr;

// A stale handle that writes is caught by the sanitizer at once, and without it when the block is
// next handed out, in builds with debug checks.
#ifdef NDEBUG
constexpr std::size_t marked_bytes = 0;
#else
constexpr std::size_t marked_bytes = poison_is_seen ? 0 : 256;
#endif
constexpr int mark = 0xdb;

void forbid(std::byte* memory, std::size_t n) noexcept {
  if constexpr (marked_bytes > 0) std::memset(memory, mark, marked_bytes);
  poison(memory, n);
}

void check_untouched(const std::byte* memory) noexcept {
  for (std::size_t i = 0; i < marked_bytes; ++i) {
    ZC_REQUIRES(memory[i] == std::byte{mark},
                "a pool block must not be written after its last handle has gone");
  }
}

enum class place : std::uint8_t { out, kept, cooling, cold };

}  // namespace

// ------------------------------------------------------------------------------ blocks and regions

struct alignas(header_alignment) pool::block final : owner_apart {
  block(core* from, region* of, std::byte* at_first, std::size_t whole, std::size_t index) noexcept
      : owner_apart(&give_back, whole, {.from = backing::pool, .writable = true, .slack = slack},
                    at_first),
        home(from),
        in(of),
        lane(static_cast<std::uint16_t>(index)) {}
  void reuse() noexcept { revive(); }
  using owner_apart::begin;
  bool is(place here) const noexcept { return at.load(std::memory_order_relaxed) == here; }
  static void give_back(owner* self) noexcept;

  core* const home;
  region* const in;
  block* next = nullptr;  // in the one list that `at` names
  const std::uint16_t lane;
  std::uint16_t sampled = 0;  // 1 + its place among the samples
  // Atomic: the owner looks over a whole region while others give back what is out of it.
  std::atomic<place> at{place::out};
};

// Addresses for `count` blocks of one class; the blocks' headers follow this one.
struct alignas(header_alignment) pool::region {
  block* blocks() noexcept { return reinterpret_cast<block*>(this + 1); }
  bool has_cold() const noexcept { return cold_list != nullptr || fresh < count; }
  bool all_cold() const noexcept { return cold + (count - fresh) == count; }

  std::byte* base = nullptr;
  std::size_t whole = 0;
  std::uint32_t count = 0;
  std::uint32_t fresh = 0;  // blocks from here on were never handed out, and have no header yet
  std::uint32_t cold = 0;   // of those before
  std::uint32_t lane = 0;
  block* cold_list = nullptr;
  region* next = nullptr;  // among the lane's regions with cold blocks
  region* previous = nullptr;
  region* next_dirty = nullptr;
  bool listed = false;
  bool dirty = false;
};

namespace {

struct lane_state {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::size_t out = 0;
  std::size_t kept = 0;
  // The fewest that were kept since the last look of tend(), and between the two before it: so many
  // were not needed.
  std::size_t low = 0;
  std::size_t low_before = 0;
  unsigned empties = 0;  // regions that are all cold, and still addresses
};

}  // namespace

// ------------------------------------------------------------------------------------------- core

// Outlives the pool object while blocks are out.
struct pool::core {
  struct lane : lane_state {
    block* hot = nullptr;
    region* open = nullptr;  // regions with cold blocks
  };

  // Asked by the quota, on any thread.
  struct caller final : quota::cache {
    explicit caller(quota& of) noexcept : cache(of) {}
    void on_asked() noexcept override {
      const std::scoped_lock lock(guard);
      if (wake) wake();
    }
    std::mutex guard;
    std::function<void()> wake;
  };

  core(quota& q, std::size_t most, page_source& from) noexcept
      : owner_thread(&thread_mark), limits(q), cached_bytes_max(most), pages(from), asking(q) {}

  // The owner's thread.
  block* take_kept(lane& l) noexcept;
  block* take_cold(std::size_t index) noexcept;
  region* open_region(std::size_t index) noexcept;
  bool charge(std::size_t whole, urgency need) noexcept;
  void keep(block* b) noexcept;
  void drain_foreign() noexcept;
  void answer_call() noexcept;
  std::size_t bound() const noexcept;
  void shrink(std::size_t target) noexcept;
  void cool_idle() noexcept;
  void record(block* b);
  void forget(block* b) noexcept;

  void cool(lane& l, std::size_t n) noexcept;
  void settle() noexcept;
  void settle(region* r) noexcept;
  void list(region* r) noexcept;
  void unlist(region* r) noexcept;
  void close(region* r) noexcept;

  // Any thread.
  void take_back(block* first, block* last) noexcept;
  void reap() noexcept;
  void drop(std::size_t n) noexcept {
    if (life.fetch_sub(n, std::memory_order_acq_rel) == n) delete this;
  }

  const char* const owner_thread;
  quota& limits;
  const std::size_t cached_bytes_max;
  std::size_t cached_bytes = 0;
  std::uint64_t until_sample = UINT64_MAX;
  std::array<lane, classes> lanes{};
  region* dirty = nullptr;
  page_source& pages;
  std::optional<caller> asking;  // until the pool goes

  std::uint64_t refused = 0;
  std::uint64_t foreign_blocks = 0;
  std::uint64_t returned = 0;
  std::uint64_t called = 0;

  std::chrono::nanoseconds now{0};
  std::chrono::nanoseconds next_look{0};

  struct record_of_take {
    block* of = nullptr;
    std::chrono::nanoseconds at{0};
    const char* label = nullptr;
    std::array<void*, frames_max> frames{};
  };
  std::uint64_t sample_period = 0;
  const char* label_now = nullptr;
  std::vector<record_of_take> samples;

  alignas(destructive_size) std::atomic<block*> foreign{nullptr};
  // Claims on this object: the pool's, one of each thread that is giving back from outside, and
  // once the pool has gone one per block that is out. Until then the owner's counts do for those,
  // and neither take nor a give-back at home writes here.
  std::atomic<std::size_t> life{1};
  std::atomic<bool> gone{false};
  std::mutex orphans;  // regions, once the pool has gone
};

void pool::core::list(region* r) noexcept {
  lane& l = lanes[r->lane];
  r->previous = nullptr;
  r->next = l.open;
  if (l.open != nullptr) l.open->previous = r;
  l.open = r;
  r->listed = true;
}

void pool::core::unlist(region* r) noexcept {
  (r->previous != nullptr ? r->previous->next : lanes[r->lane].open) = r->next;
  if (r->next != nullptr) r->next->previous = r->previous;
  r->listed = false;
}

pool::region* pool::core::open_region(std::size_t index) noexcept {
  const std::size_t whole = size_class::at(index).whole;
  const std::size_t count = whole <= shared_region_block_max ? region_bytes / whole : 1;
  void* header = ::operator new(sizeof(region) + count * sizeof(block),
                                std::align_val_t{header_alignment}, std::nothrow);
  if (header == nullptr) return nullptr;
  std::byte* base = pages.map(count * whole);
  if (base == nullptr) {
    ::operator delete(header, std::align_val_t{header_alignment});
    return nullptr;
  }
  auto* r = new (header) region;
  r->base = base;
  r->whole = whole;
  r->count = static_cast<std::uint32_t>(count);
  r->lane = static_cast<std::uint32_t>(index);
  lanes[index].empties += 1;
  list(r);
  return r;
}

// Gives the addresses back. Nothing of it is out or charged.
void pool::core::close(region* r) noexcept {
  unpoison(r->base, r->fresh * r->whole);
  pages.unmap(r->base, r->count * r->whole);
  r->~region();
  ::operator delete(r, std::align_val_t{header_alignment});
}

// ------------------------------------------------------------------------------------------ taking

inline pool::block* pool::core::take_kept(lane& l) noexcept {
  block* b = l.hot;
  if (b == nullptr) return nullptr;
  l.hot = b->next;
  l.kept -= 1;
  if (l.kept < l.low) l.low = l.kept;
  l.hits += 1;
  cached_bytes -= b->retained();
  unpoison(b->begin(), b->retained());
  check_untouched(b->begin());
  return b;
}

bool pool::core::charge(std::size_t whole, urgency need) noexcept {
  if (limits.try_charge(whole, need)) return true;
  // Kept blocks of other sizes count too: give them back and try once more.
  if (cached_bytes > 0) {
    shrink(0);
    if (limits.try_charge(whole, need)) return true;
  }
  limits.call_in();  // comes too late for this one
  return false;
}

// Already charged.
pool::block* pool::core::take_cold(std::size_t index) noexcept {
  lane& l = lanes[index];
  region* r = l.open != nullptr ? l.open : open_region(index);
  if (r == nullptr) return nullptr;
  if (r->all_cold()) l.empties -= 1;
  block* b = r->cold_list;
  if (b != nullptr) {
    r->cold_list = b->next;
    r->cold -= 1;
    unpoison(b->begin(), r->whole);
  } else {
    std::byte* memory = r->base + r->fresh * r->whole;
    b = new (r->blocks() + r->fresh) block(this, r, memory, r->whole, index);
    r->fresh += 1;
  }
  if (!r->has_cold()) unlist(r);
  l.misses += 1;
  return b;
}

bytes_builder pool::take(std::size_t room, urgency need) {
  ZC_REQUIRES(room <= block_bytes_max - 2 * slack,
              "pool::take requires room <= pool::block_bytes_max - 2 * pool::slack");
  core& c = *core_;
  ZC_REQUIRES(c.owner_thread == &thread_mark, "pool::take requires the thread that made the pool");
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
  b->at.store(place::out, std::memory_order_relaxed);
  l.out += 1;
  if (--c.until_sample == 0) c.record(b);
  return bytes_builder::over(*b, {b->begin(), fit.whole - slack});
}

// ------------------------------------------------------------------------------------- giving back

// What may be kept now.
inline std::size_t pool::core::bound() const noexcept {
  if (limits.wanted()) return 0;
  return std::min(cached_bytes_max, limits.cache_share());
}

inline void pool::core::keep(block* b) noexcept {
  lane& l = lanes[b->lane];
  const std::size_t whole = b->retained();
  b->at.store(place::kept, std::memory_order_relaxed);
  if (b->sampled != 0) forget(b);
  forbid(b->begin(), whole);
  l.out -= 1;
  b->next = l.hot;
  l.hot = b;
  l.kept += 1;
  cached_bytes += whole;
  const std::size_t most = bound();
  if (cached_bytes <= most) return;
  // Some more than needed, so that the next ones do not have to go one by one.
  const std::size_t target = most - most / 4;
  if (whole > target) {
    cool(l, 1);
    settle();
  }
  if (cached_bytes > most) shrink(target);
}

void pool::core::drain_foreign() noexcept {
  // Acquire: what the givers did to the blocks happens before we reuse them.
  block* b = foreign.exchange(nullptr, std::memory_order_acquire);
  while (b != nullptr) {
    block* next = b->next;
    foreign_blocks += 1;
    keep(b);
    b = next;
  }
}

void pool::core::answer_call() noexcept {
  asking->answered();
  called += 1;
  shrink(0);
}

void pool::block::give_back(owner* self) noexcept {
  auto* b = static_cast<block*>(self);
  ZC_REQUIRES(b->is(place::out),
              "owner::release requires a reference: this pool block was given back already");
  core* home = b->home;
  if (home->owner_thread == &thread_mark && !home->gone.load(std::memory_order_relaxed)) {
    home->keep(b);
    return;
  }
  b->at.store(place::kept, std::memory_order_relaxed);
  if (collecting != nullptr) {
    collecting->add(*b);
    return;
  }
  home->take_back(b, b);
}

// Blocks of one pool, linked from first to last.
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

// Blocks that have come back after the pool has gone. Whoever comes by does it.
void pool::core::reap() noexcept {
  block* b = foreign.exchange(nullptr, std::memory_order_acq_rel);
  std::size_t n = 0;
  const auto bury = [this](block* orphan) {
    region* r = orphan->in;
    const std::size_t whole = r->whole;
    unpoison(orphan->begin(), whole);
    orphan->at.store(place::cold, std::memory_order_relaxed);
    r->cold += 1;
    if (r->all_cold()) {
      close(r);
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

// -------------------------------------------------------------------------------------- going cold

// The n blocks of the lane that have been kept for the longest. settle() must follow.
void pool::core::cool(lane& l, std::size_t n) noexcept {
  if (n == 0) return;
  block** from = &l.hot;
  for (std::size_t stay = l.kept - n; stay > 0; --stay) from = &(*from)->next;
  block* b = std::exchange(*from, nullptr);
  l.kept -= n;
  l.low -= std::min(l.low, n);
  l.low_before -= std::min(l.low_before, n);
  while (b != nullptr) {
    block* next = b->next;
    region* r = b->in;
    b->at.store(place::cooling, std::memory_order_relaxed);
    cached_bytes -= r->whole;
    if (!r->dirty) {
      r->dirty = true;
      r->next_dirty = dirty;
      dirty = r;
    }
    b = next;
  }
}

// Neighbours that go cold together cost one system call.
void pool::core::settle(region* r) noexcept {
  block* const all = r->blocks();
  std::uint32_t cooled = 0;
  std::uint32_t run = 0;  // begins here
  const bool had_cold = r->has_cold();
  const auto go_cold = [&](std::uint32_t i) {
    all[i].at.store(place::cold, std::memory_order_relaxed);
    all[i].next = r->cold_list;
    r->cold_list = &all[i];
    cooled += 1;
  };
  const std::uint32_t cold_before = r->cold;
  for (std::uint32_t i = 0; i < r->fresh; ++i) {
    if (all[i].is(place::cooling)) r->cold += 1;
  }
  lane& l = lanes[r->lane];
  if (r->all_cold() && (r->count == 1 || l.empties > 0)) {
    returned += r->cold - cold_before;
    const std::size_t freed = (r->cold - cold_before) * r->whole;
    if (r->listed) unlist(r);
    close(r);
    limits.release(freed);
    return;
  }
  for (std::uint32_t i = 0; i <= r->fresh; ++i) {
    if (i < r->fresh && all[i].is(place::cooling)) {
      go_cold(i);
      continue;
    }
    if (i > run) pages.discard(r->base + run * r->whole, (i - run) * r->whole);
    run = i + 1;
  }
  if (r->all_cold()) l.empties += 1;
  if (!had_cold) list(r);
  returned += cooled;
  limits.release(cooled * r->whole);
}

void pool::core::settle() noexcept {
  while (dirty != nullptr) {
    region* r = dirty;
    dirty = r->next_dirty;
    r->dirty = false;
    settle(r);
  }
}

// Until at most `target` bytes are kept: first what nobody has needed since the last look, then
// whatever there is; large blocks before small ones, few rather than many.
void pool::core::shrink(std::size_t target) noexcept {
  for (const bool idle_only : {true, false}) {
    for (std::size_t i = classes; i-- > 0 && cached_bytes > target;) {
      lane& l = lanes[i];
      const std::size_t most = idle_only ? l.low : l.kept;
      if (most == 0) continue;
      const std::size_t whole = size_class::at(i).whole;
      const std::size_t needed = (cached_bytes - target + whole - 1) / whole;
      cool(l, std::min(most, needed));
    }
  }
  settle();
}

// What was not needed between two looks, nor between the two before, goes.
void pool::core::cool_idle() noexcept {
  for (lane& l : lanes) {
    const std::size_t idle = std::min(l.low, l.low_before);
    cool(l, idle);
    l.low_before = l.low;
    l.low = l.kept;
  }
  settle();
  for (lane& l : lanes) {
    if (l.empties == 0 || l.kept > 0) continue;
    for (region *r = l.open, *next = nullptr; r != nullptr; r = next) {
      next = r->next;
      if (!r->all_cold()) continue;
      unlist(r);
      l.empties -= 1;
      close(r);
    }
  }
}

// ---------------------------------------------------------------------------------------- sampling

void pool::core::record(block* b) {
  until_sample = sample_period;
  if (samples.size() == samples_max) return;
  record_of_take& r = samples.emplace_back();
  r.of = b;
  r.at = now;
  r.label = label_now;
#ifdef ZC_HAS_BACKTRACE
  // The first two are ours.
  std::array<void*, frames_max + 2> frames{};
  const int n = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  for (int i = 2; i < n; ++i) r.frames[static_cast<std::size_t>(i - 2)] = frames[i];
#endif
  b->sampled = static_cast<std::uint16_t>(samples.size());
}

void pool::core::forget(block* b) noexcept {
  record_of_take& r = samples[b->sampled - 1u];
  if (&r != &samples.back()) {
    r = samples.back();
    r.of->sampled = b->sampled;
  }
  samples.pop_back();
  b->sampled = 0;
}

void pool::sample_every(std::uint64_t takes) noexcept {
  core& c = *core_;
  c.sample_period = takes == 0 ? UINT64_MAX : takes;
  c.until_sample = c.sample_period;
  if (takes != 0) c.samples.reserve(samples_max);
}

std::vector<pool::sample> pool::held_longer_than(std::chrono::nanoseconds age) const {
  std::vector<sample> found;
  for (const core::record_of_take& r : core_->samples) {
    const std::chrono::nanoseconds held = core_->now - r.at;
    if (held > age) found.push_back({r.of->retained(), r.label, held, r.frames});
  }
  std::sort(found.begin(), found.end(),
            [](const sample& a, const sample& b) { return a.age > b.age; });
  return found;
}

pool::oldest_sample pool::oldest() const noexcept {
  oldest_sample found;
  found.held = core_->samples.size();
  for (const core::record_of_take& r : core_->samples)
    found.age = std::max(found.age, core_->now - r.at);
  return found;
}

pool::label::label(pool& of, const char* what) noexcept
    : of_(of.core_), outer_(std::exchange(of.core_->label_now, what)) {}

pool::label::~label() {
  of_->label_now = outer_;
}

// ------------------------------------------------------------------------------- the pool's surface

pool::pool(quota& limits, std::size_t cached_bytes_max, page_source& from)
    : core_(new core(limits, cached_bytes_max, from)) {}

pool::~pool() {
  core& c = *core_;
  ZC_REQUIRES(c.owner_thread == &thread_mark, "a pool ends on the thread that made it");
  c.drain_foreign();
  c.shrink(0);
  c.asking.reset();
  std::size_t out = 0;
  for (core::lane& l : c.lanes) {
    out += l.out;
    while (l.open != nullptr) {
      region* r = l.open;
      c.unlist(r);
      if (r->all_cold()) c.close(r);
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

// ----------------------------------------------------------------------------------------- batches

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
