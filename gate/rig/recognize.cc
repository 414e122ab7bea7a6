#include "gate/rig/recognize.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "zc/wire/protobuf/reader.h"

namespace sluice::rig {
namespace {

using otlp::signal;
using zc::pb::reader;
using zc::pb::wire;

using verdict = std::optional<signal>;

// The fields an item has: a set of numbers per wire type, and what its first two look like.
class features {
 public:
  explicit features(std::span<const std::byte> item) noexcept {
    reader r(item);
    while (r.next()) {
      if (r.number() >= numbers) continue;
      seen_[static_cast<std::size_t>(r.type())] |= std::uint32_t{1} << r.number();
      if (r.type() != wire::bytes) continue;
      if (r.number() == 1) first_ = r.text();
      if (r.number() == 2) second_bytes_ = r.view().size();
    }
  }

  bool any(wire type, std::initializer_list<unsigned> of) const noexcept {
    return std::ranges::any_of(
        of, [&](unsigned n) { return (seen_[static_cast<std::size_t>(type)] >> n & 1) != 0; });
  }
  bool named() const noexcept { return !first_.empty(); }
  // A name of sixteen characters beside a description of eight looks like ids, but for the
  // characters.
  bool has_ids() const noexcept {
    const auto is_print = [](char c) { return c >= ' ' && c <= '~'; };
    return first_.size() == 16 && second_bytes_ == 8 && !std::ranges::all_of(first_, is_print);
  }

 private:
  static constexpr std::uint32_t numbers = 32;
  static constexpr std::size_t wire_types = 6;

  std::array<std::uint32_t, wire_types> seen_{};
  std::string_view first_;
  std::size_t second_bytes_ = 0;
};

verdict judge(const features& item) noexcept {
  if (item.any(wire::fixed64, {7, 8}) || item.any(wire::varint, {6})) return signal::traces;
  if (item.any(wire::fixed64, {1, 11}) || item.any(wire::varint, {2}) ||
      item.any(wire::fixed32, {8})) {
    return signal::logs;
  }
  if (item.any(wire::fixed64, {3})) return signal::profiles;
  if (item.has_ids()) return signal::traces;
  if (item.named() && item.any(wire::bytes, {5, 7, 9, 10, 11})) return signal::metrics;
  return std::nullopt;
}

// The first verdict over the messages in field `number`.
template <class Look>
verdict first_of(std::span<const std::byte> message, std::uint32_t number, Look look) noexcept {
  reader r(message);
  while (r.next()) {
    if (!r.is(number, wire::bytes)) continue;
    if (const verdict v = look(r.view())) return v;
  }
  return std::nullopt;
}

verdict judge_resource(std::span<const std::byte> resource) noexcept {
  return first_of(resource, 2, [](auto scope) {
    return first_of(scope, 2, [](auto item) { return judge(features(item)); });
  });
}

}  // namespace

std::optional<otlp::signal> recognize(std::span<const std::byte> request) noexcept {
  if (const verdict v = first_of(request, 1, judge_resource)) return v;
  return first_of(request, 2, [](auto) { return verdict(signal::profiles); });
}

}  // namespace sluice::rig
