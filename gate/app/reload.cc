#include "gate/app/reload.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

bool same(const zc::endpoint& a, const zc::endpoint& b) {
  return a.host == b.host && a.port == b.port && a.unix_path == b.unix_path;
}
template <class T>
bool same(const T& a, const T& b) {
  return a == b;
}

class comparison {
 public:
  explicit comparison(reload_plan& into) noexcept : into_(into) {}

  // `now` is of the effective settings: it takes over what is new.
  template <class T>
  void may_change(const std::string& key, T& now, const T& next) {
    if (same(now, next)) return;
    now = next;
    into_.changed.push_back(key);
  }
  template <class T>
  void must_stay(const std::string& key, const T& now, const T& next) {
    if (!same(now, next)) into_.needs_restart.push_back(key);
  }

  // Calls each(now, next, key) for what is in both; nodes that came or went need a restart.
  template <class Node, class Each>
  void nodes(const std::string& section, std::vector<Node>& now, const std::vector<Node>& next,
             Each&& each) {
    for (Node& n : now) {
      const Node* const other = find(next, n.id);
      if (other == nullptr) {
        into_.needs_restart.push_back(section + "." + n.id);
      } else {
        each(n, *other, section + "." + n.id);
      }
    }
    for (const Node& n : next) {
      if (find(now, n.id) == nullptr) into_.needs_restart.push_back(section + "." + n.id);
    }
  }

 private:
  template <class Node>
  static const Node* find(const std::vector<Node>& all, const std::string& id) {
    const auto at = std::find_if(all.begin(), all.end(), [&](const Node& n) { return n.id == id; });
    return at == all.end() ? nullptr : &*at;
  }

  reload_plan& into_;
};

void compare_receiver(comparison& c, otlp_receiver_settings& now,
                      const otlp_receiver_settings& next, const std::string& key) {
  c.may_change(key + ".inspect", now.inspect, next.inspect);
  const auto protocol = [](const otlp_listener_settings& l) { return l.grpc ? "grpc" : "http"; };
  for (const otlp_listener_settings& l : now.listeners) {
    const std::string at = key + ".protocols." + protocol(l);
    const auto other =
        std::find_if(next.listeners.begin(), next.listeners.end(),
                     [&](const otlp_listener_settings& o) { return o.grpc == l.grpc; });
    if (other == next.listeners.end()) {
      c.must_stay(at, true, false);
      continue;
    }
    c.must_stay(at + ".endpoint", l.at, other->at);
    c.must_stay(at + (l.grpc ? ".max_recv_msg_size_mib" : ".max_request_body_size"),
                std::pair(l.message_bytes_max, l.inflated_bytes_max),
                std::pair(other->message_bytes_max, other->inflated_bytes_max));
    c.must_stay(at + ".max_concurrent_streams", l.max_concurrent_streams,
                other->max_concurrent_streams);
    c.must_stay(at + ".include_metadata", l.include_metadata, other->include_metadata);
    for (const otlp::signal s : otlp::all_signals) {
      const auto path = [&](const otlp_listener_settings& of) {
        const auto found = of.url_paths.find(s);
        return found == of.url_paths.end() ? std::string() : found->second;
      };
      c.must_stay(at + "." + std::string(otlp::name_of(s)) + "_url_path", path(l), path(*other));
    }
  }
  for (const otlp_listener_settings& l : next.listeners) {
    const bool known =
        std::any_of(now.listeners.begin(), now.listeners.end(),
                    [&](const otlp_listener_settings& o) { return o.grpc == l.grpc; });
    if (!known) c.must_stay(key + ".protocols." + protocol(l), false, true);
  }
}

void compare_batch(comparison& c, batch_settings& now, const batch_settings& next,
                   const std::string& key) {
  c.may_change(key + ".timeout", now.timeout, next.timeout);
  c.may_change(key + ".send_batch_size", now.send_batch_size, next.send_batch_size);
  c.may_change(key + ".send_batch_max_size", now.send_batch_max_size, next.send_batch_max_size);
}

