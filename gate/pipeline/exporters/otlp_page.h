// gate/pipeline/exporters/otlp_page.h - one request as text: the sheet that is written on, and what
// of the request is being read.
//
//     otlp_page page(request, debug_verbosity::detailed, 1 << 20);
//     page.fields(record, [&](zc::pb::reader& r) { ...; return true; });
//     page.attributes(record, 9, "Attributes");
//
// Every step returns false when the bytes break; failure() then tells where in the request. A step
// that finds the sheet full ends early, and that is no failure.
//
// Threads  One. The request outlives the page.
// Cost     Values are put together in the thread's scratch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gate/pipeline/engine/settings.h"
#include "gate/pipeline/exporters/sheet.h"
#include "zc/base/result.h"
#include "zc/wire/protobuf/reader.h"

namespace sluice {

class otlp_page {
 public:
  using message = std::span<const std::byte>;
  using piece = std::pmr::string;  // text of one value, in the scratch of whoever wants it

  otlp_page(std::string_view request, debug_verbosity how, std::size_t bytes_max)
      : request_(std::as_bytes(std::span(request))),
        detailed_(how == debug_verbosity::detailed),
        out_(bytes_max) {}

  message request() const noexcept { return request_; }
  bool detailed() const noexcept { return detailed_; }
  sheet& out() noexcept { return out_; }
  const zc::error& failure() const noexcept { return failure_; }
  std::string take() && { return std::move(out_).take(); }

  // Calls `each` per field until the message ends, breaks, or the output is full.
  template <class Each>
  bool fields(message m, Each each) {
    zc::pb::reader r(m, offset_of(m));
    while (!out_.full() && r.next()) {
      if (!each(r)) return false;
    }
    if (r.ok()) return true;
    failure_ = r.failure();
    return false;
  }
  // The last value of a nested message or text field, as proto3 reads it.
  bool find(message m, std::uint32_t number, message& into) {
    return fields(m, [&](zc::pb::reader& r) {
      if (r.is(number, zc::pb::wire::bytes)) into = r.view();
      return true;
    });
  }
  // The last value of a number in one of the two encodings, as proto3 reads it.
  bool number_in(message m, std::uint32_t field, std::uint64_t& into) {
    return fields(m, [&](zc::pb::reader& r) {
      if (r.is(field, zc::pb::wire::varint)) into = r.value();
      return true;
    });
  }
  bool fixed_in(message m, std::uint32_t field, std::uint64_t& into) {
    return fields(m, [&](zc::pb::reader& r) {
      if (r.is(field, zc::pb::wire::fixed64)) into = r.value();
      return true;
    });
  }

  // AnyValue, of which the last field counts. `quoted`: inside of a list or a map.
  bool value(message m, piece& into, bool quoted, unsigned depth = 0);
  // KeyValues in field `number` of `m`: a block with a heading (detailed), or key=value behind each
  // other.
  bool attributes(message m, std::uint32_t number, std::string_view heading);

  static std::string_view text_of(message m) noexcept {
    return {reinterpret_cast<const char*>(m.data()), m.size()};
  }
  // Brief: plain values without the quotes of a list.
  static std::string_view unquoted(std::string_view text) noexcept {
    const bool quotes = text.size() >= 2 && text.front() == '"';
    return quotes ? text.substr(1, text.size() - 2) : text;
  }

 private:
  // Messages that are absent have no place.
  std::size_t offset_of(message m) const noexcept {
    return m.empty() ? 0 : static_cast<std::size_t>(m.data() - request_.data());
  }
  // More than the output can take need not be made: it is cut off anyway.
  bool enough(const piece& text) const noexcept { return text.size() > out_.max(); }
  void append_shown(piece& into, std::string_view raw) const;
  void append_hex(piece& into, message m) const;
  bool list(message m, piece& into, unsigned depth);
  bool map(message m, piece& into, unsigned depth);
  bool attribute(message m);

  message request_;
  bool detailed_;
  sheet out_;
  zc::error failure_;
};

}  // namespace sluice
