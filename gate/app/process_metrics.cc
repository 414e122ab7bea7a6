#include "gate/app/process_metrics.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <iterator>
#include <random>

#include <fmt/format.h>

#include "gate/app/version.h"
#include "gate/pipeline/engine/metrics_text.h"
#include "zc/base/ledger.h"
#include "zc/io/system.h"

namespace sluice {
namespace {

template <class... Args>
void series(std::string& to, std::string_view name, std::string_view kind, std::string_view help,
            fmt::format_string<Args...> rest, Args&&... args) {
  fmt::format_to(std::back_inserter(to), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, kind);
  fmt::format_to(std::back_inserter(to), rest, std::forward<Args>(args)...);
}

// Version 4: random.
std::string fresh_uuid() {
  std::random_device random;
  const auto draw = [&] { return (std::uint64_t{random()} << 32) | random(); };
  const std::uint64_t high = (draw() & ~std::uint64_t{0xf000}) | 0x4000;
  const std::uint64_t low = (draw() >> 2) | (std::uint64_t{1} << 63);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffff'ffff'ffff);
}

std::string label_name(std::string_view key) {
  std::string name(key);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); },
      '_');
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())))
    name.insert(name.begin(), '_');
  return name;
}

// Keys that only differ in what a label name cannot say share a label, as the Collector's do.
std::string labels_of(const std::map<std::string, std::string>& identity) {
  std::map<std::string, std::string> labels;
  for (const auto& [key, value] : identity) {
    const auto [at, fresh] = labels.emplace(label_name(key), value);
    if (!fresh) at->second += ";" + value;
  }
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!text.empty()) text += ',';
    const zc::cow_text shown = escape_label(value);
    fmt::format_to(std::back_inserter(text), "{}=\"{}\"", name, shown.view());
  }
  return text;
}

}  // namespace

std::map<std::string, std::string> identity_of(const gateway_settings& settings) {
  std::map<std::string, std::string> identity = settings.resource;
  identity.emplace("service.name", "sluice");
  identity.emplace("service.version", version);
  identity.emplace("service.instance.id", fresh_uuid());
  for (const std::string& key : settings.resource_removed) identity.erase(key);
  return identity;
}

std::string process_metrics_text(const zc::quota& memory, double uptime_seconds,
                                 const std::map<std::string, std::string>& identity) {
  std::string to;
  series(to, "otelcol_process_uptime", "counter", "Uptime of the process in seconds",
         "otelcol_process_uptime {:.3f}\n", uptime_seconds);
  series(to, "otelcol_process_cpu_seconds", "counter", "User and system CPU time",
         "otelcol_process_cpu_seconds {:.6f}\n",
         std::chrono::duration<double>(zc::io::cpu_time()).count());
  series(to, "otelcol_process_memory_rss", "gauge", "Resident memory in bytes",
         "otelcol_process_memory_rss {}\n", zc::io::resident_memory());
  series(to, "otelcol_process_runtime_total_sys_memory_bytes", "gauge", "Address space in bytes",
         "otelcol_process_runtime_total_sys_memory_bytes {}\n", zc::io::virtual_memory());

  series(to, "sluice_memory_payload_bytes", "gauge",
         "Memory retained for payload, blocks kept for reuse included",
         "sluice_memory_payload_bytes {}\n", memory.used());
  series(to, "sluice_memory_payload_bytes_peak", "gauge", "The most it has been",
         "sluice_memory_payload_bytes_peak {}\n", memory.peak());
  series(to, "sluice_memory_payload_bytes_limit", "gauge", "What --memory-limit grants",
         "sluice_memory_payload_bytes_limit {}\n", memory.limit());

  const zc::ledger::totals ledger = zc::ledger::read();
  series(to, "sluice_payload_received_bytes", "counter", "Payload that the kernel delivered",
         "sluice_payload_received_bytes {}\n", ledger.received);
  series(to, "sluice_payload_forwarded_bytes", "counter", "Payload handed on, once per destination",
         "sluice_payload_forwarded_bytes {}\n", ledger.forwarded);
  for (const bool made : {false, true}) {
    const std::string_view name =
        made ? "sluice_payload_produced_bytes" : "sluice_payload_copied_bytes";
    series(to, name, "counter",
           made ? "Payload made by compression and decompression" : "Payload copied in user space",
           "");
    for (std::size_t i = 0; i < zc::ledger::reasons; ++i) {
      const auto why = static_cast<zc::ledger::reason>(i);
      if (made != (why == zc::ledger::reason::inflate || why == zc::ledger::reason::deflate))
        continue;
      fmt::format_to(std::back_inserter(to), "{}{{reason=\"{}\"}} {}\n", name,
                     zc::ledger::name_of(why), ledger.bytes[i]);
    }
  }
  series(to, "sluice_payload_copied_per_forwarded_byte", "gauge",
         "User-space copies per byte forwarded",
         "sluice_payload_copied_per_forwarded_byte {:.6f}\n",
         ledger.forwarded == 0
             ? 0.0
             : static_cast<double>(ledger.copied()) / static_cast<double>(ledger.forwarded));

  series(to, "target_info", "gauge", "Target metadata", "target_info{{{}}} 1\n",
         labels_of(identity));
  return to;
}

