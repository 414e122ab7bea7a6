// gate/app/reload.h - what of a configuration that was read again can change while the gateway runs.
//
//     const reload_plan plan = plan_reload(running, read_again);
//     live.publish(plan.effective);       the running one, with what may change taken over
//     plan.changed                        "exporters.otlp_grpc.timeout"
//     plan.needs_restart                  "exporters.otlp_grpc.endpoint"
//
// Changes while running: headers, timeout, retry_on_failure, and queue_size and block_on_overflow of
// OTLP exporters; verbosity and sampling of debug; inspect of receivers; all of batch; the level of
// the log. Everything else needs a restart: what listens, where things go, which nodes there are.
//
// Threads  A pure function.
#pragma once

#include <string>
#include <vector>

#include "gate/pipeline/engine/settings.h"

namespace sluice {

struct reload_plan {
  gateway_settings effective;
  // Dotted keys of the configuration, sorted, each once. No values: a header may be a secret.
  std::vector<std::string> changed;
  std::vector<std::string> needs_restart;
};

reload_plan plan_reload(const gateway_settings& running, const gateway_settings& next);

}  // namespace sluice
