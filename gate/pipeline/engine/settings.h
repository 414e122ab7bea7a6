// gate/pipeline/engine/settings.h - what an operator can set on pipelines and their nodes, with the
// Collector's defaults.
//
// The configuration loader fills these; the nodes read them. Names follow the Collector's keys.
// Source of keys and defaults: OpenTelemetry Collector 0.159 (configgrpc, confighttp,
// exporterhelper, batchprocessor, fileexporter); where ours differ the comment says so.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gate/otlp/signal.h"
#include "gate/otlp/walk.h"
#include "zc/base/units.h"
#include "zc/mem/shared_array.h"
#include "zc/shard/poller.h"
#include "zc/wire/coding/coding.h"

namespace sluice {

using namespace zc::literals;
using milliseconds = std::chrono::milliseconds;

struct retry_settings {
  bool enabled = true;
  milliseconds initial_interval{5'000};
  double randomization_factor = 0.5;
  double multiplier = 1.5;
  milliseconds max_interval{30'000};
  milliseconds max_elapsed_time{300'000};  // 0: for ever
};

enum class queue_sizer : std::uint8_t { requests, items, bytes };

struct queue_settings {
  bool enabled = true;
  std::size_t num_consumers = 10;  // requests under way at once, over all shards
  bool wait_for_result = false;    // acknowledge after the backend answered
  bool block_on_overflow = false;  // full: make the sender wait instead of refusing
  queue_sizer sizer = queue_sizer::requests;
  std::size_t queue_size = 1'000;  // in units of `sizer`, over all shards
};

// Receiver `otlp`, one protocol of it.
struct otlp_listener_settings {
  zc::endpoint at;
  bool grpc = true;  // else HTTP
  // as received. The Collector: 4 MiB (gRPC), 20 MiB (HTTP)
  std::size_t message_bytes_max = 64_MiB;
  std::size_t inflated_bytes_max = 64_MiB;        // after decompression
  std::uint32_t max_concurrent_streams = 1'000;   // the Collector: unlimited
  std::map<otlp::signal, std::string> url_paths;  // HTTP: other than the defaults
  bool include_metadata = false;
};

struct otlp_receiver_settings {
  std::string id;  // "otlp", "otlp/2"
  std::vector<otlp_listener_settings> listeners;
  otlp::inspect inspect = otlp::inspect::count;  // ours; the Collector always decodes
};

struct batch_settings {
  std::string id;  // "batch"
  milliseconds timeout{200};
  std::uint64_t send_batch_size = 8'192;
  std::uint64_t send_batch_max_size = 0;  // 0: no splitting
};

enum class exporter_kind : std::uint8_t { otlp_grpc, otlp_http, file, debug, nop };

struct otlp_exporter_settings {
  zc::endpoint to;
  std::string authority;
  // HTTP: the endpoint's path, without a closing slash
  std::string base_path;
  // HTTP: traces_endpoint and its siblings, whole paths
  std::map<otlp::signal, std::string> paths;
  zc::coding compression = zc::coding::gzip;
  int compression_level = 0;                                      // 0: our choice
  milliseconds timeout{5'000};                                    // HTTP: 30 s
  zc::shared_array<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string user_agent;
  // uncompressed; larger requests are split first (GC-2)
  std::size_t request_bytes_max = 64_MiB;
};

struct file_exporter_settings {
  std::string path;
  bool append = false;
  bool create_directory = false;
  bool zstd = false;                     // compression: zstd, each record on its own
  std::size_t rotate_megabytes_max = 0;  // 0: never rotate
  std::size_t rotate_backups_max = 0;    // 0: keep all
};

enum class debug_verbosity : std::uint8_t { basic, normal, detailed };

struct debug_exporter_settings {
  debug_verbosity verbosity = debug_verbosity::basic;
  std::uint64_t sampling_initial = 2;
  std::uint64_t sampling_thereafter = 1;
};

struct exporter_settings {
  std::string id;  // "otlp_grpc/backend"
  exporter_kind kind = exporter_kind::nop;
  otlp_exporter_settings otlp;  // otlp_grpc, otlp_http
  file_exporter_settings file;
  debug_exporter_settings debug;
  queue_settings queue;  // otlp_grpc, otlp_http
  retry_settings retry;  // otlp_grpc, otlp_http
};

struct pipeline_settings {
  std::string id;  // "traces", "logs/eu"
  otlp::signal signal = otlp::signal::traces;
  std::vector<std::string> receivers;
  std::vector<std::string> processors;
  std::vector<std::string> exporters;
};

struct health_check_settings {
  zc::endpoint at;
  std::string path = "/";
};

enum class log_level : std::uint8_t { debug, info, warn, error };

// Everything that `sluice run` needs. What is configured but unused is not in here.
struct gateway_settings {
  std::vector<otlp_receiver_settings> receivers;
  std::vector<batch_settings> batch_processors;
  std::vector<exporter_settings> exporters;
  std::vector<pipeline_settings> pipelines;
  std::optional<health_check_settings> health_check;
  std::optional<zc::endpoint> metrics_at;       // Prometheus; empty: off
  std::map<std::string, std::string> resource;  // service.telemetry.resource
  std::vector<std::string> resource_removed;    // set to null there: leave out even our own
  log_level level = log_level::info;
};

}  // namespace sluice
