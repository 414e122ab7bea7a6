// gate/otlp/signal.h - the kinds of telemetry and what each is called on the wires.
//
// Source: opentelemetry-proto, collector/*/v1 services; its specification, "OTLP/HTTP Request".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::otlp {

enum class signal : std::uint8_t { traces, metrics, logs, profiles };
inline constexpr std::size_t signals = 4;
inline constexpr std::array<signal, signals> all_signals{signal::traces, signal::metrics,
                                                         signal::logs, signal::profiles};

std::string_view name_of(signal s) noexcept;  // "traces": pipelines, configuration
std::string_view items_of(
    signal s) noexcept;  // "spans", "metric_points", "log_records", "profiles": metric names
std::string_view grpc_path(
    signal s) noexcept;  // "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
std::string_view http_path(signal s) noexcept;  // "/v1/traces"; profiles: "/v1development/profiles"

std::optional<signal> signal_named(std::string_view name) noexcept;  // "traces"
std::optional<signal> signal_of_grpc_path(std::string_view path) noexcept;

}  // namespace sluice::otlp
