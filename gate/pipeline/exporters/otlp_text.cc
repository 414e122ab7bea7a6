#include "gate/pipeline/exporters/otlp_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <memory_resource>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gate/otlp/walk.h"
#include "zc/mem/cow.h"
#include "zc/mem/scratch.h"
#include "zc/wire/protobuf/reader.h"
#include "zc/wire/protobuf/utf8.h"

namespace sluice {
namespace {

using otlp::signal;
using zc::pb::reader;
using zc::pb::wire;
using message = std::span<const std::byte>;

message as_message(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
}

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

constexpr std::string_view hex_digits = "0123456789abcdef";

// Bytes to be written as digits.
struct hex {
  message id;
};

// Collects text up to a bound; what comes after is dropped.
class sheet {
 public:
  explicit sheet(std::size_t max) : max_(max) {}

  void add(std::string_view text) {
    if (full_) return;
    if (text.size() > max_ - text_.size()) {
      full_ = true;
      return;
    }
    text_ += text;
  }
  void add(const zc::cow_text& text) { add(text.view()); }
  void add(hex digits_of) {
    std::array<char, 2> pair;
    for (const std::byte b : digits_of.id) {
      pair = {hex_digits[std::to_integer<unsigned>(b) >> 4],
              hex_digits[std::to_integer<unsigned>(b) & 15]};
      add(std::string_view(pair.data(), pair.size()));
    }
  }
  template <class... Parts>
  void all(const Parts&... parts) {
    (add(parts), ...);
  }
  template <class... Parts>
  void line(const Parts&... parts) {
    all(parts..., "\n");
  }
  void number(std::uint64_t n) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
    add(std::string_view(digits.data(), end));
  }
  void heading(std::string_view what, std::uint64_t n) {
    add(what);
    add(" #");
    number(n);
    add("\n");
  }
  bool full() const noexcept { return full_; }
  std::size_t max() const noexcept { return max_; }
  std::string take() && {
    if (full_) {
      text_.resize(text_.rfind('\n') == std::string::npos ? 0 : text_.rfind('\n') + 1);
      text_ += "(cut here: the output is limited)";
    }
    while (text_.ends_with('\n')) text_.pop_back();
    return std::move(text_);
  }

 private:
  std::string text_;
  std::size_t max_;
  bool full_ = false;
};

// Untrusted text on one line of a terminal: control characters escaped, and all that is no UTF-8.
// Text that needs no escaping is borrowed.
zc::cow_text shown(std::string_view raw ZC_LIFETIMEBOUND) {
  const bool utf8 = zc::pb::is_utf8(as_message(raw));
  const auto escaped = [utf8](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 || u == 0x7f || (u >= 0x80 && !utf8);
  };
  const auto first = std::ranges::find_if(raw, escaped);
  if (first == raw.end()) return zc::cow_text::borrow(raw);
  std::string text;
  text.reserve(raw.size() + 16);
  text.append(raw.begin(), first);
  for (const char c : raw.substr(static_cast<std::size_t>(first - raw.begin()))) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '\n') {
      text += "\\n";
    } else if (escaped(c)) {
      text += "\\x";
      text += hex_digits[u >> 4];
      text += hex_digits[u & 15];
    } else {
      text += c;
    }
  }
  return zc::cow_text::own(std::move(text));
}

std::string real(double value, const char* format = "%f") {
  std::array<char, 352> buffer{};  // the longest double in %f: 309 digits, sign, point, six digits
  const int n = std::snprintf(buffer.data(), buffer.size(), format, value);
  return {buffer.data(), static_cast<std::size_t>(std::max(n, 0))};
}

// A short text where it is made.
class short_text {
 public:
  template <class... Values>
  void append(const char* format, Values... values) {
    const int n = std::snprintf(text_.data() + size_, text_.size() - size_, format, values...);
    if (n > 0) size_ = std::min(size_ + static_cast<std::size_t>(n), text_.size() - 1);
  }
  void drop_zeros() {
    while (size_ > 0 && text_[size_ - 1] == '0') size_ -= 1;
  }
  operator std::string_view() const noexcept {  // NOLINT(google-explicit-constructor)
    return {text_.data(), size_};
  }

