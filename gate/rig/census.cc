#include "gate/rig/census.h"

#include <array>
#include <optional>
#include <string_view>

#include "zc/base/check.h"

namespace sluice::rig {
namespace {

using zc::errc;
using zc::result;

constexpr unsigned groups_max = 32;  // nested deprecated groups, which we only pass over

// One field of a message; `value` is set for length-delimited ones.
struct field {
  std::uint64_t number = 0;
  unsigned wire_type = 0;
  std::span<const std::byte> value;
};

// A reading position in one message. Keeps the first error, and the offset in the request where it
// was.
class reader {
 public:
  reader(std::span<const std::byte> message, std::size_t offset) noexcept
      : at_(message.data()), end_(at_ + message.size()), begin_(at_), offset_(offset) {}

  bool at_end() const noexcept { return at_ == end_; }
  std::size_t offset_of(const std::byte* p) const noexcept {
    return offset_ + static_cast<std::size_t>(p - begin_);
  }

  result<field> next(unsigned depth = 0) {
    const auto key = varint();
    if (!key) return std::unexpected(key.error());
    field f{*key >> 3, static_cast<unsigned>(*key & 7), {}};
    if (f.number == 0 || f.number >= (1U << 29)) return bad("field number");
    switch (f.wire_type) {
      case 0: {
        if (const auto v = varint(); !v) return std::unexpected(v.error());
        return f;
      }
      case 1:
        return advance(8) ? result<field>(f) : cut();
      case 2:
        return delimited(f);
      case 3:
        return group(f, depth);
      case 5:
        return advance(4) ? result<field>(f) : cut();
      default:
        return bad("wire type");
    }
  }

 private:
  std::unexpected<zc::error> bad(const char* why) const {
    return zc::fail(errc::malformed, why, offset_of(at_));
  }
  std::unexpected<zc::error> cut() const {
    return zc::fail(errc::truncated, "a field goes beyond its message", offset_of(at_));
  }

  bool advance(std::uint64_t count) noexcept {
    if (count > static_cast<std::uint64_t>(end_ - at_)) return false;
    at_ += count;
    return true;
  }

  result<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return cut();
      const auto byte = std::to_integer<std::uint64_t>(*at_++);
      if (shift == 63 && byte > 1) return bad("varint of more than 64 bits");
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return bad("varint of more than ten bytes");
  }

  result<field> delimited(field f) {
    const auto size = varint();
    if (!size) return std::unexpected(size.error());
    const std::byte* start = at_;
    if (!advance(*size)) return cut();
    f.value = {start, static_cast<std::size_t>(*size)};
    return f;
  }

  result<field> group(field f, unsigned depth) {
    if (depth == groups_max) return zc::fail(errc::too_large, "groups nest", offset_of(at_));
    for (;;) {
      const std::byte* before = at_;
      const auto key = varint();
      if (!key) return std::unexpected(key.error());
      if ((*key & 7) == 4) return *key >> 3 == f.number ? result<field>(f) : bad("end of a group");
      at_ = before;
      if (const auto inner = next(depth + 1); !inner) return std::unexpected(inner.error());
    }
  }

  const std::byte* at_;
  const std::byte* end_;
  const std::byte* begin_;
  std::size_t offset_;
};

std::string_view text_of(std::span<const std::byte> raw) noexcept {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

// Calls `use(value, reader)` for every length-delimited field that `wanted(number)` accepts.
template <class Wanted, class Use>
result<void> each(std::span<const std::byte> message, std::size_t offset, Wanted&& wanted,
                  Use&& use) {
  reader r(message, offset);
  while (!r.at_end()) {
    const auto f = r.next();
    if (!f) return std::unexpected(f.error());
    if (f->wire_type != 2 || !wanted(f->number)) continue;
    if (const auto done = use(*f, r.offset_of(f->value.data())); !done) return done;
  }
  return {};
}

class taker {
 public:
  taker(otlp::signal s, census_visitor& to) noexcept : signal_(s), to_(to) {}

  result<census> run(std::span<const std::byte> body) {
    const auto done = level(body, 0, 0);
    flush();
    if (!done) return std::unexpected(done.error());
    return found_;
  }

 private:
  // Levels: 0 request, 1 resource, 2 scope; then the item, or for metrics 3 metric and 4 data.
  result<void> level(std::span<const std::byte> message, std::size_t offset, unsigned depth) {
    const bool metrics = signal_ == otlp::signal::metrics;
    const unsigned items_in = metrics ? 4 : 2;
    const auto wanted = [&](std::uint64_t number) { return leads_down(depth, number); };
    return each(message, offset, wanted, [&](const field& f, std::size_t at) -> result<void> {
      if (depth == 3) data_ = f.number;
      return depth == items_in ? item(f.value, at) : level(f.value, at, depth + 1);
    });
  }

  static bool leads_down(unsigned depth, std::uint64_t number) noexcept {
    switch (depth) {
      case 0:
        return number == 1;
      case 1:
      case 2:
        return number == 2;
      // gauge, sum, histogram, exponential histogram, summary
      case 3:
        return number == 5 || number == 7 || (number >= 9 && number <= 11);
      default:
        return number == 1;
    }
  }

  std::uint64_t attributes_field() const noexcept {
    switch (signal_) {
      case otlp::signal::traces:
        return 9;
      case otlp::signal::logs:
        return 6;
      default:
        break;
    }
    return data_ == 9 ? 9 : data_ == 10 ? 1 : 7;
  }

  result<void> item(std::span<const std::byte> message, std::size_t offset) {
    found_.items += 1;
    std::optional<identity> mine;
    const std::uint64_t wanted = attributes_field();
    // All attributes are passed, so that a request is malformed wherever its fault lies in an item.
    const auto done = each(
        message, offset, [&](std::uint64_t n) { return n == wanted && !mine; },
        [&](const field& f, std::size_t at) { return attribute(f.value, at, mine); });
    if (!done) return done;
    if (mine && mine->run != 0) arrived(*mine);
    return {};
  }

  static result<void> attribute(std::span<const std::byte> pair, std::size_t offset,
                                std::optional<identity>& mine) {
    bool named = false;
    std::span<const std::byte> value;
    std::size_t value_at = 0;
    const auto done = each(
        pair, offset, [](std::uint64_t n) { return n <= 2; },
        [&](const field& f, std::size_t at) -> result<void> {
          if (f.number == 1) {
            named = text_of(f.value) == identity_key;
          } else {
            value = f.value;
            value_at = at;
          }
          return {};
        });
    if (!done || !named) return done;
    return each(
        value, value_at, [](std::uint64_t n) { return n == 1; },
        [&](const field& f, std::size_t) -> result<void> {
          mine = decode_identity(text_of(f.value));
          return {};
        });
  }

  void arrived(const identity& id) {
    found_.traced += 1;
    if (count_ > 0 && id.run == first_.run && id.worker == first_.worker &&
        id.sequence == first_.sequence + count_) {
      count_ += 1;
      return;
    }
    flush();
    first_ = id;
    count_ = 1;
  }

  void flush() {
    if (count_ > 0) to_.on_items(first_, count_);
    count_ = 0;
  }

  otlp::signal signal_;
  census_visitor& to_;
  census found_;
  std::uint64_t data_ = 0;  // which field of Metric the points are in
  identity first_;          // of the run of items being gathered
  std::uint64_t count_ = 0;
};

}  // namespace

result<census> take_census(otlp::signal s, std::span<const std::byte> body, census_visitor& to) {
  ZC_CHECK(s != otlp::signal::profiles);
  return taker(s, to).run(body);
}

}  // namespace sluice::rig
