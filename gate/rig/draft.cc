#include "gate/rig/draft.h"

#include <bit>
#include <cstring>

#include "gate/rig/identity.h"
#include "zc/base/check.h"

namespace sluice::rig {

static_assert(std::endian::native == std::endian::little, "words are stored as they lie");

void draft::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
  bytes_.push_back(static_cast<char>(value));
}

void draft::word(std::uint64_t value) {
  char raw[8];
  std::memcpy(raw, &value, sizeof raw);
  bytes_.append(raw, sizeof raw);
}

void draft::remember(spot what) {
  ZC_CHECK(bytes_.size() <= UINT32_MAX);
  marks_.push_back({what, static_cast<std::uint32_t>(bytes_.size())});
}

void draft::number(std::uint32_t field, std::uint64_t value) {
  tag(field, 0);
  varint(value);
}

void draft::fixed(std::uint32_t field, std::uint64_t value) {
  tag(field, 1);
  word(value);
}

void draft::fixed32(std::uint32_t field, std::uint32_t value) {
  tag(field, 5);
  char raw[4];
  std::memcpy(raw, &value, sizeof raw);
  bytes_.append(raw, sizeof raw);
}

void draft::real(std::uint32_t field, double value) {
  fixed(field, std::bit_cast<std::uint64_t>(value));
}

void draft::text(std::uint32_t field, std::string_view value) {
  tag(field, 2);
  varint(value.size());
  bytes_.append(value);
}

void draft::message(std::uint32_t field, const draft& value) {
  tag(field, 2);
  varint(value.size());
  append(value);
}

void draft::append(const draft& fields) {
  ZC_CHECK(fields.size() <= UINT32_MAX - bytes_.size());  // offsets have 32 bits
  const auto moved = static_cast<std::uint32_t>(bytes_.size());
  bytes_.append(fields.bytes_);
  for (const mark& m : fields.marks_) marks_.push_back({m.what, m.offset + moved});
}

void draft::packed(std::uint32_t field, const std::vector<std::uint64_t>& values) {
  tag(field, 2);
  varint(values.size() * 8);
  for (const std::uint64_t v : values) word(v);
}

void draft::packed(std::uint32_t field, const std::vector<double>& values) {
  tag(field, 2);
  varint(values.size() * 8);
  for (const double v : values) word(std::bit_cast<std::uint64_t>(v));
}

void draft::time(std::uint32_t field, std::uint64_t nanoseconds) {
  tag(field, 1);
  remember(spot::time);
  word(nanoseconds);
}

void draft::trace_id(std::uint32_t field, std::uint64_t high, std::uint64_t low) {
  tag(field, 2);
  varint(16);
  remember(spot::trace);
  word(high);
  word(low);
}

void draft::span_id(std::uint32_t field, std::uint64_t id) {
  tag(field, 2);
  varint(8);
  remember(spot::span);
  word(id);
}

namespace {

// KeyValue {key=1, value=2 AnyValue}
template <class Write>
void put_attribute(draft& into, std::uint32_t field, std::string_view key, Write&& write) {
  draft value;
  write(value);
  draft pair;
  pair.text(1, key);
  pair.message(2, value);
  into.message(field, pair);
}

}  // namespace

void draft::attribute(std::uint32_t field, std::string_view key, std::string_view value) {
  put_attribute(*this, field, key, [&](draft& any) { any.text(1, value); });
}

void draft::attribute(std::uint32_t field, std::string_view key, bool value) {
  put_attribute(*this, field, key, [&](draft& any) { any.number(2, value ? 1 : 0); });
}

void draft::attribute(std::uint32_t field, std::string_view key, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);  // negatives take ten bytes, by the format
  put_attribute(*this, field, key, [&](draft& any) { any.number(3, bits); });
}

void draft::attribute(std::uint32_t field, std::string_view key, double value) {
  put_attribute(*this, field, key, [&](draft& any) { any.real(4, value); });
}

void draft::attribute(std::uint32_t field, std::string_view key,
                      const std::vector<std::string>& value) {
  draft list;
  for (const std::string& each : value) {
    draft any;
    any.text(1, each);
    list.message(1, any);
  }
  put_attribute(*this, field, key, [&](draft& any) { any.message(5, list); });
}

void draft::identity(std::uint32_t field) {
  const identity_text nobody = encode({});
  put_attribute(*this, field, identity_key, [&](draft& any) {
    any.tag(1, 2);
    any.varint(identity_size);
    any.remember(spot::identity);
    any.bytes_.append(nobody.data(), nobody.size());
  });
}

void draft::clear() noexcept {
  bytes_.clear();
  marks_.clear();
}

}  // namespace sluice::rig
