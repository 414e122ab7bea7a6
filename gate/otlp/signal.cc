#include "gate/otlp/signal.h"

namespace sluice::otlp {
namespace {

struct names {
  std::string_view name;
  std::string_view items;
  std::string_view grpc_path;
  std::string_view http_path;
};

constexpr std::array<names, signals> table{{
    {"traces", "spans", "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
     "/v1/traces"},
    {"metrics", "metric_points", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
     "/v1/metrics"},
    {"logs", "log_records", "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
     "/v1/logs"},
    {"profiles", "profiles",
     "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
     "/v1development/profiles"},
}};

const names& of(signal s) noexcept {
  return table[static_cast<std::size_t>(s)];
}

std::optional<signal> find(std::string_view text, std::string_view names::* which) noexcept {
  for (const signal s : all_signals) {
    if (of(s).*which == text) return s;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(signal s) noexcept {
  return of(s).name;
}
std::string_view items_of(signal s) noexcept {
  return of(s).items;
}
std::string_view grpc_path(signal s) noexcept {
  return of(s).grpc_path;
}
std::string_view http_path(signal s) noexcept {
  return of(s).http_path;
}

std::optional<signal> signal_named(std::string_view name) noexcept {
  return find(name, &names::name);
}
std::optional<signal> signal_of_grpc_path(std::string_view path) noexcept {
  return find(path, &names::grpc_path);
}

}  // namespace sluice::otlp
