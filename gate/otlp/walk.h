// gate/otlp/walk.h - what can be known of a request without decoding it into objects: count,
// validate, split.
//
// All work on the wire bytes as they lie in a chain; unknown fields, field order, explicit zeros
// and padded lengths are legal and kept. An item is what the signal's metrics count: a span, a log
// record, a metric *data point*, a profile. Counts are those of the official classes after parsing.
//
// Errors  malformed / truncated with the offset of the field in the request; too_large for nesting
//         beyond `depth_max`.
// Cost    count: a few nanoseconds per item (items are skipped by their length).
//         full: every field of every message.
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

// How closely a received body is looked at. `count` walks to item level and checks all lengths on
// the way; `full` walks every field, and checks UTF-8 and the lengths of trace and span ids
// (reported, see full_report).
enum class inspect : std::uint8_t { none, count, full };

zc::result<std::uint64_t> count_items(signal s, const zc::bytes_chain& body);

namespace detail {
struct counting;
enum class kind : std::uint8_t;
}  // namespace detail

// The same for bytes that arrive in pieces, such as an inflater's output: keeps its own state
// (under a KiB, most of it for groups, which nobody sends), never the pieces.
class item_counter {
 public:
  explicit item_counter(signal s) noexcept;
  // After a failure every call answers the same failure.
  zc::result<void> feed(std::span<const std::byte> piece) noexcept;
  zc::result<std::uint64_t> finish() noexcept;  // truncated if a message is open

 private:
  friend struct detail::counting;
  enum class waiting : std::uint8_t { tag, value, length };
  struct level {
    std::uint64_t end;           // offset behind this message
    std::uint64_t at;            // offset of its tag
    std::uint64_t items_before;  // of a metric: the items when it began
    std::uint32_t member;        // of a metric: which of its data oneof was seen last
    detail::kind kind;           // which row of the table applies
  };
  static constexpr std::size_t levels = 5;  // request, resource, scope, metric, data

  item_counter(detail::kind in, std::uint64_t from, std::uint64_t end) noexcept;
  const std::byte* hop(const std::byte* p, const std::byte* end) noexcept;
  void enter(std::uint32_t number, detail::kind inside, bool member, std::uint64_t size) noexcept;
  bool take(std::uint8_t b) noexcept;
  bool take_tag(std::uint64_t tag) noexcept;
  bool take_length(std::uint64_t size) noexcept;
  bool pass(std::uint64_t size) noexcept;
  bool open_group(std::uint32_t number) noexcept;
  bool end_group(std::uint32_t number) noexcept;
  bool end_field() noexcept;
  bool refuse(zc::errc code, const char* reason) noexcept;
  std::uint64_t room() const noexcept { return stack_[depth_].end - offset_; }

  level stack_[levels];
  std::size_t depth_ = 0;
  std::uint64_t skip_ = 0;      // bytes of an uninteresting payload still to pass
  std::uint64_t offset_ = 0;    // of the next byte
  std::uint64_t field_at_ = 0;  // offset of the current field's tag; of the outermost, in groups
  std::uint64_t items_ = 0;
  std::uint64_t varint_ = 0;  // what is known of a varint cut by the end of a piece
  unsigned varint_bits_ = 0;
  std::uint32_t number_ = 0;  // of the current field
  waiting state_ = waiting::tag;
  zc::error failure_;
  bool failed_ = false;
  unsigned groups_ = 0;             // how many are open
  std::uint32_t group_[depth_max];  // their field numbers; only the first groups_ are set
};

struct full_report {
  std::uint64_t items = 0;
  std::uint64_t bad_utf8 = 0;  // strings
  std::uint64_t bad_ids =
      0;  // trace ids that are neither 0 nor 16 bytes, span ids that are neither 0 nor 8
};
// Strings and ids that break their rules are reported; broken wire format is an error, as for
// count_items.
zc::result<full_report> validate_full(signal s, const zc::bytes_chain& body);

// Cuts a request into requests of at most `items_max` items at record boundaries; every part but
// the last is full. Records keep their bytes; each part repeats the fields of the resource and
// scope (and of the metric) it belongs to; unknown top-level fields go to the first part only. New
// bytes (tags and lengths) come from `from`, everything else is shared with `body`, except that
// stretches of up to 512 bytes are copied beside the new bytes (counted as coalesce). A request
// that has no more items than that comes back as it is; `items_max` 0 stands for no limit.
//
// Fields that are repeated are small in what clients send. A hostile request can make the parts
// together much longer than the body: shared memory, yet bytes on the wire.
//
// Errors  As count_items; unsupported for profiles (their dictionary is shared); exhausted when
//         `from` has no block left.
zc::result<std::vector<zc::bytes_chain>> split(signal s, const zc::bytes_chain& body,
                                               std::uint64_t items_max, zc::pool& from);

// Requests of one signal concatenate byte by byte into the request that holds all their items (the
// wire law of repeated fields). Not for profiles.
inline void join(zc::bytes_chain& into, zc::bytes_chain&& next) {
  into.append(std::move(next));
}

}  // namespace sluice::otlp
