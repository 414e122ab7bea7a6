// gate/app/config/components.h - turns the body of one component into its settings.
//
// Each function reads one map, reports what is wrong with it, and returns settings with the
// Collector's defaults wherever nothing was written. What it returns after an error is complete
// too, but not to be used.
#pragma once

#include <map>
#include <string>

#include "gate/app/config/report.h"
#include "gate/app/config/yaml.h"
#include "gate/pipeline/engine/settings.h"

namespace sluice::config {

struct component_body {
  const std::string& id;  // "otlp_grpc/backend"
  const node& body;       // a map, or null
  place at;               // of the id
  std::string path;       // "exporters::otlp_grpc/backend"
};

otlp_receiver_settings read_otlp_receiver(report& to, const component_body& from);
batch_settings read_batch(report& to, const component_body& from);
exporter_settings read_otlp_grpc_exporter(report& to, const component_body& from);
exporter_settings read_file_exporter(report& to, const component_body& from);
exporter_settings read_debug_exporter(report& to, const component_body& from);
exporter_settings read_nop_exporter(report& to, const component_body& from);
health_check_settings read_health_check(report& to, const component_body& from);

// Over HTTP an exporter may know addresses for some signals only: those without one are in
// `without`.
struct otlp_http_exporter {
  exporter_settings settings;
  std::vector<otlp::signal> without;
};
otlp_http_exporter read_otlp_http_exporter(report& to, const component_body& from);

}  // namespace sluice::config
