#include "gate/app/config/default_config.h"

namespace sluice {

std::string_view default_config() noexcept {
  return R"(# What Sluice does without a configuration: it takes OTLP from this machine
# only, and archives it.
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:4317
      http:
        endpoint: 127.0.0.1:4318

exporters:
  # One file per signal; 4-byte length, then one request, and so on. At most 5 * 256 MiB each.
  file/traces:
    path: ./sluice-data/traces.binpb
    format: proto
    append: true
    create_directory: true
    rotation:
      max_megabytes: 256
      max_backups: 4
  file/metrics:
    path: ./sluice-data/metrics.binpb
    format: proto
    append: true
    create_directory: true
    rotation:
      max_megabytes: 256
      max_backups: 4
  file/logs:
    path: ./sluice-data/logs.binpb
    format: proto
    append: true
    create_directory: true
    rotation:
      max_megabytes: 256
      max_backups: 4
  file/profiles:
    path: ./sluice-data/profiles.binpb
    format: proto
    append: true
    create_directory: true
    rotation:
      max_megabytes: 256
      max_backups: 4

extensions:
  health_check:
    endpoint: 127.0.0.1:13133

service:
  extensions: [health_check]
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: 127.0.0.1
                port: 8888
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [file/traces]
    metrics:
      receivers: [otlp]
      exporters: [file/metrics]
    logs:
      receivers: [otlp]
      exporters: [file/logs]
    profiles:
      receivers: [otlp]
      exporters: [file/profiles]
)";
}

}  // namespace sluice
