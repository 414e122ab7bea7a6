// gate/otlp/response.h - Export*ServiceResponse. All four have one shape:
//
//     { partial_success = 1 { rejected = 1, message = 2 } }
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "zc/base/result.h"
#include "zc/mem/chain.h"

namespace sluice::otlp {

inline constexpr std::size_t message_bytes_max = 8 * 1024;  // kept of a message that a server sends

struct partial_success {
  std::int64_t rejected = 0;
  std::string message;
  // All-default equals unset: a full success (service protos).
  bool set() const noexcept { return rejected != 0 || !message.empty(); }
};

// Encoded where it will be sent from. A full success encodes to nothing, which is its valid form; an
// empty partial_success is never written.
zc::bytes encode_response(const partial_success& p);
// Unknown fields are passed over; a longer message is cut. Errors: as zc::pb::chain_reader.
zc::result<partial_success> decode_response(const zc::bytes_chain& body);

}  // namespace sluice::otlp
