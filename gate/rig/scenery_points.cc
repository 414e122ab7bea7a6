// The data points of rig/scenery.h: durations as histograms, counters as sums, levels as gauges.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gate/rig/scenery.h"

namespace sluice::rig {
namespace {

enum class shape : std::uint8_t { gauge, sum, histogram };
constexpr std::uint64_t cumulative = 2;
constexpr std::uint64_t hour = 3'600'000'000'000;

struct metric {
  std::string_view name, description, unit;
  shape as = shape::gauge;
  std::size_t scope = 0;
};

// Points are drawn in turn; with points_max that makes histograms, sums and gauges about 4 : 3 : 2.
constexpr std::array<metric, 10> metrics{{
    {"http.server.request.duration", "Duration of HTTP server requests.", "s", shape::histogram, 0},
    {"http.client.request.duration", "Duration of HTTP client requests.", "s", shape::histogram, 3},
    {"db.client.operation.duration", "Duration of database client operations.", "s",
     shape::histogram, 1},
    {"http.server.active_requests", "Number of active HTTP server requests.", "{request}",
     shape::sum, 0},
    {"messaging.client.sent.messages", "Number of messages producer attempted to send.",
     "{message}", shape::sum, 4},
    {"shop.orders.placed", "Orders placed, by outcome.", "{order}", shape::sum, 2},
    {"jvm.memory.used", "Measure of memory used.", "By", shape::gauge, 2},
    {"jvm.cpu.recent_utilization", "Recent CPU utilization for the process.", "1", shape::gauge, 2},
    {"db.client.connection.count", "Connections by state.", "{connection}", shape::gauge, 1},
    {"jvm.gc.duration", "Duration of JVM garbage collection actions.", "s", shape::histogram, 2},
}};

constexpr std::size_t points_max(shape s) noexcept {
  return s == shape::histogram ? 6 : s == shape::sum ? 5 : 4;
}

constexpr std::uint32_t attributes_field(shape s) noexcept {
  return s == shape::histogram ? 9 : 7;
}

void draw_labels(draft& p, const metric& m, dice& d) {
  static constexpr std::array<std::string_view, 6> routes{
      "/api/v1/products/{id}",    "/api/v1/cart/{userId}/items", "/api/v1/checkout",
      "/api/v2/orders/{orderId}", "/api/v1/recommendations",     "/api/v1/shipping/quote"};
  static constexpr std::array<std::string_view, 3> methods{"GET", "POST", "PUT"};
  static constexpr std::array<std::string_view, 5> tables{"orders", "order_items", "inventory",
                                                          "accounts", "products"};
  static constexpr std::array<std::string_view, 4> pools{"G1 Eden Space", "G1 Old Gen", "Metaspace",
                                                         "CodeCache"};
  const std::uint32_t f = attributes_field(m.as);
  switch (m.scope) {
    case 0:
    case 3:
      p.attribute(f, "http.request.method", d.pick(methods));
      p.attribute(f, "http.route", d.pick(routes));
      p.attribute(f, "http.response.status_code", d.chance(0.9) ? 200 : 503);
      p.attribute(f, "server.address", "shop-" + std::to_string(d.below(40)) + ".example.com");
      break;
    case 1:
      p.attribute(f, "db.system.name", "postgresql");
      p.attribute(f, "db.collection.name", d.pick(tables));
      p.attribute(f, "db.client.connection.pool.name", "orders-" + std::to_string(d.below(8)));
      break;
    case 4:
      p.attribute(f, "messaging.system", "kafka");
      p.attribute(f, "messaging.destination.name", "orders.created");
      p.attribute(f, "messaging.destination.partition.id", std::to_string(d.below(48)));
      break;
    default:
      p.attribute(f, "jvm.memory.pool.name", d.pick(pools));
      p.attribute(f, "jvm.memory.type", d.chance(0.5) ? "heap" : "non_heap");
      p.attribute(f, "app.worker", static_cast<std::int64_t>(d.below(32)));
      break;
  }
}

void draw_number(draft& p, const metric& m, dice& d) {
  p.fixed(2, epoch - hour);  // when the stream began: it stays
  p.time(3, epoch);
  if (m.unit == "1") {
    p.real(4, d.unit());
  } else {
    p.fixed(6, d.below(m.unit == "By" ? 900'000'000 : 90'000));
  }
  p.identity(7);
  draw_labels(p, m, d);
}

// Durations fall around one bound and thin out on both sides.
void draw_histogram(draft& p, const metric& m, dice& d) {
  static const std::vector<double> bounds{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                          0.5,   0.75, 1,     2.5,  5,     7.5, 10};
  std::vector<std::uint64_t> counts(bounds.size() + 1, 0);
  const std::size_t top = d.between(1, 6);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::size_t away = i > top ? i - top : top - i;
    counts[i] = away > 5 ? 0 : d.below(std::uint64_t{40'000} >> (2 * away));
    total += counts[i];
  }
  p.fixed(2, epoch - hour);
  p.time(3, epoch);
  p.fixed(4, total);
  p.real(5, static_cast<double>(total) * bounds[top] * (0.5 + d.unit()));
  p.packed(6, counts);
  p.packed(7, bounds);
  p.identity(9);
  draw_labels(p, m, d);
  p.real(11, bounds[0] * d.unit());
  p.real(12, bounds[std::min(top + 5, bounds.size() - 1)] * (1 + d.unit()));
}

void draw_data(draft& into, const metric& m, std::size_t points, dice& d) {
  for (std::size_t i = 0; i < points; ++i) {
    into.message(1, [&] {
      m.as == shape::histogram ? draw_histogram(into, m, d) : draw_number(into, m, d);
    });
  }
  if (m.as != shape::gauge) into.number(2, cumulative);
  if (m.as == shape::sum) into.number(3, m.unit == "{request}" ? 0 : 1);
}

void draw_metric(draft& into, const metric& m, std::size_t points, dice& d) {
  into.text(1, m.name);
  into.text(2, m.description);
  into.text(3, m.unit);
  const std::uint32_t field = m.as == shape::gauge ? 5 : m.as == shape::sum ? 7 : 9;
  into.message(field, [&] { draw_data(into, m, points, d); });
}

struct metric_sketch : sketch {
  const metric* what = nullptr;
  std::size_t points = 0;
};

}  // namespace

void draw_points(draft& into, std::size_t items, dice& d) {
  std::vector<metric_sketch> drawn;
  draft paper(paper_bytes);
  for (std::size_t turn = d.below(metrics.size()); items > 0; ++turn) {
    const metric& m = metrics[turn % metrics.size()];
    const std::size_t points = std::min<std::size_t>(items, d.between(1, points_max(m.as)));
    const dice at = d;
    paper.clear();
    draw_metric(paper, m, points, d);
    drawn.push_back({{m.scope, paper.size(), at}, &m, points});
    items -= points;
  }
  write_scopes(into, otlp::signal::metrics, drawn, [&](const metric_sketch& m) {
    dice again = m.at;
    draw_metric(into, *m.what, m.points, again);
  });
}

}  // namespace sluice::rig
