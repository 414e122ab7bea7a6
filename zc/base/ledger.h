// zc/base/ledger.h - the copy ledger: payload bytes that user space copied, by reason, and how far
// they got.
//
// Every function that copies payload reports here, so that "zero-copy" is a figure a test asserts
// and a running process exports. Framing that is new (headers, length prefixes) is not payload and
// not counted.
//
//     ledger::scope s;                        what this thread copies from here on
//     forward(message);
//     if (s.copied() > bound) complain(s.so_far());
//
//     ledger::tally mine;                     what one request copies, wherever it runs
//     { tally::stretch now(mine); parse(); }      before it waits ...
//     { tally::stretch now(mine); send(); }       ... and after, on this thread or another
//
// Threads  Each thread counts in its own cache lines; read() adds all threads up, those that ended
//          included. A scope belongs to the thread that made it. A tally goes where its request
//          goes, one thread at a time, with whatever hands the request over.
// Awaits   A scope that lives across a co_await counts what others do meanwhile: a coroutine uses a
//          tally, and closes its stretch before each co_await.
// Nesting  An outer scope or stretch includes what inner ones count.
// Cost     count(): two plain adds to thread-local memory, scopes or not. A scope or a stretch
//          reads a dozen words when it begins, and again when it is asked.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "zc/base/padded.h"

namespace zc::ledger {

enum class reason : std::uint8_t {
  copy_of,     // an explicit bytes::copy_of or append_copy
  coalesce,    // a small piece copied beside its neighbour because sharing it would cost more
  straddle,    // a field cut by a buffer edge, stitched in scratch to be looked at
  contiguous,  // a coder or library that insists on one block
  inflate,     // not a copy: bytes produced by decompression, new payload
  deflate,     // not a copy: bytes produced by compression, new payload
};
inline constexpr std::size_t reasons = 6;
const char* name_of(reason why) noexcept;

struct totals {
  std::array<std::uint64_t, reasons> bytes{};
  std::array<std::uint64_t, reasons> times{};
  std::uint64_t received = 0;   // payload bytes the kernel delivered to us
  std::uint64_t forwarded = 0;  // payload bytes handed to the kernel for a destination

  // User-space copies of payload; what a coder produced is new payload and left out.
  std::uint64_t copied() const noexcept { return bytes[0] + bytes[1] + bytes[2] + bytes[3]; }
  std::uint64_t copies() const noexcept { return times[0] + times[1] + times[2] + times[3]; }
  std::uint64_t of(reason why) const noexcept { return bytes[static_cast<std::size_t>(why)]; }
  std::uint64_t times_of(reason why) const noexcept { return times[static_cast<std::size_t>(why)]; }

  totals& operator+=(const totals& more) noexcept;
  totals& operator-=(const totals& before) noexcept;
  friend totals operator+(totals a, const totals& b) noexcept { return a += b; }
  friend totals operator-(totals a, const totals& b) noexcept { return a -= b; }
  friend bool operator==(const totals&, const totals&) noexcept = default;
};

namespace detail {
struct counters {
  std::array<std::atomic<std::uint64_t>, reasons> bytes{};
  std::array<std::atomic<std::uint64_t>, reasons> times{};
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> forwarded{0};
  counters* next = nullptr;
  counters* previous = nullptr;
  bool listed = false;  // read() finds it
};
// Constant from the start and without a destructor, so that no access has to ask first whether it
// has been made: that question would cost more than the count.
constinit inline thread_local padded<counters> mine;
[[gnu::cold]] void list_this_thread() noexcept;  // until the thread ends
inline counters& of_this_thread() noexcept {
  if (!mine.listed) [[unlikely]]
    list_this_thread();
  return mine;
}
// Only the owning thread writes, so a plain add does; atomic so that read() may look.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}
}  // namespace detail

inline void count(reason why, std::size_t n) noexcept {
  detail::counters& mine = detail::of_this_thread();
  detail::add(mine.bytes[static_cast<std::size_t>(why)], n);
  detail::add(mine.times[static_cast<std::size_t>(why)], 1);
}
inline void count_received(std::size_t n) noexcept {
  detail::add(detail::of_this_thread().received, n);
}
inline void count_forwarded(std::size_t n) noexcept {
  detail::add(detail::of_this_thread().forwarded, n);
}

// The sum over all threads. Figures of running threads may be a moment old.
totals read() noexcept;
// What the calling thread has counted since it began. No lock.
totals read_this_thread() noexcept;
// Its copied() alone, in four loads: a server may ask before and after each request.
inline std::uint64_t copied_by_this_thread() noexcept {
  const detail::counters& mine = detail::mine;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < 4; ++i) sum += mine.bytes[i].load(std::memory_order_relaxed);
  return sum;
}

enum class threads : std::uint8_t {
  this_one,
  all,  // with a lock, and work of others included: for tests, and for sums
};

// What is counted from here on.
class scope {
 public:
  explicit scope(threads whose = threads::this_one) noexcept;
  totals so_far() const noexcept;
  std::uint64_t copied() const noexcept { return so_far().copied(); }

 private:
  totals before_;
  threads whose_;
};

// What belongs to one request, in as many stretches as it runs. A value: may be moved and copied.
class tally {
 public:
  class stretch;
  const totals& so_far() const noexcept { return sum_; }  // of the stretches that have ended
  std::uint64_t copied() const noexcept { return sum_.copied(); }

 private:
  totals sum_;
};

// While it lives, what this thread counts belongs to `to`, which must stay where it is.
class [[nodiscard]] tally::stretch {
 public:
  explicit stretch(tally& to) noexcept : to_(to) {}
  stretch(const stretch&) = delete;
  stretch& operator=(const stretch&) = delete;
  ~stretch() { to_.sum_ += now_.so_far(); }

 private:
  tally& to_;
  scope now_;
};

}  // namespace zc::ledger
