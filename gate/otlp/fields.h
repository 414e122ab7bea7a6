// gate/otlp/fields.h - private to this room: OTLP's messages as a table of the fields that matter.
//
// Every field that matters is length-delimited. Anything else - scalars, bytes, unknown numbers,
// known numbers with another wire type - is passed over by its wire type alone, so it has no entry.
//
// Source: opentelemetry-proto, read as documentation; field numbers never change their meaning.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "gate/otlp/signal.h"
#include "zc/base/result.h"
#include "zc/mem/cursor.h"

namespace sluice::otlp::detail {

enum class kind : std::uint8_t {
  traces_request,
  metrics_request,
  logs_request,
  profiles_request,
  resource_spans,
  resource_metrics,
  resource_logs,
  resource_profiles,
  scope_spans,
  scope_metrics,
  scope_logs,
  scope_profiles,
  metric,
  number_data,  // Gauge and Sum
  histogram_data,
  exponential_data,
  summary_data,
  span,
  span_event,
  span_link,
  status,
  log_record,
  number_point,
  histogram_point,
  exponential_point,
  buckets,
  summary_point,
  exemplar,
  profile,
  sample,
  dictionary,
  mapping,
  location,
  link,
  key_value_and_unit,
  indices,  // a message of one repeated scalar in field 1: Stack
  resource,
  entity,
  scope,
  key_value,
  any_value,
  array_value,
  key_values,
  scalars,  // nothing inside but scalars
};
inline constexpr std::size_t kinds = static_cast<std::size_t>(kind::scalars) + 1;

enum class role : std::uint8_t {
  none,      // pass
  envelope,  // a message that leads to items
  member,    // the same, one of a oneof: the last member set wins
  item,      // a message that is an item
  message,   // any other message
  text,
  trace_id,
  span_id,
  packed_varints,
  packed_fixed64,
};

struct rule {
  role what = role::none;
  kind inside = kind::scalars;  // of messages
};

inline constexpr std::size_t numbers = 17;  // fields 0 to 16; higher ones never matter
using rule_table = std::array<std::array<rule, numbers>, kinds>;

constexpr rule_table make_rules() {
  rule_table t{};
  const auto row = [&t](kind k) -> auto& { return t[static_cast<std::size_t>(k)]; };
  const auto nested = [&](kind in, std::size_t n, kind k) { row(in)[n] = {role::message, k}; };
  const auto plain = [&](kind in, std::size_t n, role r) { row(in)[n] = {r, kind::scalars}; };

  // Request { ResourceX resource_x = 1 }, ResourceX { resource 1, scope_x 2, schema_url 3 },
  // ScopeX { scope 1, items 2, schema_url 3 }
  constexpr kind items[] = {kind::span, kind::metric, kind::log_record, kind::profile};
  for (std::size_t s = 0; s < signals; ++s) {
    const auto of = [s](kind first) {
      return static_cast<kind>(static_cast<std::size_t>(first) + s);
    };
    const kind request = of(kind::traces_request);
    const kind resource_x = of(kind::resource_spans);
    const kind scope_x = of(kind::scope_spans);
    row(request)[1] = {role::envelope, resource_x};
    nested(resource_x, 1, kind::resource);
    row(resource_x)[2] = {role::envelope, scope_x};
    plain(resource_x, 3, role::text);
    nested(scope_x, 1, kind::scope);
    row(scope_x)[2] = {items[s] == kind::metric ? role::envelope : role::item, items[s]};
    plain(scope_x, 3, role::text);
  }
  nested(kind::profiles_request, 2, kind::dictionary);

  nested(kind::resource, 1, kind::key_value);
  nested(kind::resource, 3, kind::entity);
  for (std::size_t n = 1; n <= 4; ++n) plain(kind::entity, n, role::text);
  plain(kind::scope, 1, role::text);
  plain(kind::scope, 2, role::text);
  nested(kind::scope, 3, kind::key_value);
  plain(kind::key_value, 1, role::text);
  nested(kind::key_value, 2, kind::any_value);
  plain(kind::any_value, 1, role::text);
  nested(kind::any_value, 5, kind::array_value);
  nested(kind::any_value, 6, kind::key_values);
  nested(kind::array_value, 1, kind::any_value);
  nested(kind::key_values, 1, kind::key_value);

  plain(kind::span, 1, role::trace_id);
  plain(kind::span, 2, role::span_id);
  plain(kind::span, 3, role::text);
  plain(kind::span, 4, role::span_id);
  plain(kind::span, 5, role::text);
  nested(kind::span, 9, kind::key_value);
  nested(kind::span, 11, kind::span_event);
  nested(kind::span, 13, kind::span_link);
  nested(kind::span, 15, kind::status);
  plain(kind::span_event, 2, role::text);
  nested(kind::span_event, 3, kind::key_value);
  plain(kind::span_link, 1, role::trace_id);
  plain(kind::span_link, 2, role::span_id);
  plain(kind::span_link, 3, role::text);
  nested(kind::span_link, 4, kind::key_value);
  plain(kind::status, 2, role::text);

  plain(kind::log_record, 3, role::text);
  nested(kind::log_record, 5, kind::any_value);
  nested(kind::log_record, 6, kind::key_value);
  plain(kind::log_record, 9, role::trace_id);
  plain(kind::log_record, 10, role::span_id);
  plain(kind::log_record, 12, role::text);

  for (std::size_t n = 1; n <= 3; ++n) plain(kind::metric, n, role::text);
  row(kind::metric)[5] = {role::member, kind::number_data};
  row(kind::metric)[7] = {role::member, kind::number_data};
  row(kind::metric)[9] = {role::member, kind::histogram_data};
  row(kind::metric)[10] = {role::member, kind::exponential_data};
  row(kind::metric)[11] = {role::member, kind::summary_data};
  nested(kind::metric, 12, kind::key_value);
  row(kind::number_data)[1] = {role::item, kind::number_point};
  row(kind::histogram_data)[1] = {role::item, kind::histogram_point};
  row(kind::exponential_data)[1] = {role::item, kind::exponential_point};
  row(kind::summary_data)[1] = {role::item, kind::summary_point};
  nested(kind::number_point, 5, kind::exemplar);
  nested(kind::number_point, 7, kind::key_value);
  plain(kind::histogram_point, 6, role::packed_fixed64);
  plain(kind::histogram_point, 7, role::packed_fixed64);
  nested(kind::histogram_point, 8, kind::exemplar);
  nested(kind::histogram_point, 9, kind::key_value);
  nested(kind::exponential_point, 1, kind::key_value);
  nested(kind::exponential_point, 8, kind::buckets);
  nested(kind::exponential_point, 9, kind::buckets);
  nested(kind::exponential_point, 11, kind::exemplar);
  plain(kind::buckets, 2, role::packed_varints);
  nested(kind::summary_point, 6, kind::scalars);
  nested(kind::summary_point, 7, kind::key_value);
  plain(kind::exemplar, 4, role::span_id);
  plain(kind::exemplar, 5, role::trace_id);
  nested(kind::exemplar, 7, kind::key_value);

  nested(kind::profile, 1, kind::scalars);
  nested(kind::profile, 2, kind::sample);
  nested(kind::profile, 5, kind::scalars);
  plain(kind::profile, 9, role::text);
  plain(kind::profile, 11, role::packed_varints);
  plain(kind::sample, 2, role::packed_varints);
  plain(kind::sample, 4, role::packed_varints);
  plain(kind::sample, 5, role::packed_fixed64);
  nested(kind::dictionary, 1, kind::mapping);
  nested(kind::dictionary, 2, kind::location);
  nested(kind::dictionary, 3, kind::scalars);  // Function
  nested(kind::dictionary, 4, kind::link);
  plain(kind::dictionary, 5, role::text);
  nested(kind::dictionary, 6, kind::key_value_and_unit);
  nested(kind::dictionary, 7, kind::indices);
  plain(kind::mapping, 5, role::packed_varints);
  nested(kind::location, 3, kind::scalars);  // Line
  plain(kind::location, 4, role::packed_varints);
  plain(kind::link, 1, role::trace_id);
  plain(kind::link, 2, role::span_id);
  nested(kind::key_value_and_unit, 2, kind::any_value);
  plain(kind::indices, 1, role::packed_varints);
  return t;
}
inline constexpr rule_table rules = make_rules();

// The rules for a message's length-delimited fields, by number; for numbers below `numbers`.
constexpr const std::array<rule, numbers>& rules_of(kind in) noexcept {
  return rules[static_cast<std::size_t>(in)];
}

// The rule for a length-delimited field.
constexpr rule rule_of(kind in, std::uint32_t number) noexcept {
  return number < numbers ? rules_of(in)[number] : rule{};
}

constexpr kind request_of(signal s) noexcept {
  return static_cast<kind>(static_cast<std::size_t>(kind::traces_request) +
                           static_cast<std::size_t>(s));
}
constexpr bool is_resource_x(kind k) noexcept {
  return k >= kind::resource_spans && k <= kind::resource_profiles;
}
inline constexpr std::uint32_t former_libraries = 1000;  // in ResourceX

// The items in the message of kind `in` that is the next `size` bytes of `at`.
zc::result<std::uint64_t> count_message(kind in, zc::chain_cursor at, std::size_t size);

}  // namespace sluice::otlp::detail
