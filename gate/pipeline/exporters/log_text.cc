#include "gate/pipeline/exporters/log_text.h"

#include <array>
#include <string>

#include "zc/mem/scratch.h"

namespace sluice {
namespace {

using zc::pb::reader;
using zc::pb::wire;
using message = otlp_page::message;

std::string severity(std::uint64_t n) {
  static constexpr std::array<std::string_view, 6> names{"Trace", "Debug", "Info",
                                                         "Warn",  "Error", "Fatal"};
  if (n == 0) return "Unspecified";
  if (n > 24) return std::to_string(n);
  std::string text(names[(n - 1) / 4]);
  if (const std::uint64_t grade = (n - 1) % 4; grade > 0) text += std::to_string(grade + 1);
  return text;
}

class printer {
 public:
  explicit printer(otlp_page& page) noexcept : page_(page), out_(page.out()) {}

  bool brief_log(message m) {
    message body;
    if (!page_.find(m, 5, body)) return false;
    const zc::scratch_scope mine;
    otlp_page::piece text(mine.memory());
    if (!page_.value(body, text, true, 0)) return false;
    if (!body.empty()) out_.add(otlp_page::unquoted(text));
    if (!page_.attributes(m, 6, {})) return false;
    out_.add("\n");
    return true;
  }
  bool log_record(message m, std::uint64_t n) {
    message trace, id, body, severity_text, event;
    std::uint64_t at = 0, observed = 0, level = 0, flags = 0;
    const bool ok = page_.fields(m, [&](reader& r) {
      if (r.is(1, wire::fixed64)) at = r.value();
      if (r.is(2, wire::varint)) level = r.value();
      if (r.is(3, wire::bytes)) severity_text = r.view();
      if (r.is(5, wire::bytes)) body = r.view();
      if (r.is(8, wire::fixed32)) flags = r.value();
      if (r.is(9, wire::bytes)) trace = r.view();
      if (r.is(10, wire::bytes)) id = r.view();
      if (r.is(11, wire::fixed64)) observed = r.value();
      if (r.is(12, wire::bytes)) event = r.view();
      return true;
    });
    const zc::scratch_scope mine;
    otlp_page::piece text(mine.memory());
    if (!ok || !page_.value(body, text, false, 0)) return false;
    out_.heading("LogRecord", n);
    out_.line("ObservedTimestamp: ", time_text(observed));
    out_.line("Timestamp: ", time_text(at));
    out_.line("SeverityText: ", shown(otlp_page::text_of(severity_text)));
    out_.line("SeverityNumber: ", severity(level), "(" + std::to_string(level) + ")");
    if (!event.empty()) out_.line("EventName: ", shown(otlp_page::text_of(event)));
    out_.line("Body: ", text);
    if (!page_.attributes(m, 6, "Attributes")) return false;
    out_.line("Trace ID: ", hex{trace});
    out_.line("Span ID: ", hex{id});
    out_.line("Flags: ", std::to_string(flags));
    return true;
  }

  otlp_page& page_;
  sheet& out_;
};

}  // namespace

bool print_log(otlp_page& page, message m, std::uint64_t n) {
  printer p(page);
  return page.detailed() ? p.log_record(m, n) : p.brief_log(m);
}

}  // namespace sluice
