#include "gate/pipeline/exporters/otlp_text.h"

#include <array>
#include <span>
#include <string>
#include <utility>

#include "gate/otlp/walk.h"
#include "gate/pipeline/exporters/log_text.h"
#include "gate/pipeline/exporters/metric_text.h"
#include "gate/pipeline/exporters/otlp_page.h"
#include "gate/pipeline/exporters/span_text.h"
#include "zc/wire/protobuf/reader.h"

namespace sluice {
namespace {

using otlp::signal;
using zc::pb::reader;
using zc::pb::wire;
using message = otlp_page::message;

struct signal_words {
  std::string_view title;  // of the tally
  std::string_view resources;
  std::string_view items;
  std::string_view resource_x;  // detailed
  std::string_view scope_x;
  std::string_view brief_resource;  // normal
  std::string_view brief_scope;
};

const signal_words& words_of(signal s) noexcept {
  static constexpr std::array<signal_words, otlp::signals> words{{
      {"Traces", "resource spans", "spans", "ResourceSpans", "ScopeSpans", "ResourceTraces",
       "ScopeTraces"},
      {"Metrics", "resource metrics", "data points", "ResourceMetrics", "ScopeMetrics",
       "ResourceMetrics", "ScopeMetrics"},
      {"Logs", "resource logs", "log records", "ResourceLog", "ScopeLogs", "ResourceLog",
       "ScopeLog"},
      {"Profiles", "resource profiles", "profiles", "ResourceProfiles", "ScopeProfiles",
       "ResourceProfiles", "ScopeProfiles"},
  }};
  return words[static_cast<std::size_t>(s)];
}

// What is around the records: resources and scopes.
class printer {
 public:
  printer(signal s, otlp_page& page) noexcept
      : signal_(s), words_(words_of(s)), page_(page), out_(page.out()) {}

  bool request(message m) {
    std::uint64_t n = 0;
    return page_.fields(
        m, [&](reader& r) { return !r.is(1, wire::bytes) || resource_x(r.view(), n++); });
  }

 private:
  bool resource_x(message m, std::uint64_t n) {
    message resource;
    message schema;
    if (!page_.find(m, 1, resource) || !page_.find(m, 3, schema)) return false;
    if (page_.detailed()) {
      out_.heading(words_.resource_x, n);
      out_.line("Resource SchemaURL: ", shown(otlp_page::text_of(schema)));
      if (!page_.attributes(resource, 1, "Resource attributes")) return false;
    } else if (!brief_head(words_.brief_resource, n, schema, {}, {}, resource, 1)) {
      return false;
    }
    std::uint64_t scopes = 0;
    return page_.fields(
        m, [&](reader& r) { return !r.is(2, wire::bytes) || scope_x(r.view(), scopes++); });
  }
  bool brief_head(std::string_view what, std::uint64_t n, message schema, message name,
                  message version, message owner, std::uint32_t attributes_field) {
    out_.all(what, " #");
    out_.number(n);
    if (!name.empty() || !version.empty()) out_.all(" ", shown(otlp_page::text_of(name)));
    if (!version.empty()) out_.all("@", shown(otlp_page::text_of(version)));
    if (!schema.empty()) out_.all(" [", shown(otlp_page::text_of(schema)), "]");
    if (!page_.attributes(owner, attributes_field, {})) return false;
    out_.add("\n");
    return true;
  }

  bool scope_x(message m, std::uint64_t n) {
    message scope;
    message schema;
    message name;
    message version;
    if (!page_.find(m, 1, scope) || !page_.find(m, 3, schema)) return false;
    if (!page_.find(scope, 1, name) || !page_.find(scope, 2, version)) return false;
    if (page_.detailed()) {
      out_.heading(words_.scope_x, n);
      out_.line(words_.scope_x, " SchemaURL: ", shown(otlp_page::text_of(schema)));
      out_.line("InstrumentationScope ", shown(otlp_page::text_of(name)), " ",
                shown(otlp_page::text_of(version)));
      if (!page_.attributes(scope, 3, "InstrumentationScope attributes")) return false;
    } else if (!brief_head(words_.brief_scope, n, schema, name, version, scope, 3)) {
      return false;
    }
    std::uint64_t records = 0;
    return page_.fields(
        m, [&](reader& r) { return !r.is(2, wire::bytes) || record(r.view(), records++); });
  }

  bool record(message m, std::uint64_t n) {
    switch (signal_) {
      case signal::traces:
        return print_span(page_, m, n);
      case signal::logs:
        return print_log(page_, m, n);
      case signal::metrics:
        return print_metric(page_, m, n);
      case signal::profiles:
        return true;
    }
    return true;
  }

  signal signal_;
  const signal_words& words_;
  otlp_page& page_;
  sheet& out_;
};

// The fields `path` leads to, counted: {1, 2, 2} are the metrics of a request.
zc::result<std::uint64_t> count_at(message m, std::span<const std::uint32_t> path,
                                   std::size_t offset) {
  std::uint64_t n = 0;
  reader r(m, offset);
  while (r.next()) {
    if (!r.is(path.front(), wire::bytes)) continue;
    if (path.size() == 1) {
      n += 1;
      continue;
    }
    const auto inner = count_at(r.view(), path.subspan(1), r.value_at());
    if (!inner) return inner;
    n += *inner;
  }
  if (!r.ok()) return std::unexpected(r.failure());
  return n;
}

}  // namespace

zc::result<otlp_tally> tally(signal s, std::string_view request) {
  static constexpr std::array<std::uint32_t, 3> path{1, 2, 2};
  const message m = std::as_bytes(std::span(request));
  const auto resources = count_at(m, std::span(path).first(1), 0);
  if (!resources) return std::unexpected(resources.error());
  const auto records = count_at(m, path, 0);
  if (!records) return std::unexpected(records.error());
  otlp_tally t{*resources, 0, *records};
  if (s != signal::metrics) return t;
  t.metrics = *records;
  const auto points = otlp::count_items(s, zc::bytes_chain(zc::bytes::from_static(request)));
  if (!points) return std::unexpected(points.error());
  t.items = *points;
  return t;
}

std::string tally_text(signal s, const otlp_tally& t) {
  const signal_words& w = words_of(s);
  const auto field = [](std::string_view name, std::uint64_t n) {
    return "\"" + std::string(name) + "\": " + std::to_string(n);
  };
  std::string text(w.title);
  text += " {" + field(w.resources, t.resources) + ", ";
  if (s == signal::metrics) text += field("metrics", t.metrics) + ", ";
  return text + field(w.items, t.items) + "}";
}

zc::result<std::string> request_text(signal s, std::string_view request, debug_verbosity how,
                                     std::size_t bytes_max) {
  if (s == signal::profiles || how == debug_verbosity::basic) return std::string();
  otlp_page page(request, how, bytes_max);
  if (!printer(s, page).request(page.request())) return std::unexpected(page.failure());
  return std::move(page).take();
}

}  // namespace sluice
