// The log records of rig/scenery.h: what an application, its framework and its web server write.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gate/rig/scenery.h"

namespace sluice::rig {
namespace {

enum severity : std::uint64_t { debug = 5, info = 9, warn = 13, error = 17 };

std::string_view name_of(severity s) noexcept {
  switch (s) {
    case debug:
      return "DEBUG";
    case info:
      return "INFO";
    case warn:
      return "WARN";
    case error:
      return "ERROR";
  }
  return "";
}

severity draw_severity(dice& d) {
  const std::uint64_t roll = d.below(100);
  if (roll < 12) return debug;
  if (roll < 88) return info;
  return roll < 97 ? warn : error;
}

std::string milliseconds(dice& d) {
  return std::to_string(d.between(1, 950)) + " ms";
}

std::string web_line(dice& d) {
  static constexpr std::array<std::string_view, 4> paths{"/api/v1/cart/", "/api/v2/orders/",
                                                         "/api/v1/products/", "/api/v2/accounts/"};
  static constexpr std::array<std::string_view, 3> methods{"GET", "POST", "PUT"};
  phrase p;
  p.add("Completed ").add(d.pick(methods)).add(" ").add(d.pick(paths)).add(d.hex(12));
  p.add(" for client 10.4.").add(d.below(64)).add(".").add(d.below(256));
  p.add(" with status ").add(d.chance(0.96) ? "200" : "503").add(", ").add(d.below(60'000));
  return p.add(" bytes, in ").add(milliseconds(d)).take();
}

std::string store_line(dice& d) {
  phrase p;
  p.add("Saved order ").add(d.hex(12)).add(" of user ").add(d.uuid());
  p.add(" with ").add(d.between(1, 14)).add(" items to partition orders_p").add(d.below(64));
  return p.add(" in ").add(milliseconds(d)).take();
}

std::string shop_line(dice& d) {
  static constexpr std::array<std::string_view, 4> outcomes{
      "authorized by the payment provider", "waiting for stock in the second warehouse",
      "priced with two discounts applied", "handed over to shipping"};
  phrase p;
  p.add("Order ").add(d.hex(12)).add(" (cart ").add(d.uuid()).add(", total ");
  p.add(d.below(90'000)).add(".").add(d.between(10, 99)).add(" EUR) is ").add(d.pick(outcomes));
  return p.add(" after ").add(milliseconds(d)).take();
}

std::string framework_line(dice& d) {
  phrase p;
  p.add("Resolved handler com.shop.web.OrderController#submit for request ").add(d.uuid());
  p.add(" in thread pool http-nio-8080 after queueing for ").add(milliseconds(d));
  return p.take();
}

std::string kafka_line(dice& d) {
  phrase p;
  p.add("[Producer clientId=producer-").add(d.below(4)).add("] Node kafka-").add(d.below(6));
  p.add(".kafka-headless.shop.svc.cluster.local:9092 acknowledged batch of ");
  p.add(d.between(1, 400)).add(" records at offset ").add(d.below(90'000'000));
  return p.take();
}

std::string draw_line(std::size_t kind, dice& d) {
  switch (kind) {
    case 0:
      return web_line(d);
    case 1:
      return store_line(d);
    case 2:
      return shop_line(d);
    case 3:
      return framework_line(d);
    default:
      return kafka_line(d);
  }
}

void draw_record(draft& into, std::size_t kind, dice& d) {
  static constexpr std::array<std::string_view, 5> functions{
      "logCompletion", "saveOrder", "advance", "doDispatch", "handleCompletedSends"};
  const severity level = draw_severity(d);
  const std::uint64_t at = epoch - d.below(1'000'000'000);
  into.time(1, at);
  into.number(2, level);
  into.text(3, name_of(level));
  into.message(5, [&] { into.text(1, draw_line(kind, d)); });
  into.identity(6);
  into.attribute(6, "thread.name", "http-nio-8080-exec-" + std::to_string(d.between(1, 64)));
  into.attribute(6, "code.function.name", functions[kind]);
  into.attribute(6, "code.line.number", static_cast<std::int64_t>(d.between(20, 900)));
  if (d.chance(0.3)) into.attribute(6, "app.user.tier", d.chance(0.2) ? "gold" : "standard");
  if (level == error) into.attribute(6, "exception.type", "java.net.SocketTimeoutException");
  into.fixed32(8, 1);
  const std::uint64_t high = d.next();
  into.trace_id(9, high, d.next());
  into.span_id(10, d.next());
  into.time(11, at + d.below(200'000));
}

}  // namespace

void draw_logs(draft& into, std::size_t items, dice& d) {
  std::vector<sketch> records(items);
  draft paper(paper_bytes);
  for (sketch& r : records) {
    r.scope = d.below(scopes);
    r.at = d;
    paper.clear();
    draw_record(paper, r.scope, d);
    r.size = paper.size();
  }
  write_scopes(into, otlp::signal::logs, records, [&](const sketch& r) {
    dice again = r.at;
    draw_record(into, r.scope, again);
  });
}

}  // namespace sluice::rig
