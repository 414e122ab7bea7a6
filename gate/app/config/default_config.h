// gate/app/config/default_config.h - what `sluice run` does when no --config is given.
#pragma once

#include <string_view>

namespace sluice {

// YAML, as an operator would write it. Receives OTLP on the usual ports of the loopback address and
// keeps everything in files below ./sluice-data.
std::string_view default_config() noexcept;

}  // namespace sluice
