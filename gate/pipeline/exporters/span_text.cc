#include "gate/pipeline/exporters/span_text.h"

#include <array>
#include <string>

namespace sluice {
namespace {

using zc::pb::reader;
using zc::pb::wire;
using message = otlp_page::message;

std::string span_kind(std::uint64_t n) {
  static constexpr std::array<std::string_view, 6> names{"Unspecified", "Internal", "Server",
                                                         "Client",      "Producer", "Consumer"};
  return n < names.size() ? std::string(names[n]) : std::to_string(n);
}

std::string status_code(std::uint64_t n) {
  static constexpr std::array<std::string_view, 3> names{"Unset", "Ok", "Error"};
  return n < names.size() ? std::string(names[n]) : std::to_string(n);
}

class printer {
 public:
  explicit printer(otlp_page& page) noexcept : page_(page), out_(page.out()) {}

  bool brief_span(message m) {
    message name;
    message trace;
    message id;
    if (!page_.find(m, 5, name) || !page_.find(m, 1, trace) || !page_.find(m, 2, id)) return false;
    out_.all(shown(otlp_page::text_of(name)), " ", hex{trace}, " ", hex{id});
    if (!page_.attributes(m, 9, {})) return false;
    out_.add("\n");
    return true;
  }
  bool span(message m, std::uint64_t n) {
    message trace, id, parent, name, state, status, status_message;
    std::uint64_t kind = 0, start = 0, end = 0, code = 0;
    const bool ok = page_.fields(m, [&](reader& r) {
      if (r.is(1, wire::bytes)) trace = r.view();
      if (r.is(2, wire::bytes)) id = r.view();
      if (r.is(3, wire::bytes)) state = r.view();
      if (r.is(4, wire::bytes)) parent = r.view();
      if (r.is(5, wire::bytes)) name = r.view();
      if (r.is(6, wire::varint)) kind = r.value();
      if (r.is(7, wire::fixed64)) start = r.value();
      if (r.is(8, wire::fixed64)) end = r.value();
      if (r.is(15, wire::bytes)) status = r.view();
      return true;
    });
    if (!ok || !page_.find(status, 2, status_message)) return false;
    if (!page_.number_in(status, 3, code)) return false;
    out_.heading("Span", n);
    out_.line("    Trace ID       : ", hex{trace});
    out_.line("    Parent ID      : ", hex{parent});
    out_.line("    ID             : ", hex{id});
    out_.line("    Name           : ", shown(otlp_page::text_of(name)));
    out_.line("    Kind           : ", span_kind(kind));
    if (!state.empty()) out_.line("    TraceState     : ", shown(otlp_page::text_of(state)));
    out_.line("    Start time     : ", time_text(start));
    out_.line("    End time       : ", time_text(end));
    out_.line("    Status code    : ", status_code(code));
    out_.line("    Status message : ", shown(otlp_page::text_of(status_message)));
    return page_.attributes(m, 9, "Attributes") && events(m) && links(m);
  }
  bool events(message m) {
    std::uint64_t n = 0;
    return page_.fields(m, [&](reader& r) {
      if (!r.is(11, wire::bytes)) return true;
      if (n == 0) out_.line("Events:");
      message name;
      std::uint64_t at = 0;
      if (!page_.find(r.view(), 2, name)) return false;
      if (!page_.fixed_in(r.view(), 1, at)) return false;
      out_.heading("SpanEvent", n++);
      out_.line("     -> Name: ", shown(otlp_page::text_of(name)));
      out_.line("     -> Timestamp: ", time_text(at));
      return page_.attributes(r.view(), 3, "     -> Attributes");
    });
  }
  bool links(message m) {
    std::uint64_t n = 0;
    return page_.fields(m, [&](reader& r) {
      if (!r.is(13, wire::bytes)) return true;
      if (n == 0) out_.line("Links:");
      message trace, id, state;
      if (!page_.find(r.view(), 1, trace) || !page_.find(r.view(), 2, id) ||
          !page_.find(r.view(), 3, state))
        return false;
      out_.heading("SpanLink", n++);
      out_.line("     -> Trace ID: ", hex{trace});
      out_.line("     -> ID: ", hex{id});
      out_.line("     -> TraceState: ", shown(otlp_page::text_of(state)));
      return page_.attributes(r.view(), 4, "     -> Attributes");
    });
  }

  otlp_page& page_;
  sheet& out_;
};

}  // namespace

bool print_span(otlp_page& page, message m, std::uint64_t n) {
  printer p(page);
  return page.detailed() ? p.span(m, n) : p.brief_span(m);
}

}  // namespace sluice
