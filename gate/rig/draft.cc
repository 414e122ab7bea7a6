#include "gate/rig/draft.h"

#include <array>
#include <bit>

#include "gate/rig/identity.h"
#include "zc/wire/protobuf/varint.h"

namespace sluice::rig {

using zc::pb::bytes_field_size;
using zc::pb::tag_size;
using zc::pb::varint_size;

static_assert(std::endian::native == std::endian::little, "ids are stored as they lie");

void draft::remember(spot what, std::size_t size) {
  ZC_CHECK(this->size() <= UINT32_MAX);  // offsets have 32 bits
  marks_.push_back({what, static_cast<std::uint32_t>(this->size() - size)});
}

void draft::close(std::size_t start, std::size_t first) {
  const std::size_t before = size();
  writer_.close(start);
  ZC_CHECK(size() <= UINT32_MAX);
  const auto moved = static_cast<std::uint32_t>(size() - before);
  if (moved == 0) return;
  for (mark& m : std::span(marks_).subspan(first)) m.offset += moved;
}

void draft::time(std::uint32_t field, std::uint64_t nanoseconds) {
  writer_.fixed64(field, nanoseconds);
  remember(spot::time, sizeof nanoseconds);
}

void draft::trace_id(std::uint32_t field, std::uint64_t high, std::uint64_t low) {
  const std::array<std::uint64_t, 2> id{high, low};
  writer_.bytes(field, std::as_bytes(std::span(id)));
  remember(spot::trace, sizeof id);
}

void draft::span_id(std::uint32_t field, std::uint64_t id) {
  writer_.bytes(field, std::as_bytes(std::span(&id, 1)));
  remember(spot::span, sizeof id);
}

// KeyValue {key=1, value=2 AnyValue}; sizes are known here, so that long values are not moved.
template <std::invocable Value>
void draft::key_value(std::uint32_t field, std::string_view key, std::size_t size, Value&& value) {
  message(field, bytes_field_size(1, key.size()) + bytes_field_size(2, size), [&] {
    text(1, key);
    message(2, size, value);
  });
}

void draft::attribute(std::uint32_t field, std::string_view key, std::string_view value) {
  key_value(field, key, bytes_field_size(1, value.size()), [&] { text(1, value); });
}

void draft::attribute(std::uint32_t field, std::string_view key, bool value) {
  key_value(field, key, tag_size(2) + 1, [&] { number(2, value ? 1 : 0); });
}

void draft::attribute(std::uint32_t field, std::string_view key, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);  // negatives take ten bytes, by the format
  key_value(field, key, tag_size(3) + varint_size(bits), [&] { number(3, bits); });
}

void draft::attribute(std::uint32_t field, std::string_view key, double value) {
  key_value(field, key, tag_size(4) + sizeof value, [&] { real(4, value); });
}

void draft::attribute(std::uint32_t field, std::string_view key,
                      const std::vector<std::string>& value) {
  std::size_t list = 0;
  for (const std::string& each : value) {
    list += bytes_field_size(1, bytes_field_size(1, each.size()));
  }
  key_value(field, key, bytes_field_size(5, list), [&] {
    message(5, list, [&] {
      for (const std::string& each : value) {
        message(1, bytes_field_size(1, each.size()), [&] { text(1, each); });
      }
    });
  });
}

void draft::identity(std::uint32_t field) {
  const identity_text nobody = encode({});
  key_value(field, identity_key, bytes_field_size(1, nobody.size()), [&] {
    text(1, {nobody.data(), nobody.size()});
    remember(spot::identity, identity_size);
  });
}

void draft::clear() noexcept {
  builder_.truncate(0);
  marks_.clear();
}

}  // namespace sluice::rig
