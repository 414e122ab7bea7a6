// gate/rig/draft.h - a protobuf message being written where it will lie, which remembers where its
// changeable words are.
//
//     draft d(expected_bytes);
//     d.message(1, [&] { d.time(7, now); d.attribute(9, "k", "v"); });
//     d.marks();                               where the time is
//     zc::bytes body = std::move(d).freeze();  the memory it was written to
//
// A message whose length takes more than one byte is moved up when it ends, and the marks inside of
// it with it; one whose size is known from the start is not.
//
// Ownership  The draft owns its bytes until they are frozen. It stays where it is: the writer in it
//            holds on to the builder beside it.
// Threads    One.
// Cost       Nothing is copied while `expected` bytes are enough. Beyond, the builder grows: a copy
//            that is counted in the ledger.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zc/base/check.h"
#include "zc/base/lifetime.h"
#include "zc/mem/builder.h"
#include "zc/mem/bytes.h"
#include "zc/wire/protobuf/writer.h"

namespace sluice::rig {

// What lies at a changeable place.
enum class spot : std::uint8_t {
  time,      // 8 bytes: nanoseconds, relative to the template's epoch
  trace,     // 16 bytes: a trace id
  span,      // 8 bytes: a span id
  identity,  // identity_size characters
};

struct mark {
  spot what = spot::time;
  std::uint32_t offset = 0;
};

class draft {
 public:
  explicit draft(std::size_t expected = 0)
      : builder_(zc::bytes_builder::with_capacity(expected)), writer_(builder_) {}
  draft(const draft&) = delete;
  draft& operator=(const draft&) = delete;

  void number(std::uint32_t field, std::uint64_t value) { writer_.varint(field, value); }
  void fixed(std::uint32_t field, std::uint64_t value) { writer_.fixed64(field, value); }
  void fixed32(std::uint32_t field, std::uint32_t value) { writer_.fixed32(field, value); }
  void real(std::uint32_t field, double value) { writer_.float64(field, value); }
  void text(std::uint32_t field, std::string_view value) { writer_.text(field, value); }
  void packed(std::uint32_t field, std::span<const std::uint64_t> values) {  // 64 bits each
    writer_.packed_fixed64(field, values);
  }
  void packed(std::uint32_t field, std::span<const double> values) {
    writer_.packed_float64(field, values);
  }

  // A nested message: everything that `fill` writes to this draft.
  template <std::invocable Fill>
  void message(std::uint32_t field, Fill&& fill) {
    const std::size_t first = marks_.size();
    const std::size_t start = writer_.open(field);
    fill();
    close(start, first);
  }
  void message(std::uint32_t field) { writer_.head(field, 0); }  // an empty one
  // The same with its size known: nothing is moved. Requires: `fill` writes `size` bytes.
  template <std::invocable Fill>
  void message(std::uint32_t field, std::size_t size, Fill&& fill) {
    writer_.head(field, size);
    const std::size_t start = writer_.size();
    fill();
    ZC_CHECK(writer_.size() - start == size);
  }

  void time(std::uint32_t field, std::uint64_t nanoseconds);
  void trace_id(std::uint32_t field, std::uint64_t high, std::uint64_t low);
  void span_id(std::uint32_t field, std::uint64_t id);

  // Attributes: KeyValue messages in `field`.
  void attribute(std::uint32_t field, std::string_view key, std::string_view value);
  void attribute(std::uint32_t field, std::string_view key, const char* value) {
    attribute(field, key, std::string_view(value));
  }
  void attribute(std::uint32_t field, std::string_view key, std::int64_t value);
  void attribute(std::uint32_t field, std::string_view key, int value) {
    attribute(field, key, static_cast<std::int64_t>(value));
  }
  void attribute(std::uint32_t field, std::string_view key, double value);
  void attribute(std::uint32_t field, std::string_view key, bool value);
  void attribute(std::uint32_t field, std::string_view key, const std::vector<std::string>& value);
  void identity(std::uint32_t field);  // the attribute that names the item, to be filled in

  const std::vector<mark>& marks() const noexcept { return marks_; }
  std::size_t size() const noexcept { return writer_.size(); }
  // Where it lies: valid until the draft is written to, and for what freeze() gives.
  std::span<const std::byte> written() & noexcept ZC_LIFETIMEBOUND { return builder_.written(); }
  zc::bytes freeze() && { return std::move(builder_).freeze(); }
  void clear() noexcept;  // to be written again, in the same memory

 private:
  template <std::invocable Value>
  void key_value(std::uint32_t field, std::string_view key, std::size_t size, Value&& value);
  void remember(spot what, std::size_t size);  // what was written last, `size` bytes
  // Of the message that began at `start` and has the marks from `first` on.
  void close(std::size_t start, std::size_t first);

  zc::bytes_builder builder_;
  zc::pb::builder_writer writer_;  // writes to builder_
  std::vector<mark> marks_;
};

}  // namespace sluice::rig
