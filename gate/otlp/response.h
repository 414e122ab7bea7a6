// gate/otlp/response.h - Export*ServiceResponse: all four have the shape {partial_success=1 {rejected=1, message=2}}.
#pragma once

#include <cstdint>
#include <string>

#include "zc/base/result.h"
#include "zc/mem/chain.h"

namespace sluice::otlp {

struct partial_success {
  std::int64_t rejected = 0;
  std::string message;
  // All-default equals unset: a full success (service protos).
  bool set() const noexcept { return rejected != 0 || !message.empty(); }
};

// A full success encodes to nothing, which is its valid form; an empty partial_success is never written.
std::string encode_response(const partial_success& p);
zc::result<partial_success> decode_response(const zc::bytes_chain& body);

}  // namespace sluice::otlp
