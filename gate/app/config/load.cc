#include "gate/app/config/load.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <unordered_map>
#include <utility>

#include "gate/app/config/catalogue.h"
#include "gate/app/config/components.h"
#include "gate/app/config/id.h"
#include "gate/app/config/nearest.h"
#include "gate/app/config/section.h"
#include "gate/app/config/service.h"
#include "gate/pipeline/engine/fanout.h"

namespace sluice {
namespace config {
namespace {

// Something that is defined in one of the sections receivers, processors, ...
struct declared {
  const entry* body = nullptr;
  std::string path;                                // "exporters::otlp/eu"
  const supported_component* component = nullptr;  // null: not one of ours
  bool used = false;
  std::vector<otlp::signal> without;  // signals it has no address for
};

// All definitions of one kind, by id.
struct declared_kind {
  component_kind kind = component_kind::receiver;
  std::vector<declared> all;
  std::unordered_map<std::string_view, std::size_t> by_id;

  declared* find(std::string_view id) {
    const auto found = by_id.find(id);
    return found == by_id.end() ? nullptr : &all[found->second];
  }
};

class loader {
 public:
  loader(report& to, const node& root) : report_(to), root_(root) {}

  gateway_settings load() {
    section top(report_, root_, {0, 0, 0}, {});
    for (std::size_t i = 0; i < all_component_kinds.size(); ++i) {
      kinds_[i].kind = all_component_kinds[i];
      collect(kinds_[i], top.below(section_of(all_component_kinds[i])));
    }
    if (!top.has("service") && top.sound())
      top.error_here("requires \"service\", with at least one pipeline");
    const bool has_service = top.has("service");
    section service = top.below("service");
    if (has_service) draft_ = read_service(std::move(service), out_);
    top.finish();
    for (const pipeline_draft& each : draft_.pipelines) resolve(each);
    for (const placed_text& each : draft_.extensions) {
      refer({&of(component_kind::extension)}, each, "service::extensions");
    }
    for (declared_kind& kind : kinds_) build_all(kind);
    for (const pipeline_draft& each : draft_.pipelines) check_signals(each);
    check_fan_outs();
    check_listeners();
    check_files();
    return std::move(out_);
  }

 private:
  declared_kind& of(component_kind kind) { return kinds_[static_cast<std::size_t>(kind)]; }

  static void collect(declared_kind& into, const section& from) {
    for (const entry& each : from.entries()) {
      into.by_id.emplace(each.key, into.all.size());
      into.all.push_back({&each, join_path(from.path(), each.key), nullptr, false, {}});
    }
  }

  // Marks what a pipeline names as used, looking in each of `where`.
  void refer(std::initializer_list<declared_kind*> where, const placed_text& name,
             const std::string& path) {
    for (declared_kind* kind : where) {
      if (declared* found = kind->find(name.text)) {
        found->used = true;
        return;
      }
    }
    const component_kind kind = (*where.begin())->kind;
    std::string message = std::string(name_of(kind)) + " " + quoted(name.text) + " is not defined";
    if (!report_.full()) message.append(hint(name.text, defined_in(where)));
    report_.error(name.at, path, std::move(message));
  }

  static std::vector<std::string_view> defined_in(std::initializer_list<declared_kind*> where) {
    std::vector<std::string_view> out;
    for (const declared_kind* kind : where) {
      for (const declared& each : kind->all) out.push_back(each.body->key);
    }
    return out;
  }

  void resolve(const pipeline_draft& draft) {
    declared_kind& connectors = of(component_kind::connector);
    pipeline_settings made;
    made.id = draft.id;
    made.signal = draft.signal;
    for (const placed_text& each : draft.receivers) {
      refer({&of(component_kind::receiver), &connectors}, each, join_path(draft.path, "receivers"));
      made.receivers.push_back(each.text);
    }
    for (const placed_text& each : draft.processors) {
      refer({&of(component_kind::processor)}, each, join_path(draft.path, "processors"));
      made.processors.push_back(each.text);
    }
    for (const placed_text& each : draft.exporters) {
      refer({&of(component_kind::exporter), &connectors}, each, join_path(draft.path, "exporters"));
      made.exporters.push_back(each.text);
    }
    out_.pipelines.push_back(std::move(made));
  }

