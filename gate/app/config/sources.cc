#include "gate/app/config/sources.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace sluice::config {
namespace {

bool is_scheme_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '.' || c == '-';
}

// "env" of "env:NAME"; empty for a bare path. One letter is a drive, not a scheme.
std::string_view scheme_of(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos || colon < 2) return {};
  const std::string_view scheme = uri.substr(0, colon);
  return std::ranges::all_of(scheme, is_scheme_character) ? scheme : std::string_view();
}

// A map of one key around `value`, once for each part of a key "a::b::c".
node nest(std::string_view key, std::string_view separator, place key_at, node&& value) {
  const std::size_t cut = key.find(separator);
  node out;
  out.kind = node_kind::map;
  out.at = key_at;
  if (cut == std::string_view::npos) {
    out.entries.push_back({std::string(key), key_at, std::move(value)});
  } else {
    node inner = nest(key.substr(cut + separator.size()), separator, key_at, std::move(value));
    out.entries.push_back({std::string(key.substr(0, cut)), key_at, std::move(inner)});
  }
  return out;
}

// The Collector reads "a::b: 1" as {a: {b: 1}}.
node without_joined_keys(node&& root) {
  if (root.kind != node_kind::map) return std::move(root);
  node out;
  out.kind = node_kind::map;
  out.at = root.at;
  for (entry& each : root.entries) {
    merge(out, nest(each.key, "::", each.key_at, std::move(each.value)));
  }
  return out;
}

class source_reader {
 public:
  source_reader(const environment& env, const file_reader& files, const yaml_limits& limits,
                report& to)
      : env_(env), files_(files), limits_(limits), report_(to) {}

  void add(const std::string& uri) {
    const std::string_view scheme = scheme_of(uri);
    const std::string_view rest =
        scheme.empty() ? uri : std::string_view(uri).substr(scheme.size() + 1);
    if (scheme.empty() || scheme == "file") return add_file(rest);
    if (scheme == "env") return add_variable(rest);
    if (scheme == "yaml") return add_text(report_.add_source("--config yaml:"), rest, true);
    const std::uint32_t source = report_.add_source("--config");
    if (scheme == "http" || scheme == "https") {
      return report_.error({source, 0, 0}, {},
                           "configuration over " + std::string(scheme) + " is not supported yet");
    }
    report_.error({source, 0, 0}, {},
                  "unknown scheme " + quoted(scheme) +
                      "; known are file, env and yaml (write file:PATH for such a path)");
  }

  void set(const std::string& key, const std::string& value) {
    const std::uint32_t source = report_.add_source("--set " + key);
    const place at{source, 0, 0};
    const std::string dotted = "." + key + ".";
    if (dotted.find("..") != std::string::npos) {
      return report_.error(at, {},
                           "expected a key such as exporters.otlp.endpoint, got " + quoted(key));
    }
    if (static_cast<std::size_t>(std::ranges::count(key, '.')) >= limits_.depth_max) {
      return report_.error(at, {}, "nested too deep");
    }
    auto parsed = parse_yaml(value, source, limits_);
    if (!parsed) return problems(std::move(parsed.error()));
    move_to(*parsed, at);
    sets_ = true;
    merge(root_, nest(key, ".", at, std::move(*parsed)));
  }

  node finish() {
    const bool nothing = root_.entries.empty() && !sets_ && !report_.failed();
    for (const std::uint32_t source : empty_) {
      if (nothing) {
        report_.error({source, 0, 0}, {}, "the configuration is empty");
      } else {
        report_.warning({source, 0, 0}, {}, "the document is empty");
      }
    }
    return std::move(root_);
  }

 private:
  void add_file(std::string_view path) {
    const std::uint32_t source = report_.add_source(std::string(path));
    const zc::result<std::string> text = files_(path);
    if (!text) return report_.error({source, 0, 0}, {}, "cannot be read: " + why_not(text.error()));
    add_text(source, *text, false);
  }

  void add_variable(std::string_view name) {
    const std::uint32_t source = report_.add_source("env:" + std::string(name));
    const std::optional<std::string> text = env_(name);
    if (!text) return report_.error({source, 0, 0}, {}, "the environment variable is not set");
    add_text(source, *text, true);
  }

  void add_text(std::uint32_t source, std::string_view text, bool joined_keys) {
    auto parsed = parse_yaml(text, source, limits_);
    if (!parsed) return problems(std::move(parsed.error()));
    if (parsed->kind == node_kind::null) return empty_.push_back(source);
    if (parsed->kind != node_kind::map) {
      return report_.error(parsed->at, {}, "expected a map at the top, got " + describe(*parsed));
    }
    merge(root_, joined_keys ? without_joined_keys(std::move(*parsed)) : std::move(*parsed));
  }

  void problems(std::vector<yaml_problem>&& found) {
    for (yaml_problem& each : found)
      report_.error(each.at, std::move(each.path), std::move(each.message));
  }

  const environment& env_;
  const file_reader& files_;
  const yaml_limits& limits_;
  report& report_;
  node root_;
  std::vector<std::uint32_t> empty_;  // sources without content
  bool sets_ = false;
};

}  // namespace

node read_sources(const config_sources& from, const environment& env, const file_reader& files,
                  const yaml_limits& limits, report& to) {
  source_reader reader(env, files, limits, to);
  for (const std::string& each : from.configs) reader.add(each);
  for (const auto& [key, value] : from.sets) reader.set(key, value);
  if (from.configs.empty() && from.sets.empty()) {
    to.error({to.add_source("--config"), 0, 0}, {}, "no configuration was given");
  }
  return reader.finish();
}

}  // namespace sluice::config