std::uint64_t sum_of(std::span<const server_counters* const> shards,
                     const counter server_counters::* which) {
  std::uint64_t sum = 0;
  for (const server_counters* s : shards) sum += (s->*which).read();
  return sum;
}

std::string server_metrics_text(std::span<const server_counters* const> shards) {
  struct row {
    std::string_view name, kind, help;
    const counter server_counters::* which;
  };
  static constexpr row rows[] = {
      {"sluice_connections_accepted", "counter", "Connections accepted",
       &server_counters::accepted},
      {"sluice_connections_open", "gauge", "Connections open now", &server_counters::open},
      {"sluice_requests", "counter", "Requests taken", &server_counters::requests},
      {"sluice_requests_refused_memory", "counter",
       "Requests refused because the memory quota was used up", &server_counters::refused_memory},
      {"sluice_requests_refused_early", "counter", "Requests refused before their body was read",
       &server_counters::refused_early},
      {"sluice_protocol_errors", "counter", "Connections or streams that broke their protocol",
       &server_counters::protocol_errors},
      {"sluice_connections_timed_out", "counter", "Connections closed for lack of progress",
       &server_counters::timed_out},
      {"sluice_socket_received_bytes", "counter", "Bytes read from clients, framing included",
       &server_counters::bytes_received},
      {"sluice_socket_sent_bytes", "counter", "Bytes sent to clients",
       &server_counters::bytes_sent},
  };
  std::string to;
  for (const row& r : rows) {
    series(to, r.name, r.kind, r.help, "{} {}\n", r.name, sum_of(shards, r.which));
  }
  return to;
}

// Classes that were never used are left out.
std::string pool_metrics_text(std::span<const pool_counters* const> shards) {
  const auto sum = [&](auto&& of) {
    std::uint64_t all = 0;
    for (const pool_counters* p : shards) all += of(*p).read();
    return all;
  };
  std::string to;
  using in_class = pool_counters::of_class;
  struct row {
    std::string_view name, kind, help;
    const counter in_class::* which;
  };
  static constexpr row rows[] = {
      {"sluice_pool_hits", "counter", "Blocks served from those kept for reuse", &in_class::hits},
      {"sluice_pool_misses", "counter", "Blocks whose pages came from the system",
       &in_class::misses},
      {"sluice_pool_blocks_held", "gauge", "Blocks in use", &in_class::out},
      {"sluice_pool_blocks_kept", "gauge", "Free blocks kept for reuse", &in_class::kept},
  };
  for (const row& r : rows) {
    series(to, r.name, r.kind, r.help, "");
    for (std::size_t i = 0; i < zc::pool::classes; ++i) {
      if (sum([&](const pool_counters& p) -> const counter& { return p.of[i].misses; }) == 0)
        continue;
      fmt::format_to(
          std::back_inserter(to), "{}{{block_bytes=\"{}\"}} {}\n", r.name,
          zc::size_class::at(i).whole,
          sum([&](const pool_counters& p) -> const counter& { return p.of[i].*r.which; }));
    }
  }
  struct total {
    std::string_view name, kind, help;
    const counter pool_counters::* which;
  };
  static constexpr total totals[] = {
      {"sluice_pool_kept_bytes", "gauge", "Memory of free blocks kept for reuse",
       &pool_counters::cached_bytes},
      {"sluice_pool_returned", "counter", "Free blocks whose pages went back to the system",
       &pool_counters::returned},
      {"sluice_pool_refused", "counter", "Blocks refused because the memory quota was used up",
       &pool_counters::refused},
      {"sluice_pool_foreign", "counter", "Blocks given back by another shard",
       &pool_counters::foreign},
      {"sluice_pool_called", "counter", "Times that another shard asked for what was kept",
       &pool_counters::called},
      {"sluice_pool_blocks_sampled", "gauge", "Blocks in use whose taker is on record",
       &pool_counters::samples},
  };
  for (const total& t : totals) {
    series(to, t.name, t.kind, t.help, "{} {}\n", t.name,
           sum([&](const pool_counters& p) -> const counter& { return p.*t.which; }));
  }
  std::uint64_t oldest = 0;
  for (const pool_counters* p : shards) oldest = std::max(oldest, p->oldest_ms.read());
  series(to, "sluice_pool_oldest_block_seconds", "gauge",
         "How long the oldest sampled block has been in use",
         "sluice_pool_oldest_block_seconds {:.3f}\n", static_cast<double>(oldest) / 1000);
  return to;
}

}  // namespace sluice
