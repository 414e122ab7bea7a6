// gate/app/config/load.h - from the Collector's configuration files to the settings of a gateway.
//
//     const auto settings = sluice::load({{"config.yaml"}, {}}, system_environment(),
//     system_files(), &remarks); if (!settings) std::cerr << settings.error().text();
//
// Sources are joined left to right, then references are replaced, then every key is checked. All
// errors of a configuration are reported together; only sources that are not YAML stop the loader
// before it looks at keys.
//
// What is configured but used by no pipeline is checked and left out; what of it is not supported
// yet only warns.
//
// Cost    Once, at the start or on reload. Bounds: 1 MiB of text per source, 50 000 keys and
// values, 64 levels, 100 errors. Errors  As values; no function of this room throws. Threads Any,
// as far as the two functions that it is given allow it.
#pragma once

#include <expected>

#include "gate/app/config/diagnostic.h"
#include "gate/app/config/expand.h"
#include "gate/app/config/sources.h"
#include "gate/pipeline/engine/settings.h"

namespace sluice {

// On success warnings and notes go to `remarks`, if that is not null; on failure they are in the
// error.
std::expected<gateway_settings, diagnostics> load(const config_sources& from,
                                                  const environment& env, const file_reader& files,
                                                  diagnostics* remarks = nullptr);

// The process's own environment and file system. A file larger than the loader takes is too_large.
environment system_environment();
file_reader system_files();

}  // namespace sluice
