// gate/app/config/sources.h - where configuration comes from: files, variables and arguments,
// joined into one tree.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gate/app/config/expand.h"
#include "gate/app/config/report.h"
#include "gate/app/config/yaml.h"

namespace sluice {

// What the command line says, in its order.
struct config_sources {
  // --config: "file:PATH" or a bare path, "env:NAME", "yaml:KEY::SUB: VALUE". Later ones win.
  std::vector<std::string> configs;
  // --set a.b.c=v: {"a.b.c", "v"}, `v` being YAML. Applied after all of `configs`.
  std::vector<std::pair<std::string, std::string>> sets;
};

namespace config {

// All sources as one map, references not replaced yet. Errors go to `to`.
node read_sources(const config_sources& from, const environment& env, const file_reader& files,
                  const yaml_limits& limits, report& to);

}  // namespace config
}  // namespace sluice
