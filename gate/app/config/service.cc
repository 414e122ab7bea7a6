#include "gate/app/config/service.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "gate/app/config/address.h"
#include "gate/app/config/id.h"
#include "gate/app/config/nearest.h"

namespace sluice::config {
namespace {

void check_repeated(const section& from, std::string_view key,
                    const std::vector<placed_text>& names) {
  std::unordered_set<std::string_view> seen;
  for (const placed_text& each : names) {
    if (seen.insert(each.text).second) continue;
    from.to().error(each.at, join_path(from.path(), key), quoted(each.text) + " is listed twice");
  }
}

bool is_empty_list(const section& from, std::string_view key) {
  const auto entries = from.entries();
  const auto found = std::ranges::find(entries, key, &entry::key);
  if (found == entries.end() || found->value.kind == node_kind::null) return true;
  return found->value.kind == node_kind::list && found->value.items.empty();
}

std::vector<placed_text> read_names(section& from, std::string_view key, bool needed) {
  std::vector<placed_text> out = from.texts(key);
  check_repeated(from, key, out);
  if (needed && from.sound() && is_empty_list(from, key)) {
    from.error_here("requires at least one of " + std::string(key));
  }
  return out;
}

std::optional<otlp::signal> read_signal(const section& from, const entry& each) {
  std::vector<std::string_view> names;
  for (const otlp::signal s : otlp::all_signals) names.push_back(otlp::name_of(s));
  const auto id = split_id(each.key);
  if (!id) {
    from.to().error(each.key_at, from.path(), id.error());
    return std::nullopt;
  }
  const auto signal = otlp::signal_named(id->type);
  if (!signal) {
    from.to().error(each.key_at, from.path(),
                    "unknown signal " + quoted(id->type) +
                        "; pipelines are traces, metrics, logs or profiles" +
                        hint(id->type, names));
  }
  return signal;
}

std::vector<pipeline_draft> read_pipelines(const section& from) {
  std::vector<pipeline_draft> out;
  if (from.sound() && from.entries().empty()) from.error_here("requires at least one pipeline");
  for (const entry& each : from.entries()) {
    const auto signal = read_signal(from, each);
    section body(from.to(), each.value, each.key_at, join_path(from.path(), each.key));
    pipeline_draft made;
    made.id = each.key;
    made.path = body.path();
    made.receivers = read_names(body, "receivers", true);
    made.processors = read_names(body, "processors", false);
    made.exporters = read_names(body, "exporters", true);
    body.finish();
    if (!signal) continue;
    made.signal = *signal;
    out.push_back(std::move(made));
  }
  return out;
}

void take_metrics_address(const section& from, std::string_view key, const std::string& text,
                          std::optional<zc::endpoint>& into) {
  auto parsed = parse_host_port(text, true);
  if (!parsed) return from.error(key, std::move(parsed.error()));
  into = std::move(*parsed);
}

void read_prometheus(section from, std::optional<zc::endpoint>& into) {
  std::string host = "localhost";
  std::uint16_t port = 8888;
  from.read("host", host);
  from.read("port", port);
  // Metrics are named as by the Collector's default reader, whatever is asked for.
  for (const std::string_view key :
       {"without_scope_info", "without_type_suffix", "without_units"}) {
    bool without = true;
    from.read(key, without);
    if (!without) from.warning(key, "has no effect: names have no suffixes, and no scope");
  }
  from.ignore("with_resource_constant_labels", shape::map);
  from.ignore("translation_strategy", shape::text);
  from.finish();
  const bool bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  take_metrics_address(from, "host",
                       (bare_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port), into);
}

void read_reader(section from, std::optional<zc::endpoint>& into) {
  section pull = from.below("pull");
  section exporter = pull.below("exporter");
  if (exporter.present("prometheus")) {
    read_prometheus(exporter.below("prometheus"), into);
  } else if (from.has("pull")) {
    pull.error_here("requires exporter::prometheus");
  }
  exporter.know("prometheus");
  exporter.finish();
  pull.unsupported({"cardinality_limits", "producers"});
  pull.finish();
  from.unsupported("periodic");
  if (!from.present("pull") && !from.present("periodic")) from.error_here("requires \"pull\"");
  from.finish();
}

// One reader is enough for one port; without any, nobody can see the metrics.
void read_readers(section& metrics, std::optional<zc::endpoint>& into) {
  into.reset();
  const std::string path = join_path(metrics.path(), "readers");
  const auto readers = metrics.list("readers");
  for (std::size_t i = 0; i < readers.size(); ++i) {
    std::optional<zc::endpoint> found;
    const std::string own_path = join_path(path, std::to_string(i));
    read_reader({metrics.to(), readers[i], readers[i].at, own_path}, found);
    if (!found) continue;
    if (into) {
      metrics.to().unsupported(readers[i].at, own_path,
                               "more than one pull reader is not supported yet");
    } else {
      into = std::move(found);
    }
  }
}

void read_metrics(section from, std::optional<zc::endpoint>& into) {
  enum class level : std::uint8_t { none, basic, normal, detailed };
  level shown = level::normal;
  from.read_choice("level", shown,
                   {{"none", level::none},
                    {"basic", level::basic},
                    {"normal", level::normal},
                    {"detailed", level::detailed}});
  std::string address;
  from.read("address", address);
  if (!address.empty()) take_metrics_address(from, "address", address, into);
  from.know("readers");
  if (from.has("readers")) read_readers(from, into);
  if (shown == level::none) into.reset();
  from.unsupported("views");
  from.finish();
}

bool is_console(std::string_view path) {
  return path == "stderr" || path == "stdout";
}

void read_logs(section from, log_level& into) {
  from.read_choice("level", into,
                   {{"debug", log_level::debug},
                    {"info", log_level::info},
                    {"warn", log_level::warn},
                    {"error", log_level::error},
                    {"dpanic", log_level::error},
                    {"panic", log_level::error},
                    {"fatal", log_level::error}});
  bool json = false;
  from.read_choice("encoding", json, {{"console", false}, {"json", true}});
  if (json) from.warning("encoding", "json is not supported yet: logs are written as plain lines");
  for (const std::string_view key : {"output_paths", "error_output_paths"}) {
    for (const placed_text& each : from.texts(key)) {
      if (is_console(each.text)) continue;
      from.to().unsupported(each.at, join_path(from.path(), key),
                            "logs in a file are not supported yet: write stderr");
    }
  }
  from.ignore({"development", "disable_caller", "disable_stacktrace", "disable_zap_resource"},
              shape::flag);
  from.ignore("sampling", shape::map);
  from.unsupported({"initial_fields", "processors"});
  from.finish();
}

void read_traces(section from) {
  from.ignore("level", shape::text);
  from.ignore("propagators", shape::list);
  from.unsupported("processors");
  from.finish();
}

// A list of {name, value, type}; only texts, as the old form has it.
void read_attributes(section& from, std::map<std::string, std::string>& into) {
  const std::string path = join_path(from.path(), "attributes");
  const auto attributes = from.list("attributes");
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    section each(from.to(), attributes[i], attributes[i].at, join_path(path, std::to_string(i)));
    std::string name;
    std::string type = "string";
    each.read("type", type);
    if (type != "string") each.not_yet("type", "only attributes of type string are supported yet");
    if (each.require("name", name)) each.read("value", into[name]);
    each.know("value");
    each.finish();
  }
}

// One attribute in the old form, where the keys of `resource` are their names.
void read_attribute(const section& from, const entry& each, gateway_settings& into) {
  if (each.value.kind == node_kind::null) {
    into.resource_removed.push_back(each.key);
  } else if (const std::string* text = text_of(each.value)) {
    into.resource[each.key] = *text;
  } else if (each.value.kind != node_kind::broken) {
    from.to().error(each.where(), join_path(from.path(), each.key),
                    "expected a text, got " + describe(each.value) +
                        (each.value.scalar() ? " (put it in quotes)" : ""));
  }
}

// The old form names attributes directly; the new one has a list of them below `attributes`.
void read_resource(section from, gateway_settings& into) {
  constexpr std::string_view others[] = {"detectors", "detection/development", "schema_url"};
  for (const std::string_view key : others) from.unsupported(key);
  for (const entry& each : from.entries()) {
    if (std::ranges::find(others, each.key) != std::end(others)) continue;
    if (each.key == "attributes" && each.value.kind == node_kind::list) {
      read_attributes(from, into.resource);
    } else {
      read_attribute(from, each, into);
    }
  }
}

void read_telemetry(section from, gateway_settings& into) {
  read_logs(from.below("logs"), into.level);
  read_metrics(from.below("metrics"), into.metrics_at);
  read_traces(from.below("traces"));
  read_resource(from.below("resource"), into);
  from.finish();
}

}  // namespace

service_draft read_service(section from, gateway_settings& into) {
  service_draft out;
  into.metrics_at = zc::endpoint{"localhost", 8888, {}};
  read_telemetry(from.below("telemetry"), into);
  out.extensions = from.texts("extensions");
  check_repeated(from, "extensions", out.extensions);
  out.pipelines = read_pipelines(from.below("pipelines"));
  from.finish();
  return out;
}

}  // namespace sluice::config
