// Any bytes as a configuration file: no crash, no hang, and an answer that holds together.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gate/app/config/load.h"

namespace {

// References find something, or the same text again, and never anything outside of the process.
std::optional<std::string> variable(std::string_view name, std::string_view text) {
  if (name == "UNSET") return std::nullopt;
  if (name == "PORT") return "4317";
  return std::string(text.substr(0, 256));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto env = [&](std::string_view name) { return variable(name, text); };
  const auto files = [&](std::string_view path) -> zc::result<std::string> {
    if (path != "config.yaml") return zc::fail(zc::errc::refused, "no files here");
    return text;
  };
  sluice::diagnostics remarks;
  const auto loaded = sluice::load({{"config.yaml"}, {{"service.telemetry.logs.level", "debug"}}},
                                   env, files, &remarks);
  if (!loaded) {
    if (loaded.error().errors.empty() || loaded.error().text().empty()) std::abort();
    return 0;
  }
  // What loads can run: every pipeline is fed and leads somewhere.
  if (loaded->pipelines.empty() || loaded->receivers.empty()) std::abort();
  for (const auto& each : loaded->pipelines) {
    if (each.receivers.empty() || each.exporters.empty()) std::abort();
  }
  for (const auto& each : loaded->receivers) {
    if (each.listeners.empty()) std::abort();
  }
  return 0;
}
