// The spans of rig/scenery.h: traces of about ten spans, whose parts fall into the scopes of their
// kinds.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gate/rig/scenery.h"

namespace sluice::rig {
namespace {

enum kind : std::uint64_t { internal = 1, server = 2, client = 3, producer = 4, consumer = 5 };
constexpr std::uint64_t status_error = 2;
constexpr std::uint32_t flags_sampled = 0x101;  // sampled, and known whether the parent is remote

constexpr std::array<std::string_view, 8> routes{"/api/v1/products/{id}",
                                                 "/api/v1/cart/{userId}/items",
                                                 "/api/v1/checkout",
                                                 "/api/v2/orders/{orderId}",
                                                 "/api/v1/recommendations",
                                                 "/api/v1/shipping/quote",
                                                 "/api/v2/accounts/{id}/address",
                                                 "/api/v1/search"};
constexpr std::array<std::string_view, 4> methods{"GET", "GET", "POST", "PUT"};
constexpr std::array<std::string_view, 6> queries{
    "SELECT o.id, o.user_id, o.status, o.total_cents, o.currency, o.created_at FROM orders o "
    "JOIN order_items i ON i.order_id = o.id WHERE o.user_id = $1 AND o.status IN ($2, $3) ORDER "
    "BY "
    "o.created_at DESC LIMIT $4",
    "INSERT INTO order_items (order_id, product_id, quantity, unit_price_cents, discount_cents, "
    "tax_cents) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (order_id, product_id) DO UPDATE SET "
    "quantity = EXCLUDED.quantity",
    "UPDATE inventory SET reserved = reserved + $1, updated_at = now() WHERE product_id = $2 AND "
    "warehouse_id = $3 AND on_hand - reserved >= $1 RETURNING on_hand, reserved",
    "SELECT p.id, p.sku, p.name, p.description, p.picture, p.price_cents, c.name AS category FROM "
    "products p LEFT JOIN categories c ON c.id = p.category_id WHERE p.id = ANY($1) AND "
    "p.deleted_at "
    "IS NULL",
    "SELECT a.street, a.city, a.state, a.zip_code, a.country FROM accounts u JOIN addresses a ON "
    "a.account_id = u.id WHERE u.id = $1 AND a.is_default = true FOR SHARE",
    "DELETE FROM cart_items WHERE cart_id = $1 AND updated_at < now() - interval '30 days'"};
constexpr std::array<std::string_view, 6> query_names{"SELECT orders",    "INSERT order_items",
                                                      "UPDATE inventory", "SELECT products",
                                                      "SELECT accounts",  "DELETE cart_items"};
constexpr std::array<std::string_view, 8> steps{
    "CheckoutService.prepareOrder", "PricingEngine.applyDiscounts", "CartService.mergeItems",
    "CurrencyConverter.convert",    "OrderMapper.toEntity",         "TaxCalculator.compute",
    "RecommendationModel.score",    "InventoryService.reserve"};
constexpr std::array<std::string_view, 5> topics{
    "orders.created", "orders.paid", "inventory.reserved", "shipping.requested", "email.outbox"};
constexpr std::array<std::string_view, 5> agents{
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 "
    "Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "okhttp/4.12.0",
    "shop-android/7.3.1 (Android 15)"};

std::string address(dice& d) {
  return phrase().add("10.4.").add(d.below(64)).add(".").add(d.below(256)).take();
}

// A trace that is being drawn: its spans hang on earlier ones.
struct trace {
  std::uint64_t high = 0, low = 0;
  std::array<std::uint64_t, 16> spans{};
  std::size_t size = 0;
  std::uint64_t start = 0;
};

void begin(trace& t, dice& d) {
  t.high = d.next();
  t.low = d.next();
  t.size = 0;
  t.start = epoch - d.between(2'000'000, 900'000'000);
}

void http_attributes(draft& s, dice& d, bool failed) {
  const std::string_view route = routes[d.below(routes.size())];
  s.attribute(9, "http.request.method", d.pick(methods));
  s.attribute(9, "http.response.status_code", failed ? 500 : 200);
  s.attribute(9, "http.route", route);
  s.attribute(9, "url.scheme", "https");
  s.attribute(9, "url.path", std::string(route.substr(0, route.find('{'))) + d.hex(12));
  s.attribute(9, "url.query", "session=" + d.hex(16) + "&currency=EUR");
  s.attribute(9, "server.address", "shop.example.com");
  s.attribute(9, "server.port", 443);
  s.attribute(9, "client.address", address(d));
  s.attribute(9, "network.peer.address", address(d));
  s.attribute(9, "network.peer.port", static_cast<std::int64_t>(d.between(1024, 65535)));
  s.attribute(9, "network.protocol.name", "http");
  s.attribute(9, "network.protocol.version", "1.1");
  s.attribute(9, "http.request.header.x-request-id", std::vector<std::string>{d.uuid()});
  s.attribute(9, "user_agent.original", d.pick(agents));
  s.attribute(9, "thread.id", static_cast<std::int64_t>(d.between(30, 90)));
  s.attribute(9, "thread.name", "http-nio-8080-exec-" + std::to_string(d.between(1, 64)));
}

void database_attributes(draft& s, std::size_t query, dice& d) {
  s.attribute(9, "db.system.name", "postgresql");
  s.attribute(9, "db.namespace", "shop");
  s.attribute(9, "db.operation.name", query_names[query].substr(0, query_names[query].find(' ')));
  s.attribute(9, "db.collection.name", query_names[query].substr(query_names[query].find(' ') + 1));
  s.attribute(9, "db.query.text", queries[query]);
  s.attribute(9, "db.response.returned_rows", static_cast<std::int64_t>(d.below(200)));
  s.attribute(9, "server.address", "orders-db.shop.svc.cluster.local");
  s.attribute(9, "server.port", 5432);
  s.attribute(9, "network.peer.address", address(d));
  s.attribute(9, "thread.id", static_cast<std::int64_t>(d.between(30, 90)));
  s.attribute(9, "thread.name", "http-nio-8080-exec-" + std::to_string(d.between(1, 64)));
}

void messaging_attributes(draft& s, std::string_view topic, dice& d) {
  s.attribute(9, "messaging.system", "kafka");
  s.attribute(9, "messaging.operation.type", "send");
  s.attribute(9, "messaging.destination.name", topic);
  s.attribute(9, "messaging.destination.partition.id", std::to_string(d.below(24)));
  s.attribute(9, "messaging.kafka.offset", static_cast<std::int64_t>(d.below(90'000'000)));
  s.attribute(9, "messaging.message.id", d.uuid());
  s.attribute(9, "messaging.client.id", "producer-" + std::to_string(d.below(4)));
  s.attribute(9, "server.address", "kafka-bootstrap.shop.svc.cluster.local");
  s.attribute(9, "server.port", 9092);
}

void exception_event(draft& s, std::uint64_t at, dice& d) {
  static constexpr std::array<std::string_view, 6> frames{
      "com.shop.domain.CheckoutService.prepareOrder(CheckoutService.java:",
      "org.springframework.aop.framework.CglibAopProxy$DynamicAdvisedInterceptor.intercept("
      "CglibAopProxy.java:",
      "org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:",
      "jakarta.servlet.http.HttpServlet.service(HttpServlet.java:",
      "org.apache.catalina.core.ApplicationFilterChain.internalDoFilter(ApplicationFilterChain."
      "java:",
      "org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:"};
  std::string stack =
      "java.lang.IllegalStateException: order " + d.hex(12) + " is already closed\n";
  for (std::uint64_t left = d.between(25, 55); left > 0; --left) {
    stack.append("\tat ").append(d.pick(frames)).append(std::to_string(d.between(20, 900)));
    stack.append(")\n");
  }
  s.message(11, [&] {
    s.time(1, at);
    s.text(2, "exception");
    s.attribute(3, "exception.type", "java.lang.IllegalStateException");
    s.attribute(3, "exception.message", "order is already closed");
    s.attribute(3, "exception.stacktrace", stack);
  });
}

void plain_event(draft& s, std::uint64_t at, dice& d) {
  s.message(11, [&] {
    s.time(1, at);
    s.text(2, "order.priced");
    s.attribute(3, "order.items", static_cast<std::int64_t>(d.between(1, 12)));
    s.attribute(3, "order.total", static_cast<double>(d.below(50'000)) / 100);
  });
}

void step_attributes(draft& s, const std::string& step, dice& d) {
  s.attribute(9, "code.function.name", "com.shop.domain." + step);
  s.attribute(9, "thread.id", static_cast<std::int64_t>(d.between(30, 90)));
  s.attribute(9, "app.order.id", d.hex(12));
  s.attribute(9, "app.cart.id", d.uuid());
  s.attribute(9, "app.user.tier", d.chance(0.2) ? "gold" : "standard");
}

// What differs between the kinds: scope, name, kind and attributes.
struct outline {
  std::size_t scope = 2;
  std::string name;
  std::uint64_t kind = internal;
  std::size_t query = 0;        // scope 1
  std::string_view topic = {};  // scope 4
};

outline draw_outline(dice& d, bool first) {
  outline o;
  const std::uint64_t roll = d.below(10);
  if (first || roll < 3) {
    const std::string_view route = d.pick(routes);
    o.scope = first ? 0 : 3;
    o.name = std::string(d.pick(methods)) + " " + std::string(route);
    o.kind = first ? server : client;
  } else if (roll < 6) {
    o.scope = 1;
    o.query = d.below(queries.size());
    o.name = query_names[o.query];
    o.kind = client;
  } else if (roll < 9) {
    o.name = d.pick(steps);
  } else {
    o.scope = 4;
    o.topic = d.pick(topics);
    o.name = "send " + std::string(o.topic);
    o.kind = producer;
  }
  return o;
}

void draw_attributes(draft& into, const outline& o, dice& d, bool failed) {
  switch (o.scope) {
    case 1:
      return database_attributes(into, o.query, d);
    case 2:
      return step_attributes(into, o.name, d);
    case 4:
      return messaging_attributes(into, o.topic, d);
    default:
      return http_attributes(into, d, failed);
  }
}

// Its outline and attributes are drawn from `at`, before the ids and times that lie in front of
// them.
struct span_sketch : sketch {
  bool first = false;  // of its trace: it has no parent
  bool failed = false;
  std::uint64_t high = 0, low = 0, id = 0, parent = 0;
  std::uint64_t start = 0, end = 0;
  dice events{0};  // what they are drawn from
};

void write_head(draft& into, const span_sketch& s, const outline& o) {
  into.trace_id(1, s.high, s.low);
  into.span_id(2, s.id);
  if (!s.first) into.span_id(4, s.parent);
  into.text(5, o.name);
  into.number(6, o.kind);
  into.time(7, s.start);
  into.time(8, s.end);
  into.identity(9);
}

void write_tail(draft& into, const span_sketch& s, const outline& o, dice& d) {
  if (s.failed) exception_event(into, s.end - 5'000, d);
  if (o.kind == internal && d.chance(0.2)) plain_event(into, s.start + 5'000, d);
  if (s.failed) {
    into.message(15, [&] {
      into.text(2, "order is already closed");
      into.number(3, status_error);
    });
  }
  into.fixed32(16, flags_sampled);
}

// On paper its parts lie in the order they are drawn in.
span_sketch draw_span(draft& paper, trace& t, dice& d) {
  span_sketch s;
  s.first = t.size == 0;
  s.failed = d.chance(0.015);
  s.at = d;
  const outline o = draw_outline(d, s.first);
  draw_attributes(paper, o, d, s.failed);
  s.scope = o.scope;
  s.high = t.high;
  s.low = t.low;
  s.id = d.next();
  s.start = t.start + (s.first ? 0 : d.between(10'000, 1'500'000));
  s.end = s.start + d.between(30'000, s.first ? 400'000'000 : 40'000'000);
  if (!s.first) s.parent = t.spans[d.below(t.size)];
  write_head(paper, s, o);
  s.events = d;
  write_tail(paper, s, o, d);
  s.size = paper.size();
  if (t.size < t.spans.size()) t.spans[t.size++] = s.id;
  return s;
}

void write_span(draft& into, const span_sketch& s) {
  dice d = s.at;
  const outline o = draw_outline(d, s.first);
  write_head(into, s, o);
  draw_attributes(into, o, d, s.failed);
  dice events = s.events;
  write_tail(into, s, o, events);
}

}  // namespace

void draw_spans(draft& into, std::size_t items, dice& d) {
  std::vector<span_sketch> spans;
  spans.reserve(items);
  draft paper(paper_bytes);
  trace t;
  std::uint64_t left = 0;  // spans still to come in this trace
  for (std::size_t i = 0; i < items; ++i, --left) {
    if (left == 0) {
      begin(t, d);
      left = d.between(6, 14);
    }
    paper.clear();
    spans.push_back(draw_span(paper, t, d));
  }
  write_scopes(into, otlp::signal::traces, spans,
               [&](const span_sketch& s) { write_span(into, s); });
}

}  // namespace sluice::rig
