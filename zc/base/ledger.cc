#include "zc/base/ledger.h"

#include <mutex>

namespace zc::ledger {
namespace {

struct registry {
  std::mutex guard;
  detail::counters* first = nullptr;
  totals ended;  // what threads that are gone have counted
};

// Never destroyed: threads may end after static destructors have run.
registry& all() noexcept {
  // Without memory for it the program ends. NOLINTNEXTLINE(bugprone-unhandled-exception-at-new)
  static auto* const one = new registry;
  return *one;
}

void add_to(totals& sum, const detail::counters& c) noexcept {
  for (std::size_t i = 0; i < reasons; ++i) {
    sum.bytes[i] += c.bytes[i].load(std::memory_order_relaxed);
    sum.times[i] += c.times[i].load(std::memory_order_relaxed);
  }
  sum.received += c.received.load(std::memory_order_relaxed);
  sum.forwarded += c.forwarded.load(std::memory_order_relaxed);
}

}  // namespace

namespace detail {

namespace {

// Its end is the thread's. What a thread counts in destructors that run later is not seen.
class listing {
 public:
  listing() noexcept {
    registry& r = all();
    const std::scoped_lock lock(r.guard);
    mine.next = r.first;
    if (mine.next != nullptr) mine.next->previous = &mine;
    r.first = &mine;
    mine.listed = true;
  }
  listing(const listing&) = delete;
  listing& operator=(const listing&) = delete;
  ~listing() {
    registry& r = all();
    const std::scoped_lock lock(r.guard);
    add_to(r.ended, mine);
    if (mine.previous != nullptr) mine.previous->next = mine.next;
    if (mine.next != nullptr) mine.next->previous = mine.previous;
    if (r.first == &mine) r.first = mine.next;
  }
};

}  // namespace

void list_this_thread() noexcept {
  static const thread_local listing here;
}

}  // namespace detail

const char* name_of(reason why) noexcept {
  static constexpr std::array<const char*, reasons> names{"copy_of",    "coalesce", "straddle",
                                                          "contiguous", "inflate",  "deflate"};
  return names[static_cast<std::size_t>(why)];
}

totals read() noexcept {
  registry& r = all();
  const std::scoped_lock lock(r.guard);
  totals sum = r.ended;
  for (const detail::counters* c = r.first; c != nullptr; c = c->next) add_to(sum, *c);
  return sum;
}

totals read_this_thread() noexcept {
  totals sum;
  add_to(sum, detail::mine);
  return sum;
}

totals& totals::operator+=(const totals& more) noexcept {
  for (std::size_t i = 0; i < reasons; ++i) {
    bytes[i] += more.bytes[i];
    times[i] += more.times[i];
  }
  received += more.received;
  forwarded += more.forwarded;
  return *this;
}

totals& totals::operator-=(const totals& before) noexcept {
  for (std::size_t i = 0; i < reasons; ++i) {
    bytes[i] -= before.bytes[i];
    times[i] -= before.times[i];
  }
  received -= before.received;
  forwarded -= before.forwarded;
  return *this;
}

scope::scope(threads whose) noexcept
    : before_(whose == threads::all ? read() : read_this_thread()), whose_(whose) {}

totals scope::so_far() const noexcept {
  return (whose_ == threads::all ? read() : read_this_thread()) - before_;
}

}  // namespace zc::ledger
