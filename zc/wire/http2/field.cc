#include "zc/wire/http2/field.h"

namespace zc::http2 {
namespace {

token if_same(std::string_view name, std::string_view known, token t) noexcept {
  return name == known ? t : token::other;
}

// Several names of one length: the first that fits.
template <class... Rest>
token if_same(std::string_view name, std::string_view known, token t, Rest... rest) noexcept {
  return name == known ? t : if_same(name, rest...);
}

}  // namespace

token token_of(std::string_view name) noexcept {
  switch (name.size()) {
    case 2:
      return if_same(name, "te", token::te);
    case 4:
      return if_same(name, "host", token::host);
    case 5:
      return if_same(name, ":path", token::path);
    case 6:
      return if_same(name, "expect", token::expect);
    case 7:
      return if_same(name, ":method", token::method, ":scheme", token::scheme, ":status",
                     token::status);
    case 10:
      return if_same(name, ":authority", token::authority, "user-agent", token::user_agent);
    case 11:
      return if_same(name, "grpc-status", token::grpc_status, "retry-after", token::retry_after);
    case 12:
      return if_same(name, "content-type", token::content_type, "grpc-timeout", token::grpc_timeout,
                     "grpc-message", token::grpc_message);
    case 13:
      return if_same(name, "grpc-encoding", token::grpc_encoding);
    case 14:
      return if_same(name, "content-length", token::content_length);
    case 15:
      return if_same(name, "accept-encoding", token::accept_encoding);
    case 16:
      return if_same(name, "content-encoding", token::content_encoding);
    case 20:
      return if_same(name, "grpc-accept-encoding", token::grpc_accept_encoding);
    case 22:
      return if_same(name, "grpc-retry-pushback-ms", token::grpc_retry_pushback_ms);
    case 23:
      return if_same(name, "grpc-status-details-bin", token::grpc_status_details_bin);
    case 24:
      return if_same(name, "google.rpc.retryinfo-bin", token::retryinfo_bin);
    default:
      return token::other;
  }
}

}  // namespace zc::http2
