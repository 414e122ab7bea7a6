// zc/wire/http2/field.h - header fields: names that are known by a token, and fields to be sent.
//
// Cost  token_of() looks at the length and compares once or twice; nothing is allocated.
#pragma once

#include <cstdint>
#include <string_view>

namespace zc::http2 {

// The names that a gRPC or HTTP service looks at. Everything else is `other`.
enum class token : std::uint8_t {
  other,
  authority,
  method,
  path,
  scheme,
  status,
  accept_encoding,
  content_encoding,
  content_length,
  content_type,
  expect,
  grpc_accept_encoding,
  grpc_encoding,
  grpc_message,
  grpc_retry_pushback_ms,
  grpc_status,
  grpc_status_details_bin,
  grpc_timeout,
  host,
  retry_after,
  retryinfo_bin,  // google.rpc.retryinfo-bin
  te,
  user_agent,
};

token token_of(std::string_view name) noexcept;

// A field to be sent. `lasting`: name and value outlive the session (literals, the exporter's
// configuration), so that they need not be copied until the frame is made.
struct field {
  std::string_view name;
  std::string_view value;
  bool lasting = false;
  bool never_indexed = false;  // secrets: kept out of the compression tables of all hops
};

}  // namespace zc::http2
