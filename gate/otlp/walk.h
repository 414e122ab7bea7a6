// gate/otlp/walk.h - count, validate, split: what can be known of a request without decoding it into objects.
//
// All work on the wire bytes as they lie in a chain; unknown fields, field order, explicit zeros and padded lengths are
// legal and kept. An item is what the signal's metrics count: a span, a log record, a metric *data point*, a profile.
//
// Errors  malformed / truncated with the offset in the request; too_large for nesting beyond `depth_max`.
// Cost    count: a few nanoseconds per item (items are skipped by their length). full: every field of every message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "gate/otlp/signal.h"
#include "zc/base/result.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"

namespace sluice::otlp {

inline constexpr unsigned depth_max = 100;  // nested messages, as libprotobuf allows

// How closely a received body is looked at. `count` walks to item level and checks all lengths on the way; `full` walks
// every field, and checks UTF-8 and the lengths of trace and span ids (reported, see full_report).
enum class inspect : std::uint8_t { none, count, full };

zc::result<std::uint64_t> count_items(signal s, const zc::bytes_chain& body);

// The same for bytes that arrive in pieces, such as an inflater's output: keeps a few dozen bytes of state, never the
// pieces.
class item_counter {
 public:
  explicit item_counter(signal s) noexcept;
  zc::result<void> feed(std::span<const std::byte> piece) noexcept;
  zc::result<std::uint64_t> finish() noexcept;  // truncated if a message is open

 private:
  struct level {
    std::uint64_t left = 0;       // bytes of this message not seen yet
    std::uint8_t kind = 0;        // which table of fields applies
  };
  static constexpr std::size_t levels_max = 8;  // request, resource, scope, metric, data + spare
  level stack_[levels_max];
  std::size_t depth_ = 0;
  std::uint64_t skip_ = 0;        // bytes of an uninteresting field still to pass
  std::uint64_t offset_ = 0;
  std::uint64_t items_ = 0;
  std::uint64_t varint_ = 0;      // a tag or length cut by the end of a piece
  std::uint64_t tag_ = 0;
  unsigned varint_bits_ = 0;
  unsigned group_depth_ = 0;
  std::uint8_t state_ = 0;
};

struct full_report {
  std::uint64_t items = 0;
  std::uint64_t bad_utf8 = 0;  // strings
  std::uint64_t bad_ids = 0;   // trace ids that are neither 0 nor 16 bytes, span ids that are neither 0 nor 8
};
zc::result<full_report> validate_full(signal s, const zc::bytes_chain& body);

// Cuts a request into requests of at most `items_max` items at record boundaries. Records keep their bytes; each part
// repeats the fields of the resource and scope (and of the metric) it belongs to; unknown top-level fields go to the
// first part only. New bytes (tags and lengths) come from `from`, everything else is shared with `body`.
// A request that has no more items than that comes back as it is. Not for profiles (their dictionary is shared).
zc::result<std::vector<zc::bytes_chain>> split(signal s, const zc::bytes_chain& body, std::uint64_t items_max,
                                               zc::pool& from);

// Requests of one signal concatenate byte by byte into the request that holds all their items (the wire law of
// repeated fields). Not for profiles.
inline void join(zc::bytes_chain& into, zc::bytes_chain&& next) { into.append(std::move(next)); }

}  // namespace sluice::otlp
