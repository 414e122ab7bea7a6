// zc/wire/coding/output_window.h - where a decoder writes: a sink, a limit and a running checksum.
//
//     room from the sink   [ told nobody yet . . . . | spare . . . . . . ]
//                            ^ summed_                ^ used_
//
// The decoder asks for room(), writes to its front, says wrote(n). The sink is told once per room,
// when it is full or at finish(), so that many small writes cost one call. A checksum runs over
// what was written, a whole room at a time, while it is still in the cache.
//
// Limit   room() never shows more than what the limit leaves and one byte, so a bomb is found out
//         one byte too late and no later; wrote() then says too_large and the sink never hears of
//         the excess.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zc/base/result.h"
#include "zc/wire/coding/coder.h"

namespace zc::coders {

enum class checksum : std::uint8_t { none, crc32, adler32 };

// A first guess where a coding does not say: telemetry shrinks to a quarter, and one room should do
// for little.
inline std::size_t likely_size(std::size_t compressed, std::size_t limit) noexcept {
  constexpr std::size_t most = 64 * 1024 - 256;
  return std::min({compressed > most / 4 ? most : compressed * 4, limit, most});
}

class output_window {
 public:
  // What one room should hold when all that is expected is no larger.
  static constexpr std::size_t one_room_max = 256 * 1024;
  // What a room should hold otherwise: a pool block of 64 KiB less its header and slack.
  static constexpr std::size_t room_bytes = 64 * 1024 - 128;

  output_window(coding_sink& out, std::size_t limit) noexcept;

  // The decoder believes that `count` further bytes will come; rooms are chosen accordingly. A hint
  // only.
  void expect(std::size_t count) noexcept {
    expected_end_ = total_ + count;
    one_room_ = count <= one_room_max;
  }

  // Where to write next; never empty on success.
  result<std::span<std::byte>> room();
  // The same, asking the sink for a fresh room when this one has less than `wanted`. May still be
  // smaller.
  result<std::span<std::byte>> room(std::size_t wanted);
  result<void> wrote(std::size_t count);  // Requires: count <= room().size()
  // Writes `source` by copying (counted as `contiguous`), over as many rooms as it takes.
  result<void> write_copy(std::span<const std::byte> source);
  result<void> finish();  // tells the sink about the last room

  std::size_t total() const noexcept { return total_; }
  std::size_t left() const noexcept { return limit_ - total_; }  // Requires: no wrote() has failed

  void start_sum(checksum kind) noexcept;
  std::uint32_t sum() noexcept;  // of everything written since start_sum()

 private:
  result<void> turn(std::size_t wanted);
  result<void> flush();
  void add_up() noexcept;

  coding_sink& out_;
  std::size_t limit_;
  std::span<std::byte> window_;
  std::size_t used_ = 0;
  std::size_t summed_ = 0;
  std::size_t total_ = 0;
  std::size_t expected_end_ = 0;
  bool one_room_ = false;
  checksum kind_ = checksum::none;
  std::uint32_t sum_ = 0;
};

}  // namespace zc::coders
