// zc/wire/grpc/status.h - gRPC status codes, and what travels with them.
//
// Sources: grpc doc/statuscodes.md, doc/PROTOCOL-HTTP2.md, doc/http-grpc-status-mapping.md;
// google.rpc.Status and google.rpc.RetryInfo (googleapis); OTLP specification, "Failures".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "zc/base/result.h"

namespace zc::grpc {

enum class code : std::uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

std::string_view name_of(code c) noexcept;  // "UNAVAILABLE"

// A refusal, in the terms of both transports.
struct status {
  code grpc = code::ok;
  int http = 200;       // what the same refusal is over plain HTTP
  std::string message;  // English, for people
  // ask the client to wait this long, then try again
  std::optional<std::chrono::nanoseconds> retry_after;
  // HTTP/1.1: the body was not read; HTTP/2: shutting down
  bool close_connection = false;

  bool ok() const noexcept { return grpc == code::ok; }
};

// OTLP: which codes a client should retry. resource_exhausted only when it carries RetryInfo.
bool retryable(code c, bool has_retry_info) noexcept;

// In absence of grpc-status only (http-grpc-status-mapping.md).
code from_http(int http_status) noexcept;
// RST_STREAM error code to gRPC code (PROTOCOL-HTTP2.md, "Errors").
code from_h2_error(std::uint32_t error_code) noexcept;

// grpc-message: percent-encoded outside %x20-7E and for '%'; cut to `max` bytes of output, never
// inside an escape.
std::string encode_message(std::string_view text, std::size_t max = 1024);
std::string decode_message(std::string_view text);  // never fails: what is no escape stays

// The text with every byte that is no UTF-8 replaced by '?': protobuf and JSON take nothing else,
// and messages may quote what a peer said.
std::string valid_utf8(std::string_view text);

// google.rpc.Status{code, message, details: [RetryInfo]} in protobuf.
std::string encode_status(const status& s);
// google.rpc.RetryInfo in protobuf.
std::string encode_retry_info(std::chrono::nanoseconds delay);
// The retry delay inside an encoded google.rpc.Status, if it carries RetryInfo. Bad bytes are no
// delay.
std::optional<std::chrono::nanoseconds> retry_delay_in_status(std::string_view encoded);
// `message` of an encoded google.rpc.Status; empty if there is none or the bytes are bad.
std::string message_in_status(std::string_view encoded);

// Standard base64 without padding, as -bin trailers carry it; decoding takes padded, unpadded and
// URL-safe forms.
std::string base64_encode(std::string_view raw);
result<std::string> base64_decode(std::string_view text);

// grpc-timeout: 1 to 8 digits and one of H M S m u n.
result<std::chrono::nanoseconds> parse_timeout(std::string_view text);
std::string encode_timeout(std::chrono::nanoseconds t);

}  // namespace zc::grpc
