// gate/rig/recognize.h - which signal a request carries, told from its fields alone.
//
//     request  1: resource  2: scope  2: item     the same numbers for every signal, down to here
//       span     1: trace id   2: span id    7, 8: fixed64 (times)
//       log      1: fixed64 (time)   2: varint (severity)   11: fixed64 (observed time)
//       metric   1: name             5, 7, 9, 10, 11: messages (its data)
//       profile  3: fixed64 (time);  and the request has a dictionary, 2, beside its resources
//
// Archives do not say what their records are, and nothing in protobuf does. A number that has
// another wire type in each signal does: the first item with one decides.
//
// Threads  Any; a pure function.
// Cost     Up to the first item that decides, nearly always the first one.
// Errors   nullopt: nothing decides (no items, or items without the fields above), or the bytes
//          break off before anything has.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "gate/otlp/signal.h"

namespace sluice::rig {

std::optional<otlp::signal> recognize(std::span<const std::byte> request) noexcept;

}  // namespace sluice::rig
