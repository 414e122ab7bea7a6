// gate/rig/json.h - reports as JSON text, written front to back.
//
// Threads  One. Cost  Appends to a string. Errors  None: numbers that JSON has no way to write
// become 0, bytes that are not ASCII are kept (callers give UTF-8).
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::rig {

class json_writer {
 public:
  json_writer& begin_object() { return open('{'); }
  json_writer& end_object() { return close('}'); }
  json_writer& begin_array() { return open('['); }
  json_writer& end_array() { return close(']'); }
  json_writer& key(std::string_view name);

  json_writer& value(std::string_view text);
  json_writer& value(const char* text) { return value(std::string_view(text)); }
  json_writer& value(bool yes);
  json_writer& value(double number);
  template <std::unsigned_integral T>
  json_writer& value(T number) {
    return integer(number);
  }

  template <class T>
  json_writer& field(std::string_view name, const T& v) {
    return key(name).value(v);
  }

  const std::string& text() const noexcept { return text_; }

 private:
  json_writer& open(char bracket);
  json_writer& close(char bracket);
  json_writer& integer(std::uint64_t number);
  void separate();

  std::string text_;
  bool first_ = true;  // nothing stands before the next value on this level
  bool after_key_ = false;
};

}  // namespace sluice::rig
