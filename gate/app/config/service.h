// gate/app/config/service.h - reads the section `service`: what is to run, and how it shows itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gate/app/config/report.h"
#include "gate/app/config/section.h"
#include "gate/app/config/yaml.h"
#include "gate/otlp/signal.h"
#include "gate/pipeline/engine/settings.h"

namespace sluice::config {

// A pipeline whose names have not been looked up yet.
struct pipeline_draft {
  std::string id;
  otlp::signal signal = otlp::signal::traces;
  std::string path;  // "service::pipelines::traces"
  std::vector<placed_text> receivers;
  std::vector<placed_text> processors;
  std::vector<placed_text> exporters;
};

struct service_draft {
  std::vector<pipeline_draft> pipelines;
  std::vector<placed_text> extensions;
};

// Telemetry goes to `into` directly: metrics_at, level, resource.
service_draft read_service(section from, gateway_settings& into);

}  // namespace sluice::config
