// gate/rig/scenery.h - telemetry as a busy shop in Kubernetes would send it, drawn from dice.
//
// Attribute names follow the OpenTelemetry semantic conventions; what repeats and what does not
// (ids, addresses, durations) is mixed so that sizes and compression ratios are those of real
// fleets:
//
//     spans    about 690 B each: 30 % HTTP, 30 % database, 30 % internal, 10 % messaging, 1.5 %
//     with an exception logs     about 360 B each: templated bodies with ids, a few attributes,
//     trace context points   about 330 B each: histograms, sums and gauges 4 : 3 : 2 resource
//     about 1.2 KB, 30 attributes of k8s, process, host, cloud and SDK
//
// Items are drawn in one order, a trace after the other, and lie in another, by scope. So each is
// drawn twice from the same dice: first on paper that is thrown away, to learn its scope and its
// size, then where it lies. Only resources as a whole are moved up, by the bytes of their length.
//
// Threads  Pure functions of the dice.
// Errors   Profiles cannot be drawn; asking for them is a bug of the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gate/otlp/signal.h"
#include "gate/rig/dice.h"
#include "gate/rig/draft.h"
#include "zc/wire/protobuf/varint.h"

namespace sluice::rig {

// Times in a draft are around this moment; whoever sends it moves them to the present.
inline constexpr std::uint64_t epoch = 1'700'000'000'000'000'000;

struct scene {
  std::size_t items = 1'000;
  std::size_t resources = 1;  // the items are spread over them evenly; at least 1, at most `items`
};

// One Export request, appended to `into`. Requires: s is not profiles, and 1 <= resources <= items.
void draw_request(draft& into, otlp::signal s, const scene& what, dice& d);
// Room that is enough for nearly all of them: the dice may ask for more.
std::size_t expected_size(otlp::signal s, const scene& what) noexcept;

// What the requests are made of.
void draw_resource(draft& into, dice& d);
void draw_scope(draft& into, std::size_t kind, otlp::signal s);
inline constexpr std::size_t scopes =
    5;  // kinds of scopes: HTTP, database, internal (2), messaging

// An item that was drawn on paper.
struct sketch {
  std::size_t scope = 0;
  std::size_t size = 0;
  dice at{0};  // to draw it from once more
};
inline constexpr std::size_t paper_bytes = 16 * 1'024;  // no item is larger

// Appends the scopes and items of one resource (ResourceSpans field 2 and so on) to `into`.
void draw_spans(draft& into, std::size_t items, dice& d);
void draw_logs(draft& into, std::size_t items, dice& d);
void draw_points(draft& into, std::size_t items, dice& d);

// The scopes of one resource with their items, each by write(item). `Item` is a sketch.
template <class Item, class Write>
void write_scopes(draft& into, otlp::signal s, const std::vector<Item>& items, Write&& write) {
  draft scope(128);
  for (std::size_t kind = 0; kind < scopes; ++kind) {
    std::size_t size = 0;
    for (const Item& i : items) {
      if (i.scope == kind) size += zc::pb::bytes_field_size(2, i.size);
    }
    if (size == 0) continue;
    scope.clear();
    draw_scope(scope, kind, s);
    size += zc::pb::bytes_field_size(1, scope.size());
    into.message(2, size, [&] {
      into.message(1, [&] { draw_scope(into, kind, s); });
      for (const Item& i : items) {
        if (i.scope == kind) into.message(2, i.size, [&] { write(i); });
      }
    });
  }
}

}  // namespace sluice::rig
