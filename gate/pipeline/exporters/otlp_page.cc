#include "gate/pipeline/exporters/otlp_page.h"

#include <algorithm>

#include "gate/otlp/walk.h"
#include "zc/mem/scratch.h"

namespace sluice {

using zc::pb::reader;
using zc::pb::wire;

void otlp_page::append_shown(piece& into, std::string_view raw) const {
  const zc::cow_text text = shown(raw.substr(0, out_.max() + 1));
  into += text.view();
}

void otlp_page::append_hex(piece& into, message m) const {
  for (const std::byte b : m.first(std::min(m.size(), out_.max() + 1))) {
    into += hex_digits[std::to_integer<unsigned>(b) >> 4];
    into += hex_digits[std::to_integer<unsigned>(b) & 15];
  }
}

bool otlp_page::value(message m, piece& into, bool quoted, unsigned depth) {
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

bool otlp_page::list(message m, piece& into, unsigned depth) {
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

bool otlp_page::map(message m, piece& into, unsigned depth) {
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

bool otlp_page::attributes(message m, std::uint32_t number, std::string_view heading) {
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

bool otlp_page::attribute(message m) {
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

}  // namespace sluice
