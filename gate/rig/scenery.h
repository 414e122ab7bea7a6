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
// Threads  Pure functions of the dice.
// Errors   Profiles cannot be drawn; asking for them is a bug of the caller.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gate/otlp/signal.h"
#include "gate/rig/dice.h"
#include "gate/rig/draft.h"

namespace sluice::rig {

// Times in a draft are around this moment; whoever sends it moves them to the present.
inline constexpr std::uint64_t epoch = 1'700'000'000'000'000'000;

struct scene {
  std::size_t items = 1'000;
  std::size_t resources = 1;  // the items are spread over them evenly; at least 1, at most `items`
};

// One Export request. Requires: s is not profiles, and 1 <= resources <= items.
draft draw_request(otlp::signal s, const scene& what, dice& d);

// What the requests are made of.
draft draw_resource(dice& d);
draft draw_scope(std::size_t kind, otlp::signal s);
inline constexpr std::size_t scopes =
    5;  // kinds of scopes: HTTP, database, internal (2), messaging

// Appends the scopes and items of one resource (ResourceSpans field 2 and so on) to `into`.
void draw_spans(draft& into, std::size_t items, dice& d);
void draw_logs(draft& into, std::size_t items, dice& d);
void draw_points(draft& into, std::size_t items, dice& d);

}  // namespace sluice::rig