void compare_otlp(comparison& c, exporter_settings& now, const exporter_settings& next,
                  const std::string& key) {
  otlp_exporter_settings& o = now.otlp;
  const otlp_exporter_settings& n = next.otlp;
  c.may_change(key + ".headers", o.headers, n.headers);
  c.may_change(key + ".timeout", o.timeout, n.timeout);
  c.must_stay(key + ".endpoint", o.to, n.to);
  c.must_stay(key + ".endpoint", o.base_path, n.base_path);
  c.must_stay(key + ".authority", o.authority, n.authority);
  for (const otlp::signal s : otlp::all_signals) {
    const auto path = [&](const otlp_exporter_settings& of) {
      const auto found = of.paths.find(s);
      return found == of.paths.end() ? std::string() : found->second;
    };
    c.must_stay(key + "." + std::string(otlp::name_of(s)) + "_endpoint", path(o), path(n));
  }
  c.must_stay(key + ".compression", o.compression, n.compression);
  c.must_stay(key + ".compression_params.level", o.compression_level, n.compression_level);
  c.must_stay(key + ".user_agent", o.user_agent, n.user_agent);

  retry_settings& r = now.retry;
  const std::string retry = key + ".retry_on_failure.";
  c.may_change(retry + "enabled", r.enabled, next.retry.enabled);
  c.may_change(retry + "initial_interval", r.initial_interval, next.retry.initial_interval);
  c.may_change(retry + "randomization_factor", r.randomization_factor,
               next.retry.randomization_factor);
  c.may_change(retry + "multiplier", r.multiplier, next.retry.multiplier);
  c.may_change(retry + "max_interval", r.max_interval, next.retry.max_interval);
  c.may_change(retry + "max_elapsed_time", r.max_elapsed_time, next.retry.max_elapsed_time);

  queue_settings& q = now.queue;
  const std::string queue = key + ".sending_queue.";
  // Sizes of two sizers do not compare.
  if (q.sizer == next.queue.sizer) {
    c.may_change(queue + "queue_size", q.queue_size, next.queue.queue_size);
  }
  c.must_stay(queue + "sizer", q.sizer, next.queue.sizer);
  c.may_change(queue + "block_on_overflow", q.block_on_overflow, next.queue.block_on_overflow);
  c.must_stay(queue + "enabled", q.enabled, next.queue.enabled);
  c.must_stay(queue + "num_consumers", q.num_consumers, next.queue.num_consumers);
  c.must_stay(queue + "wait_for_result", q.wait_for_result, next.queue.wait_for_result);
}

void compare_exporter(comparison& c, exporter_settings& now, const exporter_settings& next,
                      const std::string& key) {
  if (now.kind != next.kind) return c.must_stay(key, now.kind, next.kind);
  switch (now.kind) {
    case exporter_kind::otlp_grpc:
    case exporter_kind::otlp_http:
      return compare_otlp(c, now, next, key);
    case exporter_kind::debug:
      c.may_change(key + ".verbosity", now.debug.verbosity, next.debug.verbosity);
      c.may_change(key + ".sampling_initial", now.debug.sampling_initial,
                   next.debug.sampling_initial);
      c.may_change(key + ".sampling_thereafter", now.debug.sampling_thereafter,
                   next.debug.sampling_thereafter);
      return;
    case exporter_kind::file:
      c.must_stay(key + ".path", now.file.path, next.file.path);
      c.must_stay(key + ".append", now.file.append, next.file.append);
      c.must_stay(key + ".create_directory", now.file.create_directory, next.file.create_directory);
      c.must_stay(key + ".compression", now.file.zstd, next.file.zstd);
      c.must_stay(key + ".rotation", now.file.rotate_megabytes_max, next.file.rotate_megabytes_max);
      c.must_stay(key + ".rotation", now.file.rotate_backups_max, next.file.rotate_backups_max);
      return;
    case exporter_kind::nop:
      return;
  }
}

void compare_service(comparison& c, gateway_settings& now, const gateway_settings& next) {
  c.nodes("service.pipelines", now.pipelines, next.pipelines,
          [&](pipeline_settings& p, const pipeline_settings& n, const std::string& key) {
            c.must_stay(key + ".receivers", p.receivers, n.receivers);
            c.must_stay(key + ".processors", p.processors, n.processors);
            c.must_stay(key + ".exporters", p.exporters, n.exporters);
          });
  const bool both = now.health_check && next.health_check;
  c.must_stay("extensions.health_check", now.health_check.has_value(),
              next.health_check.has_value());
  if (both) {
    c.must_stay("extensions.health_check.endpoint", now.health_check->at, next.health_check->at);
    c.must_stay("extensions.health_check.path", now.health_check->path, next.health_check->path);
  }
  const zc::endpoint nowhere;
  c.must_stay("service.telemetry.metrics", now.metrics_at.value_or(nowhere),
              next.metrics_at.value_or(nowhere));
  c.must_stay("service.telemetry.resource", std::pair(now.resource, now.resource_removed),
              std::pair(next.resource, next.resource_removed));
  c.may_change("service.telemetry.logs.level", now.level, next.level);
}

void sort_unique(std::vector<std::string>& keys) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
}

}  // namespace

reload_plan plan_reload(const gateway_settings& running, const gateway_settings& next) {
  reload_plan plan{running, {}, {}};
  comparison c(plan);
  gateway_settings& now = plan.effective;
  c.nodes("receivers", now.receivers, next.receivers,
          [&](auto& a, const auto& b, const auto& key) { compare_receiver(c, a, b, key); });
  c.nodes("processors", now.batch_processors, next.batch_processors,
          [&](auto& a, const auto& b, const auto& key) { compare_batch(c, a, b, key); });
  c.nodes("exporters", now.exporters, next.exporters,
          [&](auto& a, const auto& b, const auto& key) { compare_exporter(c, a, b, key); });
  compare_service(c, now, next);
  sort_unique(plan.changed);
  sort_unique(plan.needs_restart);
  return plan;
}

}  // namespace sluice
