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
  return "Completed " + std::string(d.pick(methods)) + " " + std::string(d.pick(paths)) +
         d.hex(12) + " for client 10.4." + std::to_string(d.below(64)) + "." +
         std::to_string(d.below(256)) + " with status " + (d.chance(0.96) ? "200" : "503") + ", " +
         std::to_string(d.below(60'000)) + " bytes, in " + milliseconds(d);
}

std::string store_line(dice& d) {
  return "Saved order " + d.hex(12) + " of user " + d.uuid() + " with " +
         std::to_string(d.between(1, 14)) + " items to partition orders_p" +
         std::to_string(d.below(64)) + " in " + milliseconds(d);
}

std::string shop_line(dice& d) {
  static constexpr std::array<std::string_view, 4> outcomes{
      "authorized by the payment provider", "waiting for stock in the second warehouse",
      "priced with two discounts applied", "handed over to shipping"};
  return "Order " + d.hex(12) + " (cart " + d.uuid() + ", total " +
         std::to_string(d.below(90'000)) + "." + std::to_string(d.between(10, 99)) + " EUR) is " +
         std::string(d.pick(outcomes)) + " after " + milliseconds(d);
}

std::string framework_line(dice& d) {
  return "Resolved handler com.shop.web.OrderController#submit for request " + d.uuid() +
         " in thread pool http-nio-8080 after queueing for " + milliseconds(d);
}

std::string kafka_line(dice& d) {
  return "[Producer clientId=producer-" + std::to_string(d.below(4)) + "] Node kafka-" +
         std::to_string(d.below(6)) +
         ".kafka-headless.shop.svc.cluster.local:9092 acknowledged batch of " +
         std::to_string(d.between(1, 400)) + " records at offset " +
         std::to_string(d.below(90'000'000));
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
  into.trace_id(9, d.next(), d.next());
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
