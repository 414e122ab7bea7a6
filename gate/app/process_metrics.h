// gate/app/process_metrics.h - what the process as a whole tells: time, memory, servers, and the
// copy ledger.
#pragma once

#include <map>
#include <span>
#include <string>

#include "gate/app/shard_graph.h"
#include "gate/pipeline/engine/settings.h"
#include "zc/mem/quota.h"

namespace sluice {

// What this process calls itself: service.name, service.version and a service.instance.id made for
// this run, with the attributes of service.telemetry.resource put over them and those that are null
// there left out.
std::map<std::string, std::string> identity_of(const gateway_settings& settings);

// Prometheus text. otelcol_process_* as the Collector names them; sluice_payload_* is the copy
// ledger (zc/base/ledger.h).
std::string process_metrics_text(const zc::quota& memory, double uptime_seconds,
                                 const std::map<std::string, std::string>& identity);
// One of the servers' figures, over all shards.
std::uint64_t sum_of(std::span<const server_counters* const> shards,
                     const counter server_counters::* which);
std::string pool_metrics_text(std::span<const pool_counters* const> shards);
std::string server_metrics_text(std::span<const server_counters* const> shards);

}  // namespace sluice
