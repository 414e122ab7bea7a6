// zc/wire/http1/head_writer.h - writes heads. Values cannot break out of their line: control bytes
// become blanks.
//
// Ownership  Appends to one buffer, which becomes the payload of the piece that finish() returns.
// Cost       One buffer per head when `room` was guessed well; framing is not counted in the copy
//            ledger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "zc/mem/bytes.h"

namespace zc::http1 {

// "OK", "Service Unavailable"; for numbers we have no words for: "Status".
std::string_view reason_of(int status) noexcept;

class head_writer {
 public:
  // "HTTP/1.1 200 OK"
  static head_writer response(int status, std::size_t room = 256);
  // "POST /v1/traces HTTP/1.1". Bytes that cannot be in a target are percent-encoded.
  static head_writer request(std::string_view method, std::string_view target,
                             std::size_t room = 384);

  head_writer& field(std::string_view name, std::string_view value);
  head_writer& field(std::string_view name, std::uint64_t value);
  head_writer& lines(std::string_view ready);  // made before, each with its CRLF

  std::size_t size() const noexcept { return text_.size(); }
  bytes finish();      // adds the empty line; the writer is spent
  std::string text();  // the same as a string

 private:
  head_writer() = default;
  std::string text_;
};

}  // namespace zc::http1
