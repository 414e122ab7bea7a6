// zc/wire/http1/head.h - the head of an HTTP/1.x request or response, parsed where it lies.
//
// Strict where looseness lets two parties see different messages (request smuggling): every line
// ends in CRLF, no blank before a colon, no folded lines, no bare CR or other control bytes, at
// most one Content-Length and only digits in it, never Content-Length together with
// Transfer-Encoding, and `chunked` as the only transfer coding (RFC 9112).
//
// Ownership  Heads are views into the caller's bytes and into the caller's field list; both must
//            outlive them.
// Threads    Any; pure functions.
// Cost       One pass; nothing is allocated once the field list has grown to its usual size.
// Errors     malformed (400), too_large (431; for a length that does not fit 64 bits: 413),
//            unsupported (501 for a transfer coding, 505 for a version); see error_status(). The
//            offset is that in the head.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "zc/base/result.h"
#include "zc/wire/http1/head_scanner.h"
#include "zc/wire/view/field_view.h"

namespace zc::http1 {

struct field {
  std::string_view name;   // as sent; compare with name_is()
  std::string_view value;  // without blanks around it
};

enum class framing : std::uint8_t {
  none,    // no body
  length,  // Content-Length
  chunked,
  until_close,  // responses only
};

struct request_line {
  std::string_view method;
  std::string_view target;  // as sent
  std::string_view path;    // without the query; of an absolute-form target: behind the authority
  std::string_view query;   // behind '?'
};

struct message_head {
  int minor = 1;  // HTTP/1.minor
  framing body = framing::none;
  std::uint64_t length = 0;  // when body is framing::length
  bool keep_alive = true;    // what version and Connection say
  std::span<const field> fields;
};

struct request_head : message_head, request_line {
  bool expect_continue = false;
};

struct response_head : message_head {
  int status = 0;
  std::string_view reason;
};

// `head` is everything up to and with the empty line (see head_scanner). `fields` is overwritten.
result<request_head> parse_request(std::string_view head, std::vector<field>& fields);
// `to_head`: this answers a HEAD request, so no body follows whatever the fields say.
result<response_head> parse_response(std::string_view head, std::vector<field>& fields,
                                     bool to_head = false);

// The HTTP status that tells a client about an error of parse_request().
int error_status(const error& why) noexcept;

// ASCII case is ignored. `lower` has to be in lower case.
inline bool name_is(std::string_view name, std::string_view lower) noexcept {
  return is_ignoring_case(name, lower);
}
// The value of the first field of that name; empty when there is none.
std::string_view find(std::span<const field> fields, std::string_view lower) noexcept;
using zc::list_has;  // whether a comma-separated list has `lower` as one of its members
inline std::string_view trim(std::string_view text) noexcept {  // blanks and tabs
  return trim_blanks(text);
}

}  // namespace zc::http1