  // Finds out what a definition is; false: nothing that could be built.
  bool identify(component_kind kind, declared& each) {
    const place at = each.body->key_at;
    const auto id = split_id(each.body->key);
    if (!id) {
      report_.error(at, std::string(section_of(kind)), id.error());
      return false;
    }
    each.component = find_supported(kind, id->type);
    if (each.component != nullptr) return true;
    const std::string name = std::string(name_of(kind)) + " " + quoted(id->type);
    const auto known = known_components(kind);
    if (const std::string_view now = successor_of(kind, id->type); !now.empty()) {
      report_.error(
          at, each.path,
          name + " was removed from the Collector; what took its place is " + std::string(now));
    } else if (std::ranges::binary_search(known, id->type)) {
      report_.unsupported(at, each.path, name + " is not supported yet");
    } else {
      report_.error(at, each.path,
                    "unknown " + name + (report_.full() ? std::string() : hint(id->type, known)));
    }
    return false;
  }

  void build_all(declared_kind& kind) {
    for (declared& each : kind.all) {
      const report::lenient unused(report_, !each.used);
      if (identify(kind.kind, each)) build(kind.kind, each);
      if (each.used) continue;
      report_.warning(each.body->key_at, each.path,
                      kind.kind == component_kind::extension
                          ? "is not listed in service::extensions and will not be started"
                          : "is not used by any pipeline and will not be built");
    }
  }

  void build(component_kind kind, declared& each) {
    const component_body body{each.body->key, each.body->value, each.body->key_at, each.path};
    switch (kind) {
      case component_kind::receiver:
        return keep(out_.receivers, each, read_otlp_receiver(report_, body));
      case component_kind::processor:
        return keep(out_.batch_processors, each, read_batch(report_, body));
      case component_kind::exporter:
        return keep(out_.exporters, each, build_exporter(each, body));
      case component_kind::extension:
        return keep_health_check(each, read_health_check(report_, body));
      case component_kind::connector:
        break;  // none is ours
    }
  }

  exporter_settings build_exporter(declared& each, const component_body& body) {
    const std::string_view alias = each.component->alias_of;
    const std::string_view type = alias.empty() ? each.component->type : alias;
    if (type == "otlp_grpc") return read_otlp_grpc_exporter(report_, body);
    if (type == "file") return read_file_exporter(report_, body);
    if (type == "debug") return read_debug_exporter(report_, body);
    if (type == "nop") return read_nop_exporter(report_, body);
    otlp_http_exporter http = read_otlp_http_exporter(report_, body);
    each.without = std::move(http.without);
    return std::move(http.settings);
  }

  template <class T>
  static void keep(std::vector<T>& to, const declared& each, T made) {
    if (each.used) to.push_back(std::move(made));
  }

  void keep_health_check(const declared& each, health_check_settings&& made) {
    if (!each.used) return;
    if (out_.health_check) {
      report_.unsupported(each.body->key_at, each.path,
                          "more than one health_check is not supported yet");
      return;
    }
    health_check_path_ = each.path;
    health_check_at_ = each.body->key_at;
    out_.health_check = std::move(made);
  }

  // Whether each component can do what its pipeline's signal needs.
  void check_signals(const pipeline_draft& draft) {
    const auto check = [&](component_kind kind, std::string_view key,
                           const std::vector<placed_text>& names) {
      for (const placed_text& name : names) {
        const declared* found = of(kind).find(name.text);
        if (found == nullptr || found->component == nullptr) continue;
        check_signal(draft, kind, *found, name, join_path(draft.path, key));
      }
    };
    check(component_kind::receiver, "receivers", draft.receivers);
    check(component_kind::processor, "processors", draft.processors);
    check(component_kind::exporter, "exporters", draft.exporters);
  }

  void check_signal(const pipeline_draft& draft, component_kind kind, const declared& found,
                    const placed_text& name, const std::string& path) {
    const std::string what = std::string(name_of(kind)) + " " + quoted(name.text);
    const std::string signal(otlp::name_of(draft.signal));
    if (!found.component->supports(draft.signal)) {
      report_.error(name.at, path, what + " does not work for " + signal);
    } else if (std::ranges::find(found.without, draft.signal) != found.without.end()) {
      report_.error(name.at, path,
                    what + " has no address for " + signal + ": write \"endpoint\" or \"" + signal +
                        "_endpoint\"");
    }
  }

