// gate/app/config/catalogue.h - which components there are: ours, and those that the Collector has
// and we do not.
//
// `sluice components` prints ours; the loader uses both to tell a typing error from what is not
// supported yet. Source of the known names: the Collector's core and contrib distributions, 0.135
// to 0.160.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gate/otlp/signal.h"

namespace sluice {

enum class component_kind : std::uint8_t { receiver, processor, exporter, connector, extension };
inline constexpr std::array<component_kind, 5> all_component_kinds{
    component_kind::receiver, component_kind::processor, component_kind::exporter,
    component_kind::connector, component_kind::extension};

std::string_view name_of(component_kind kind) noexcept;     // "receiver"
std::string_view section_of(component_kind kind) noexcept;  // "receivers": the configuration's key

struct supported_component {
  component_kind kind = component_kind::receiver;
  std::string_view type;      // "otlp_grpc"
  std::string_view alias_of;  // "otlp" is an alias of "otlp_grpc"; empty: this is the name itself
  // By otlp::signal: "Beta"; empty: not for this signal. Extensions have one, the first.
  std::array<std::string_view, otlp::signals> stability;

  bool supports(otlp::signal s) const { return !stability[static_cast<std::size_t>(s)].empty(); }
};

// Ours, aliases included.
std::span<const supported_component> supported_components() noexcept;
const supported_component* find_supported(component_kind kind, std::string_view type) noexcept;

// Types that the Collector knows, sorted. Ours are among them.
std::span<const std::string_view> known_components(component_kind kind) noexcept;

// What took the place of a type that the Collector has removed ("logging": "debug"); empty: nothing
// did.
std::string_view successor_of(component_kind kind, std::string_view type) noexcept;

// What `sluice components` prints: YAML in the form of the Collector's `components` command.
std::string components_yaml(std::string_view command, std::string_view version);

}  // namespace sluice
