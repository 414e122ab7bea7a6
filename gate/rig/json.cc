#include "gate/rig/json.h"

#include <cmath>

#include <fmt/format.h>

namespace sluice::rig {

void json_writer::separate() {
  if (!first_ && !after_key_) text_ += ',';
  first_ = after_key_ = false;
}

json_writer& json_writer::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
  return *this;
}

json_writer& json_writer::close(char bracket) {
  text_ += bracket;
  first_ = after_key_ = false;
  return *this;
}

json_writer& json_writer::key(std::string_view name) {
  value(name);
  text_ += ':';
  after_key_ = true;
  return *this;
}

json_writer& json_writer::value(std::string_view text) {
  separate();
  text_ += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      text_ += c;
    }
  }
  text_ += '"';
  return *this;
}

json_writer& json_writer::value(bool yes) {
  separate();
  text_ += yes ? "true" : "false";
  return *this;
}

json_writer& json_writer::value(double number) {
  separate();
  text_ += std::isfinite(number) ? fmt::format("{}", number) : "0";
  return *this;
}

json_writer& json_writer::integer(std::uint64_t number) {
  separate();
  text_ += fmt::format("{}", number);
  return *this;
}

}  // namespace sluice::rig
