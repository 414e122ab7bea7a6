// gate/app/config/expand.h - replaces ${env:NAME} and its kin in a configuration, as the Collector
// does.
//
//     ${env:NAME}  ${NAME}   an environment variable; unset: nothing, and a warning
//     ${env:NAME:-default}   `default` when the variable is unset; it may hold references itself
//     ${file:PATH}           the content of a file
//     ${yaml:TEXT}           TEXT
//     $$                     one $
//
// A scalar that is one reference and nothing else becomes whatever YAML makes of the value: a
// number, a list, a map. A reference within other text inserts the value as it is. Values may hold
// references in turn. Keys are not touched.
//
// Places   What comes from a file points into that file; everything else points to the reference.
// Bounds   `expand_limits`; what exceeds them is an error at the reference that did.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gate/app/config/report.h"
#include "gate/app/config/yaml.h"
#include "zc/base/result.h"

namespace sluice {

// The value of an environment variable; nothing when it is not set.
using environment = std::function<std::optional<std::string>(std::string_view name)>;
// The content of a file. An error says why not: error::os, or error::reason.
using file_reader = std::function<zc::result<std::string>(std::string_view path)>;

namespace config {

struct expand_limits {
  yaml_limits yaml;
  std::size_t references_max = 10'000;                 // replaced in all
  std::size_t nested_max = 16;                         // references within values of references
  std::size_t text_bytes_max = std::size_t{1} << 20;   // of one scalar
  std::size_t total_bytes_max = std::size_t{8} << 20;  // of all values together
};

// Replaces all references below `root`. Errors and warnings go to `to`; a scalar with an error
// becomes node_kind::broken.
void expand(node& root, const environment& env, const file_reader& files,
            const expand_limits& limits, report& to);

// "file not found" and the like.
std::string why_not(const zc::error& failure);

}  // namespace config
}  // namespace sluice
