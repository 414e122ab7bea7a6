#include "gate/app/config/catalogue.h"

#include <algorithm>

namespace sluice {
namespace {

using enum component_kind;

constexpr std::array<supported_component, 10> supported{{
    {receiver, "otlp", "", {"Beta", "Beta", "Beta", "Development"}},
    {processor, "batch", "", {"Beta", "Beta", "Beta", ""}},
    {exporter, "debug", "", {"Beta", "Beta", "Beta", "Development"}},
    {exporter, "file", "", {"Beta", "Beta", "Beta", "Development"}},
    {exporter, "nop", "", {"Beta", "Beta", "Beta", "Development"}},
    {exporter, "otlp", "otlp_grpc", {"Beta", "Beta", "Beta", "Development"}},
    {exporter, "otlp_grpc", "", {"Beta", "Beta", "Beta", "Development"}},
    {exporter, "otlp_http", "", {"Beta", "Beta", "Beta", "Development"}},
    {exporter, "otlphttp", "otlp_http", {"Beta", "Beta", "Beta", "Development"}},
    {extension, "health_check", "", {"Beta", "", "", ""}},
}};

// Sorted by byte value; catalogue_test keeps them so.
constexpr std::string_view known_receivers[] = {"active_directory_ds",
                                                "aerospike",
                                                "apache",
                                                "apachespark",
                                                "awscloudwatch",
                                                "awscontainerinsightreceiver",
                                                "awsecscontainermetrics",
                                                "awsfirehose",
                                                "awslambda",
                                                "awss3",
                                                "awsxray",
                                                "azureblob",
                                                "azureeventhub",
                                                "azurefunctions",
                                                "azuremonitor",
                                                "bigip",
                                                "carbon",
                                                "chrony",
                                                "ciscoos",
                                                "cloudflare",
                                                "cloudfoundry",
                                                "collectd",
                                                "couchdb",
                                                "datadog",
                                                "docker_stats",
                                                "elasticsearch",
                                                "envoyals",
                                                "expvar",
                                                "faro",
                                                "file_log",
                                                "filelog",
                                                "filestats",
                                                "flinkmetrics",
                                                "fluentforward",
                                                "github",
                                                "gitlab",
                                                "googlecloudmonitoring",
                                                "googlecloudpubsub",
                                                "googlecloudpubsubpush",
                                                "googlecloudspanner",
                                                "haproxy",
                                                "host_metrics",
                                                "hostmetrics",
                                                "httpcheck",
                                                "huaweicloudces",
                                                "icmpcheck",
                                                "iis",
                                                "influxdb",
                                                "jaeger",
                                                "jmx",
                                                "journald",
                                                "k8s_cluster",
                                                "k8s_events",
                                                "k8sobjects",
                                                "kafka",
                                                "kafkametrics",
                                                "kubelet_stats",
                                                "kubeletstats",
                                                "libhoney",
                                                "loki",
                                                "memcached",
                                                "mongodb",
                                                "mongodbatlas",
                                                "mysql",
                                                "namedpipe",
                                                "netflow",
                                                "nginx",
                                                "nop",
                                                "nsxt",
                                                "ntp",
                                                "opencensus",
                                                "oracledb",
                                                "osquery",
                                                "otelarrow",
                                                "otlp",
                                                "otlpjsonfile",
                                                "podman_stats",
                                                "postgresql",
                                                "pprof",
                                                "prometheus",
                                                "prometheus_simple",
                                                "prometheusremotewrite",
                                                "pulsar",
                                                "purefa",
                                                "purefb",
                                                "rabbitmq",
                                                "receiver_creator",
                                                "redfish",
                                                "redis",
                                                "riak",
                                                "saphana",
                                                "sapm",
                                                "signalfx",
                                                "skywalking",
                                                "snmp",
                                                "snowflake",
                                                "solace",
                                                "splunk_hec",
                                                "splunkenterprise",
                                                "sqlquery",
                                                "sqlserver",
                                                "sshcheck",
                                                "statsd",
                                                "stef",
                                                "syslog",
                                                "systemd",
                                                "tcpcheck",
                                                "tcplog",
                                                "tlscheck",
                                                "udplog",
                                                "vcenter",
                                                "vcr",
                                                "wavefront",
                                                "webhookevent",
                                                "windowseventlog",
                                                "windowsperfcounters",
                                                "windowsservice",
                                                "yanggrpc",
                                                "zipkin",
                                                "zookeeper"};

constexpr std::string_view known_processors[] = {"attributes",
                                                 "batch",
                                                 "coralogix",
                                                 "cumulativetodelta",
                                                 "deltatocumulative",
                                                 "deltatorate",
                                                 "dns_lookup",
                                                 "experimental_metricsgeneration",
                                                 "filter",
                                                 "geoip",
                                                 "groupbyattrs",
                                                 "groupbytrace",
                                                 "interval",
                                                 "isolationforest",
                                                 "k8s_attributes",
                                                 "k8sattributes",
                                                 "log_dedup",
                                                 "logdedup",
                                                 "logstransform",
                                                 "lookup",
                                                 "memory_limiter",
                                                 "metricsgeneration",
                                                 "metricstarttime",
                                                 "metricstransform",
                                                 "nop",
                                                 "probabilistic_sampler",
                                                 "queue_batch",
                                                 "redaction",
                                                 "remotetap",
                                                 "resource",
                                                 "resource_detection",
                                                 "resourcedetection",
                                                 "schema",
                                                 "span",
                                                 "span_pruning",
                                                 "sumologic",
                                                 "tail_sampling",
                                                 "transform",
                                                 "unroll"};

constexpr std::string_view known_exporters[] = {"alertmanager",
                                                "alibabacloud_logservice",
                                                "awscloudwatchlogs",
                                                "awsemf",
                                                "awskinesis",
                                                "awss3",
                                                "awsxray",
                                                "azureblob",
                                                "azuredataexplorer",
                                                "azuremonitor",
                                                "bmchelix",
                                                "carbon",
                                                "cassandra",
                                                "clickhouse",
                                                "coralogix",
                                                "datadog",
                                                "dataset",
                                                "debug",
                                                "doris",
                                                "elasticsearch",
                                                "faro",
                                                "file",
                                                "googlecloud",
                                                "googlecloudpubsub",
                                                "googlecloudstorage",
                                                "googlemanagedprometheus",
                                                "honeycombmarker",
                                                "influxdb",
                                                "kafka",
                                                "load_balancing",
                                                "loadbalancing",
                                                "logicmonitor",
                                                "logzio",
                                                "loki",
                                                "mezmo",
                                                "nop",
                                                "opencensus",
                                                "opensearch",
                                                "otelarrow",
                                                "otlp",
                                                "otlp_grpc",
                                                "otlp_http",
                                                "otlphttp",
                                                "prometheus",
                                                "prometheusremotewrite",
                                                "pulsar",
                                                "rabbitmq",
                                                "sapm",
                                                "sematext",
                                                "sentry",
                                                "signalfx",
                                                "splunk_hec",
                                                "stef",
                                                "sumologic",
                                                "syslog",
                                                "tencentcloud_logservice",
                                                "tinybird",
                                                "zipkin"};

constexpr std::string_view known_connectors[] = {"count",
                                                 "datadog",
                                                 "exceptions",
                                                 "failover",
                                                 "forward",
                                                 "grafanacloud",
                                                 "metricsaslogs",
                                                 "otlpjson",
                                                 "roundrobin",
                                                 "routing",
                                                 "service_graph",
                                                 "servicegraph",
                                                 "signal_to_metrics",
                                                 "signaltometrics",
                                                 "slowsql",
                                                 "span_metrics",
                                                 "spanmetrics",
                                                 "sum"};

constexpr std::string_view known_extensions[] = {"ack",
                                                 "asapclient",
                                                 "aws_logs_encoding",
                                                 "awscloudwatchmetricstreams_encoding",
                                                 "awsproxy",
                                                 "azure_auth",
                                                 "azure_encoding",
                                                 "basicauth",
                                                 "bearertokenauth",
                                                 "cfgarden_observer",
                                                 "cgroup_runtime",
                                                 "datadog",
                                                 "db_storage",
                                                 "docker_observer",
                                                 "ecs_observer",
                                                 "ecs_task_observer",
                                                 "file_storage",
                                                 "googleclientauth",
                                                 "googlecloudlogentry_encoding",
                                                 "headers_setter",
                                                 "health_check",
                                                 "healthcheckv2",
                                                 "host_observer",
                                                 "http_forwarder",
                                                 "jaeger_encoding",
                                                 "jaegerremotesampling",
                                                 "json_log_encoding",
                                                 "k8s_leader_elector",
                                                 "k8s_observer",
                                                 "kafkatopics_observer",
                                                 "memory_ballast",
                                                 "memory_limiter",
                                                 "oauth2client",
                                                 "oidc",
                                                 "opamp",
                                                 "otlp_encoding",
                                                 "pprof",
                                                 "redis_storage",
                                                 "sigv4auth",
                                                 "skywalking_encoding",
                                                 "sumologic",
                                                 "text_encoding",
                                                 "zipkin_encoding",
                                                 "zpages"};

struct removed {
  component_kind kind;
  std::string_view type;
  std::string_view successor;
};

constexpr removed removed_components[] = {
    {exporter, "logging", "debug"},
    {exporter, "jaeger", "otlp_grpc"},
    {exporter, "jaeger_thrift", "otlp_grpc"},
    {processor, "queued_retry", "the exporter's sending_queue"},
    {processor, "spanmetrics", "the connector spanmetrics"},
    {processor, "servicegraph", "the connector servicegraph"},
    {processor, "routing", "the connector routing"},
};

std::string quote_version(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out.append("\"");
}

void append_stability(std::string& out, const supported_component& each) {
  out.append("      stability:\n");
  if (each.kind == extension) {
    out.append("        extension: ").append(each.stability[0]).append("\n");
    return;
  }
  // In the Collector's order: by name.
  using otlp::signal;
  for (const signal s : {signal::logs, signal::metrics, signal::profiles, signal::traces}) {
    if (!each.supports(s)) continue;
    out.append("        ").append(otlp::name_of(s)).append(": ");
    out.append(each.stability[static_cast<std::size_t>(s)]).append("\n");
  }
}

}  // namespace

std::string_view name_of(component_kind kind) noexcept {
  static constexpr std::string_view names[] = {"receiver", "processor", "exporter", "connector",
                                               "extension"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view section_of(component_kind kind) noexcept {
  static constexpr std::string_view names[] = {"receivers", "processors", "exporters", "connectors",
                                               "extensions"};
  return names[static_cast<std::size_t>(kind)];
}

std::span<const supported_component> supported_components() noexcept {
  return supported;
}

const supported_component* find_supported(component_kind kind, std::string_view type) noexcept {
  const auto found = std::ranges::find_if(
      supported, [&](const auto& each) { return each.kind == kind && each.type == type; });
  return found == supported.end() ? nullptr : &*found;
}

std::span<const std::string_view> known_components(component_kind kind) noexcept {
  switch (kind) {
    case receiver:
      return known_receivers;
    case processor:
      return known_processors;
    case exporter:
      return known_exporters;
    case connector:
      return known_connectors;
    case extension:
      break;
  }
  return known_extensions;
}

std::string_view successor_of(component_kind kind, std::string_view type) noexcept {
  for (const removed& each : removed_components) {
    if (each.kind == kind && each.type == type) return each.successor;
  }
  return {};
}

std::string components_yaml(std::string_view command, std::string_view version) {
  std::string out = "buildinfo:\n    command: ";
  out.append(command).append(
      "\n    description: OpenTelemetry gateway whose data path does not copy\n");
  out.append("    version: ").append(quote_version(version)).append("\n");
  for (const component_kind kind : all_component_kinds) {
    std::string list;
    for (const supported_component& each : supported) {
      if (each.kind != kind) continue;
      list.append("    - name: ").append(each.type).append("\n");
      if (!each.alias_of.empty())
        list.append("      alias_of: ").append(each.alias_of).append("\n");
      append_stability(list, each);
    }
    out.append(section_of(kind)).append(list.empty() ? ": []\n" : ":\n").append(list);
  }
  out.append("providers:\n    - scheme: env\n    - scheme: file\n    - scheme: yaml\n");
  return out;
}

}  // namespace sluice
