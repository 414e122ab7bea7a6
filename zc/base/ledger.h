// zc/base/ledger.h - the copy ledger: payload bytes that user space copied, by reason, and how far
// they got.
//
// Every function that copies payload reports here, so that "zero-copy" is a figure a test asserts
// and a running process exports. Framing that is new (headers, length prefixes) is not payload and
// not counted.
//
// Threads  Each thread counts in its own cache lines; read() adds all threads up, those that ended
//          included.
// Cost     One plain add to thread-local memory per call.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "zc/base/units.h"

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
};

namespace detail {
struct alignas(destructive_size) counters {
  counters() noexcept;
  ~counters();
  std::array<std::atomic<std::uint64_t>, reasons> bytes{};
  std::array<std::atomic<std::uint64_t>, reasons> times{};
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> forwarded{0};
  counters* next = nullptr;
  counters* previous = nullptr;
};
inline thread_local counters mine;
// Only the owning thread writes, so a plain add does; atomic so that read() may look.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}
}  // namespace detail

inline void count(reason why, std::size_t n) noexcept {
  detail::add(detail::mine.bytes[static_cast<std::size_t>(why)], n);
  detail::add(detail::mine.times[static_cast<std::size_t>(why)], 1);
}
inline void count_received(std::size_t n) noexcept {
  detail::add(detail::mine.received, n);
}
inline void count_forwarded(std::size_t n) noexcept {
  detail::add(detail::mine.forwarded, n);
}

// The sum over all threads. Figures of running threads may be a moment old.
totals read() noexcept;

}  // namespace zc::ledger
