// Counting, checking, cutting and the piecewise counter must agree with one another on any bytes,
// however they lie.
#include <cstdint>
#include <cstring>
#include <string_view>

#include "gate/otlp/specimen.h"
#include "gate/otlp/walk.h"
#include "zc/base/check.h"

namespace {

using namespace sluice::otlp;

template <class T>
bool same_failure(const zc::result<T>& a, const zc::result<T>& b) {
  return a.error().code == b.error().code && a.error().offset == b.error().offset &&
         std::strcmp(a.error().reason, b.error().reason) == 0;
}

zc::result<std::uint64_t> count_bytewise(signal s, std::span<const std::byte> body) {
  item_counter counter(s);
  for (std::size_t i = 0; i < body.size(); ++i) (void)counter.feed(body.subspan(i, 1));
  return counter.finish();
}

void check_parts(signal s, const std::vector<zc::bytes_chain>& parts, std::uint64_t items,
                 std::uint64_t items_max, bool valid) {
  ZC_CHECK(parts.size() == (items <= items_max ? 1 : (items + items_max - 1) / items_max));
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto held = count_items(s, parts[i]);
    ZC_CHECK(held.has_value() && *held <= items_max);
    ZC_CHECK(*held == items_max || i + 1 == parts.size());
    ZC_CHECK(!valid || validate_full(s, parts[i]).has_value());
    sum += *held;
  }
  ZC_CHECK(sum == items);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const signal s = all_signals[data[0] % signals];
  const std::uint64_t items_max = 1 + data[1] % 7;
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  const zc::bytes_chain whole(zc::bytes::from_static(text));
  const zc::bytes_chain pieces = specimen::cut(text, data[0] ^ data[1], 1 + data[1] / 7);

  const auto count = count_items(s, whole);
  for (const auto& other :
       {count_items(s, pieces), count_bytewise(s, std::as_bytes(std::span(text)))}) {
    ZC_CHECK(other.has_value() == count.has_value());
    ZC_CHECK(count ? *other == *count : same_failure(count, other));
  }

  const auto full = validate_full(s, whole);
  const auto full_pieces = validate_full(s, pieces);
  ZC_CHECK(full.has_value() == full_pieces.has_value());
  if (!full) ZC_CHECK(same_failure(full, full_pieces));
  ZC_CHECK(count.has_value() || !full.has_value());
  if (full) {
    ZC_CHECK(full->items == *count && full_pieces->items == *count);
    ZC_CHECK(full->bad_utf8 == full_pieces->bad_utf8 && full->bad_ids == full_pieces->bad_ids);
  }

  zc::quota limit(64 << 20);
  zc::pool pool(limit);
  const auto parts = split(s, whole, items_max, pool);
  const auto parts_of_pieces = split(s, pieces, items_max, pool);
  ZC_CHECK(parts.has_value() == parts_of_pieces.has_value());
  ZC_CHECK(parts.has_value() == (count.has_value() && s != signal::profiles));
  if (parts) {
    ZC_CHECK(*parts == *parts_of_pieces);
    check_parts(s, *parts, *count, items_max, full.has_value());
  }
  return 0;
}