 private:
  std::array<char, 96> text_{};
  std::size_t size_ = 0;
};

short_text time_text(std::uint64_t nanoseconds) {
  short_text text;
  const std::time_t seconds = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
  const auto fraction = static_cast<unsigned>(nanoseconds % 1'000'000'000);
  std::tm at{};
  if (::gmtime_r(&seconds, &at) == nullptr) {
    text.append("%llu", static_cast<unsigned long long>(nanoseconds));
    return text;
  }
  text.append("%04d-%02d-%02d %02d:%02d:%02d", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday,
              at.tm_hour, at.tm_min, at.tm_sec);
  if (fraction != 0) {
    text.append(".%09u", fraction);
    text.drop_zeros();
  }
  text.append("%s", " +0000 UTC");
  return text;
}

std::string span_kind(std::uint64_t n) {
  static constexpr std::array<std::string_view, 6> names{"Unspecified", "Internal", "Server",
                                                         "Client",      "Producer", "Consumer"};
  return n < names.size() ? std::string(names[n]) : std::to_string(n);
}

std::string status_code(std::uint64_t n) {
  static constexpr std::array<std::string_view, 3> names{"Unset", "Ok", "Error"};
  return n < names.size() ? std::string(names[n]) : std::to_string(n);
}

std::string temporality(std::uint64_t n) {
  static constexpr std::array<std::string_view, 3> names{"Unspecified", "Delta", "Cumulative"};
  return n < names.size() ? std::string(names[n]) : std::to_string(n);
}

std::string severity(std::uint64_t n) {
  static constexpr std::array<std::string_view, 6> names{"Trace", "Debug", "Info",
                                                         "Warn",  "Error", "Fatal"};
  if (n == 0) return "Unspecified";
  if (n > 24) return std::to_string(n);
  std::string text(names[(n - 1) / 4]);
  if (const std::uint64_t grade = (n - 1) % 4; grade > 0) text += std::to_string(grade + 1);
  return text;
}

// Writes one request. Every step returns false when the bytes break; failure() then tells where.
class printer {
 public:
  printer(signal s, std::string_view request, debug_verbosity how, std::size_t bytes_max)
      : signal_(s),
        words_(words_of(s)),
        base_(as_message(request).data()),
        detailed_(how == debug_verbosity::detailed),
        out_(bytes_max) {}

  bool request(message m) {
    std::uint64_t n = 0;
    return fields(m, [&](reader& r) { return !r.is(1, wire::bytes) || resource_x(r.view(), n++); });
  }
  const zc::error& failure() const noexcept { return failure_; }
  std::string take() && { return std::move(out_).take(); }

 private:
  // Messages that are absent have no place.
  std::size_t offset_of(message m) const noexcept {
    return m.empty() ? 0 : static_cast<std::size_t>(m.data() - base_);
  }
  // Calls `each` per field until the message ends, breaks, or the output is full.
  template <class Each>
  bool fields(message m, Each each) {
    reader r(m, offset_of(m));
    while (!out_.full() && r.next()) {
      if (!each(r)) return false;
    }
    if (r.ok()) return true;
    failure_ = r.failure();
    return false;
  }
  // The last value of a nested message or text field, as proto3 reads it.
  bool find(message m, std::uint32_t number, message& into) {
    return fields(m, [&](reader& r) {
      if (r.is(number, wire::bytes)) into = r.view();
      return true;
    });
  }

  // Text of one value, in the scratch of whoever wants it.
  using piece = std::pmr::string;

  // More than the output can take need not be made: it is cut off anyway.
  bool enough(const piece& text) const noexcept { return text.size() > out_.max(); }
  void append_shown(piece& into, std::string_view raw) const {
    const zc::cow_text text = shown(raw.substr(0, out_.max() + 1));
    into += text.view();
  }
  void append_hex(piece& into, message m) const {
    for (const std::byte b : m.first(std::min(m.size(), out_.max() + 1))) {
      into += hex_digits[std::to_integer<unsigned>(b) >> 4];
      into += hex_digits[std::to_integer<unsigned>(b) & 15];
    }
  }

  // AnyValue, of which the last field counts. `quoted`: inside of a list or a map.
  bool value(message m, piece& into, bool quoted, unsigned depth) {
    if (depth > otlp::depth_max) {
      failure_ = {zc::errc::too_large, "nested too deeply", offset_of(m), 0};
      return false;
    }
    const std::size_t start = into.size();
    into += quoted ? "null" : "Empty()";
    const auto typed = [&](std::string_view type, std::string_view around, auto append) {
      into.resize(start);
      if (!quoted) into.append(type).append("(");
      if (quoted) into += around;
      const bool ok = append();
      if (quoted) into += around;
      if (!quoted) into += ")";
      return ok;
    };
    const auto plain = [&](std::string_view type, std::string_view text) {
      return typed(type, {}, [&] { return into.append(text), true; });
    };
    return fields(m, [&](reader& r) {
      if (r.is(1, wire::bytes)) {
        return typed("Str", "\"", [&] { return append_shown(into, r.text()), true; });
      }
      if (r.is(2, wire::varint)) return plain("Bool", r.value() != 0 ? "true" : "false");
      if (r.is(3, wire::varint)) return plain("Int", std::to_string(r.signed_value()));
      if (r.is(4, wire::fixed64)) return plain("Double", real(r.double_value(), "%g"));
      if (r.is(7, wire::bytes)) {
        return typed("Bytes", "\"", [&] { return append_hex(into, r.view()), true; });
      }
      if (r.is(5, wire::bytes)) {
        return typed("Slice", {}, [&] { return list(r.view(), into, depth); });
      }
      if (r.is(6, wire::bytes)) {
        return typed("Map", {}, [&] { return map(r.view(), into, depth); });
      }
      return true;
    });
  }
  bool list(message m, piece& into, unsigned depth) {
    into += "[";
    bool first = true;
    const bool ok = fields(m, [&](reader& r) {
      if (!r.is(1, wire::bytes) || enough(into)) return true;
      if (!std::exchange(first, false)) into += ",";
      return value(r.view(), into, true, depth + 1);
    });
    into += "]";
    return ok;
  }
  bool map(message m, piece& into, unsigned depth) {
    into += "{";
    bool first = true;
    const bool ok = fields(m, [&](reader& r) {
      if (!r.is(1, wire::bytes) || enough(into)) return true;
      message key;
      message v;
      if (!find(r.view(), 1, key) || !find(r.view(), 2, v)) return false;
      if (!std::exchange(first, false)) into += ",";
      into += "\"";
      append_shown(into, text_of(key));
      into += "\":";
      return value(v, into, true, depth + 1);
    });
    into += "}";
    return ok;
  }
  static std::string_view text_of(message m) noexcept {
    return {reinterpret_cast<const char*>(m.data()), m.size()};
  }

  // KeyValues in field `number` of `m`: a block with a heading (detailed), or key=value behind each
  // other.
  bool attributes(message m, std::uint32_t number, std::string_view heading) {
    bool first = true;
    return fields(m, [&](reader& r) {
      if (!r.is(number, wire::bytes)) return true;
      if (detailed_) {
        if (first) out_.line(heading, ":");
      } else if (heading != ",") {
        out_.add(" ");
      } else if (!first) {
        out_.add(",");
      }
      first = false;
      return attribute(r.view());
    });
  }
  bool attribute(message m) {
    message key;
    message v;
    if (!find(m, 1, key) || !find(m, 2, v)) return false;
    const zc::scratch_scope mine;
    piece text(mine.memory());
    if (!value(v, text, !detailed_, 0)) return false;
    if (detailed_) {
      out_.line("     -> ", shown(text_of(key)), ": ", text);
      return true;
    }
    out_.all(shown(text_of(key)), "=", unquoted(text));
    return true;
  }

  // Brief: plain values without the quotes of a list.
  static std::string_view unquoted(std::string_view text) noexcept {
    const bool quotes = text.size() >= 2 && text.front() == '"';
    return quotes ? text.substr(1, text.size() - 2) : text;
  }

  bool resource_x(message m, std::uint64_t n) {
    message resource;
    message schema;
    if (!find(m, 1, resource) || !find(m, 3, schema)) return false;
    if (detailed_) {
      out_.heading(words_.resource_x, n);
      out_.line("Resource SchemaURL: ", shown(text_of(schema)));
      if (!attributes(resource, 1, "Resource attributes")) return false;
    } else if (!brief_head(words_.brief_resource, n, schema, {}, {}, resource, 1)) {
      return false;
    }
    std::uint64_t scopes = 0;
    return fields(m,
                  [&](reader& r) { return !r.is(2, wire::bytes) || scope_x(r.view(), scopes++); });
  }
  bool brief_head(std::string_view what, std::uint64_t n, message schema, message name,
                  message version, message owner, std::uint32_t attributes_field) {
    out_.all(what, " #");
    out_.number(n);
    if (!name.empty() || !version.empty()) out_.all(" ", shown(text_of(name)));
    if (!version.empty()) out_.all("@", shown(text_of(version)));
    if (!schema.empty()) out_.all(" [", shown(text_of(schema)), "]");
    if (!attributes(owner, attributes_field, {})) return false;
    out_.add("\n");
    return true;
  }

  bool scope_x(message m, std::uint64_t n) {
    message scope;
    message schema;
    message name;
    message version;
    if (!find(m, 1, scope) || !find(m, 3, schema)) return false;
    if (!find(scope, 1, name) || !find(scope, 2, version)) return false;
    if (detailed_) {
      out_.heading(words_.scope_x, n);
      out_.line(words_.scope_x, " SchemaURL: ", shown(text_of(schema)));
      out_.line("InstrumentationScope ", shown(text_of(name)), " ", shown(text_of(version)));
      if (!attributes(scope, 3, "InstrumentationScope attributes")) return false;
    } else if (!brief_head(words_.brief_scope, n, schema, name, version, scope, 3)) {
      return false;
    }
    std::uint64_t records = 0;
    return fields(m,
                  [&](reader& r) { return !r.is(2, wire::bytes) || record(r.view(), records++); });
  }

  bool record(message m, std::uint64_t n) {
    switch (signal_) {
      case signal::traces:
        return detailed_ ? span(m, n) : brief_span(m);
      case signal::logs:
        return detailed_ ? log_record(m, n) : brief_log(m);
      case signal::metrics:
        return detailed_ ? metric(m, n) : brief_metric(m);
      case signal::profiles:
        return true;
    }
    return true;
  }

  bool brief_span(message m) {
    message name;
    message trace;
    message id;
    if (!find(m, 5, name) || !find(m, 1, trace) || !find(m, 2, id)) return false;
    out_.all(shown(text_of(name)), " ", hex{trace}, " ", hex{id});
    if (!attributes(m, 9, {})) return false;
    out_.add("\n");
    return true;
  }
  bool span(message m, std::uint64_t n) {
    message trace, id, parent, name, state, status, status_message;
    std::uint64_t kind = 0, start = 0, end = 0, code = 0;
    const bool ok = fields(m, [&](reader& r) {
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
    if (!ok || !find(status, 2, status_message)) return false;
    if (!number_in(status, 3, code)) return false;
    out_.heading("Span", n);
    out_.line("    Trace ID       : ", hex{trace});
    out_.line("    Parent ID      : ", hex{parent});
    out_.line("    ID             : ", hex{id});
    out_.line("    Name           : ", shown(text_of(name)));
    out_.line("    Kind           : ", span_kind(kind));
    if (!state.empty()) out_.line("    TraceState     : ", shown(text_of(state)));
    out_.line("    Start time     : ", time_text(start));
    out_.line("    End time       : ", time_text(end));
    out_.line("    Status code    : ", status_code(code));
    out_.line("    Status message : ", shown(text_of(status_message)));
    return attributes(m, 9, "Attributes") && events(m) && links(m);
  }
  bool number_in(message m, std::uint32_t field, std::uint64_t& into) {
    return fields(m, [&](reader& r) {
      if (r.is(field, wire::varint)) into = r.value();
      return true;
    });
  }
  bool events(message m) {
    std::uint64_t n = 0;
    return fields(m, [&](reader& r) {
      if (!r.is(11, wire::bytes)) return true;
      if (n == 0) out_.line("Events:");
      message name;
      std::uint64_t at = 0;
      if (!find(r.view(), 2, name)) return false;
      if (!fixed_in(r.view(), 1, at)) return false;
      out_.heading("SpanEvent", n++);
      out_.line("     -> Name: ", shown(text_of(name)));
      out_.line("     -> Timestamp: ", time_text(at));
      return attributes(r.view(), 3, "     -> Attributes");
    });
  }
  bool links(message m) {
    std::uint64_t n = 0;
    return fields(m, [&](reader& r) {
      if (!r.is(13, wire::bytes)) return true;
      if (n == 0) out_.line("Links:");
      message trace, id, state;
      if (!find(r.view(), 1, trace) || !find(r.view(), 2, id) || !find(r.view(), 3, state))
        return false;
      out_.heading("SpanLink", n++);
      out_.line("     -> Trace ID: ", hex{trace});
      out_.line("     -> ID: ", hex{id});
      out_.line("     -> TraceState: ", shown(text_of(state)));
      return attributes(r.view(), 4, "     -> Attributes");
    });
  }
  bool fixed_in(message m, std::uint32_t field, std::uint64_t& into) {
    return fields(m, [&](reader& r) {
      if (r.is(field, wire::fixed64)) into = r.value();
      return true;
    });
  }

  bool brief_log(message m) {
    message body;
    if (!find(m, 5, body)) return false;
    const zc::scratch_scope mine;
    piece text(mine.memory());
    if (!value(body, text, true, 0)) return false;
    if (!body.empty()) out_.add(unquoted(text));
    if (!attributes(m, 6, {})) return false;
    out_.add("\n");
    return true;
  }
  bool log_record(message m, std::uint64_t n) {
    message trace, id, body, severity_text, event;
    std::uint64_t at = 0, observed = 0, level = 0, flags = 0;
    const bool ok = fields(m, [&](reader& r) {
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
    piece text(mine.memory());
    if (!ok || !value(body, text, false, 0)) return false;
    out_.heading("LogRecord", n);
    out_.line("ObservedTimestamp: ", time_text(observed));
    out_.line("Timestamp: ", time_text(at));
    out_.line("SeverityText: ", shown(text_of(severity_text)));
    out_.line("SeverityNumber: ", severity(level), "(" + std::to_string(level) + ")");
    if (!event.empty()) out_.line("EventName: ", shown(text_of(event)));
    out_.line("Body: ", text);
    if (!attributes(m, 6, "Attributes")) return false;
    out_.line("Trace ID: ", hex{trace});
    out_.line("Span ID: ", hex{id});
    out_.line("Flags: ", std::to_string(flags));
    return true;
  }

  enum class data : std::uint8_t { none, gauge, sum, histogram, exponential, summary };
  static data data_of(std::uint32_t field) noexcept {
    switch (field) {
      case 5:
        return data::gauge;
      case 7:
        return data::sum;
      case 9:
        return data::histogram;
      case 10:
        return data::exponential;
      case 11:
        return data::summary;
      default:
        return data::none;
    }
  }
  static std::string_view name_of(data d) noexcept {
    static constexpr std::array<std::string_view, 6> names{
        "Empty", "Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"};
    return names[static_cast<std::size_t>(d)];
  }
  struct described {
    message name, description, unit, body;
    data what = data::none;
  };
  bool describe(message m, described& into) {
    return fields(m, [&](reader& r) {
      if (r.is(1, wire::bytes)) into.name = r.view();
      if (r.is(2, wire::bytes)) into.description = r.view();
      if (r.is(3, wire::bytes)) into.unit = r.view();
      if (r.type() != wire::bytes || data_of(r.number()) == data::none) return true;
      into.what = data_of(r.number());
      into.body = r.view();
      return true;
    });
  }
  bool metric(message m, std::uint64_t n) {
    described d;
    if (!describe(m, d)) return false;
    out_.heading("Metric", n);
    out_.line("Descriptor:");
    out_.line("     -> Name: ", shown(text_of(d.name)));
    out_.line("     -> Description: ", shown(text_of(d.description)));
    out_.line("     -> Unit: ", shown(text_of(d.unit)));
    out_.line("     -> DataType: ", name_of(d.what));
    std::uint64_t kind = 0;
    std::uint64_t monotonic = 0;
    if (!number_in(d.body, 2, kind) || !number_in(d.body, 3, monotonic)) return false;
    if (d.what == data::sum) out_.line("     -> IsMonotonic: ", monotonic != 0 ? "true" : "false");
    if (d.what == data::sum || d.what == data::histogram || d.what == data::exponential) {
      out_.line("     -> AggregationTemporality: ", temporality(kind));
    }
    std::uint64_t points = 0;
    return fields(d.body, [&](reader& r) {
      return !r.is(1, wire::bytes) || point(d.what, r.view(), points++);
    });
  }

  struct point_facts {
    std::uint64_t start = 0, at = 0, count = 0, zero_count = 0;
    std::int64_t scale = 0;
    double sum = 0, min = 0, max = 0;
    bool has_sum = false, has_min = false, has_max = false;
    std::string number;  // of a gauge or sum
  };
  static std::uint32_t attributes_field(data what) noexcept {
    if (what == data::histogram) return 9;
    return what == data::exponential ? 1 : 7;
  }
  bool read_point(data what, message m, point_facts& f) {
    const bool plain = what == data::gauge || what == data::sum;
    const std::uint32_t min_field = what == data::histogram ? 11 : 12;
    return fields(m, [&](reader& r) {
      if (r.type() == wire::varint && r.number() == 6 && what == data::exponential)
        f.scale = r.zigzag_value();
      if (r.type() != wire::fixed64) return true;
      const std::uint32_t n = r.number();
      if (n == 2) f.start = r.value();
      if (n == 3) f.at = r.value();
      if (plain && n == 4) f.number = real(r.double_value());
      if (plain && n == 6) f.number = std::to_string(r.signed_value());
      if (!plain && n == 4) f.count = r.value();
      if (!plain && n == 5) f.sum = r.double_value(), f.has_sum = true;
      if (what == data::exponential && n == 7) f.zero_count = r.value();
      if (plain || what == data::summary) return true;
      if (n == min_field) f.min = r.double_value(), f.has_min = true;
      if (n == min_field + 1) f.max = r.double_value(), f.has_max = true;
      return true;
    });
  }
  bool point(data what, message m, std::uint64_t n) {
    point_facts f;
    if (!read_point(what, m, f)) return false;
    const bool plain = what == data::gauge || what == data::sum;
    out_.heading(plain ? "NumberDataPoints" : std::string(name_of(what)) + "DataPoints", n);
    if (!attributes(m, attributes_field(what), "Data point attributes")) return false;
    out_.line("StartTimestamp: ", time_text(f.start));
    out_.line("Timestamp: ", time_text(f.at));
    if (plain) {
      out_.line("Value: ", f.number);
      return true;
    }
    out_.line("Count: ", std::to_string(f.count));
    if (f.has_sum || what == data::summary) out_.line("Sum: ", real(f.sum));
    if (f.has_min) out_.line("Min: ", real(f.min));
    if (f.has_max) out_.line("Max: ", real(f.max));
    if (what == data::histogram) return buckets(m);
    if (what == data::summary) return quantiles(m);
    out_.line("Scale: ", std::to_string(f.scale));
    out_.line("ZeroCount: ", std::to_string(f.zero_count));
    return exponential_buckets(m, 8, "Positive") && exponential_buckets(m, 9, "Negative");
  }
  using numbers = std::pmr::vector<std::uint64_t>;
  // Repeated fixed64, packed or not.
  static void collect_fixed(const reader& r, std::uint32_t number, numbers& into) {
    if (r.is(number, wire::fixed64)) into.push_back(r.value());
    if (!r.is(number, wire::bytes)) return;
    const message packed = r.view();
    for (std::size_t i = 0; i + 8 <= packed.size(); i += 8) {
      into.push_back(zc::pb::detail::load_little<std::uint64_t>(packed.data() + i));
    }
  }
  bool buckets(message m) {
    const zc::scratch_scope mine;
    numbers counts(mine.memory());
    numbers bounds(mine.memory());
    const bool ok = fields(m, [&](reader& r) {
      collect_fixed(r, 6, counts);
      collect_fixed(r, 7, bounds);
      return true;
    });
    for (std::size_t i = 0; ok && i < bounds.size() && !out_.full(); ++i) {
      out_.line("ExplicitBounds #" + std::to_string(i) + ": ",
                real(std::bit_cast<double>(bounds[i])));
    }
    for (std::size_t i = 0; ok && i < counts.size() && !out_.full(); ++i) {
      out_.line("Buckets #" + std::to_string(i) + ", Count: ", std::to_string(counts[i]));
    }
    return ok;
  }
  bool quantiles(message m) {
    std::uint64_t n = 0;
    return fields(m, [&](reader& r) {
      if (!r.is(6, wire::bytes)) return true;
      std::uint64_t quantile = 0, value = 0;
      if (!fixed_in(r.view(), 1, quantile) || !fixed_in(r.view(), 2, value)) return false;
      out_.add("QuantileValue #" + std::to_string(n++));
      out_.line(": Quantile " + real(std::bit_cast<double>(quantile)), ", Value ",
                real(std::bit_cast<double>(value)));
      return true;
    });
  }
  // Buckets { offset = 1 (zigzag), bucket_counts = 2 (varints, packed or not) }
  bool exponential_buckets(message m, std::uint32_t field, std::string_view side) {
    message b;
    if (!find(m, field, b)) return false;
    std::int64_t offset = 0;
    const zc::scratch_scope mine;
    numbers counts(mine.memory());
    const bool ok = fields(b, [&](reader& r) {
      if (r.is(1, wire::varint)) offset = r.zigzag_value();
      if (r.is(2, wire::varint)) counts.push_back(r.value());
      if (!r.is(2, wire::bytes)) return true;
      const message packed = r.view();
      for (const std::byte* at = packed.data(); at != packed.data() + packed.size();) {
        const auto v = zc::pb::decode_varint(at, packed.data() + packed.size());
        if (v.size == 0 || v.size > zc::pb::varint_bytes_max) break;
        counts.push_back(v.value);
        at += v.size;
      }
      return true;
    });
    for (std::size_t i = 0; ok && i < counts.size() && !out_.full(); ++i) {
      out_.add(side);
      out_.line(" bucket #" + std::to_string(offset + static_cast<std::int64_t>(i)),
                ", Count: ", std::to_string(counts[i]));
    }
    return ok;
  }

  bool brief_metric(message m) {
    described d;
    if (!describe(m, d)) return false;
    return fields(d.body,
                  [&](reader& r) { return !r.is(1, wire::bytes) || brief_point(d, r.view()); });
  }
  bool brief_point(const described& d, message m) {
    point_facts f;
    if (!read_point(d.what, m, f)) return false;
    out_.all(shown(text_of(d.name)), "{");
    if (!attributes(m, attributes_field(d.what), ",")) return false;
    out_.add("}");
    if (d.what == data::gauge || d.what == data::sum) {
      out_.line(" ", f.number);
      return true;
    }
    out_.add(" count=" + std::to_string(f.count));
    if (f.has_sum) out_.add(" sum=" + real(f.sum, "%g"));
    if (f.has_min) out_.add(" min=" + real(f.min, "%g"));
    if (f.has_max) out_.add(" max=" + real(f.max, "%g"));
    out_.add("\n");
    return true;
  }

  signal signal_;
  const signal_words& words_;
  const std::byte* base_;
  bool detailed_;
  sheet out_;
  zc::error failure_;
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
  const message m = as_message(request);
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
  printer p(s, request, how, bytes_max);
  if (!p.request(as_message(request))) return std::unexpected(p.failure());
  return std::move(p).take();
}

}  // namespace sluice
