// gate/app/config/id.h - the name of a component or a pipeline: "otlp", "otlp_grpc/backend",
// "traces/eu".
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace sluice::config {

struct component_id {
  std::string_view type;  // both borrow from the text that was split
  std::string_view name;  // empty when there is none
};

// On failure: what is wrong. Types are letters, digits and _, letter first, 63 at most; names are 1
// to 1024 characters without control characters.
std::expected<component_id, std::string> split_id(std::string_view text);

}  // namespace sluice::config