  // Two listeners cannot share an address; the second to start would fail.
  void check_listeners() {
    std::unordered_map<std::string, std::string> taken;
    const auto take = [&](const zc::endpoint& at, const std::string& who, place where) {
      if (at.unix_path.empty() && at.port == 0) return;
      const auto [first, fresh] = taken.emplace(at.text(), who);
      if (fresh) return;
      report_.error(where, who,
                    "listens on " + quoted(at.text()) + ", and so does " + first->second);
    };
    for (const otlp_receiver_settings& each : out_.receivers) {
      const declared* from = of(component_kind::receiver).find(each.id);
      for (const otlp_listener_settings& listener : each.listeners) {
        take(listener.at, from->path + (listener.grpc ? "::protocols::grpc" : "::protocols::http"),
             from->body->key_at);
      }
    }
    if (out_.health_check) take(out_.health_check->at, health_check_path_, health_check_at_);
    if (out_.metrics_at) take(*out_.metrics_at, "service::telemetry::metrics", {0, 0, 0});
  }

  // A batch goes to so many consumers at most: exporters of a pipeline, pipelines of a receiver.
  void check_fan_out(std::size_t n, place at, const std::string& path, const std::string& of_what) {
    constexpr std::size_t most = fanout::consumers_max;
    if (n <= most) return;
    report_.error(
        at, path,
        std::to_string(n) + " " + of_what + " are too many: at most " + std::to_string(most));
  }

  void check_fan_outs() {
    for (const pipeline_draft& each : draft_.pipelines) {
      if (each.exporters.empty()) continue;
      check_fan_out(each.exporters.size(), each.exporters.back().at,
                    join_path(each.path, "exporters"), "exporters in one pipeline");
    }
    for (const declared& each : of(component_kind::receiver).all) {
      for (const otlp::signal kind : otlp::all_signals) {
        const auto feeds = [&](const pipeline_draft& p) {
          return p.signal == kind && std::ranges::any_of(p.receivers, [&](const placed_text& name) {
                   return name.text == each.body->key;
                 });
        };
        const auto n = static_cast<std::size_t>(std::ranges::count_if(draft_.pipelines, feeds));
        check_fan_out(n, each.body->key_at, each.path,
                      "pipelines of " + std::string(otlp::name_of(kind)));
      }
    }
  }

  // Two exporters that write one file would tear each other's records.
  void check_files() {
    std::unordered_map<std::string, std::string> taken;
    for (const exporter_settings& each : out_.exporters) {
      if (each.kind != exporter_kind::file || each.file.path.empty()) continue;
      const declared* from = of(component_kind::exporter).find(each.id);
      const auto [first, fresh] = taken.emplace(each.file.path, from->path);
      if (fresh) continue;
      report_.error(from->body->key_at, from->path, "writes to the same file as " + first->second);
    }
  }

  report& report_;
  const node& root_;
  std::array<declared_kind, all_component_kinds.size()> kinds_;
  service_draft draft_;
  std::string health_check_path_;
  place health_check_at_;
  gateway_settings out_;
};

}  // namespace
}  // namespace config

std::expected<gateway_settings, diagnostics> load(const config_sources& from,
                                                  const environment& env, const file_reader& files,
                                                  diagnostics* remarks) {
  const config::expand_limits limits;
  config::report found;
  config::node root = config::read_sources(from, env, files, limits.yaml, found);
  gateway_settings settings;
  if (!found.failed()) {
    config::expand(root, env, files, limits, found);
    settings = config::loader(found, root).load();
  }
  diagnostics all = found.take();
  if (!all.errors.empty()) return std::unexpected(std::move(all));
  if (remarks != nullptr) *remarks = std::move(all);
  return settings;
}

environment system_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

file_reader system_files() {
  return [](std::string_view path) -> zc::result<std::string> {
    errno = 0;
    std::ifstream in{std::string(path), std::ios::binary};
    if (!in) return zc::fail_os(errno != 0 ? errno : ENOENT, "cannot be opened");
    const std::size_t most = config::yaml_limits{}.text_bytes_max + 1;
    std::string text(most, '\0');
    in.read(text.data(), static_cast<std::streamsize>(most));
    // A folder opens like a file and fails when it is read.
    if (in.bad()) return zc::fail_os(errno != 0 ? errno : EIO, "cannot be read");
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() == most) return zc::fail(zc::errc::too_large, "larger than 1 MiB");
    return text;
  };
}

}  // namespace sluice
