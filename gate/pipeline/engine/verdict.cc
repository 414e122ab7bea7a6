#include "gate/pipeline/engine/verdict.h"

namespace sluice {

using zc::grpc::code;

verdict verdict::retry(std::string_view why, std::optional<zc::nanoseconds> delay) {
  return {kind::retryable, code::unavailable, 503, std::string(why), delay};
}

verdict verdict::refuse(code c, int http_status, std::string_view why) {
  return {kind::permanent, c, http_status, std::string(why), {}};
}

verdict verdict::of(const zc::error& why, std::string_view where) {
  std::string text(where);
  text += ": ";
  text += why.reason;
  switch (why.code) {
    case zc::errc::malformed:
    case zc::errc::truncated:
    case zc::errc::unsupported:
      text += " at byte " + std::to_string(why.offset);
      return refuse(code::invalid_argument, 400, text);
    case zc::errc::too_large:
      return refuse(code::resource_exhausted, 413, text);
    case zc::errc::exhausted:
    case zc::errc::closed:
    case zc::errc::timed_out:
    case zc::errc::refused:
    case zc::errc::system:
      return retry(text);
  }
  return refuse(code::internal, 500, text);
}

void verdict::merge(verdict&& other) {
  if (other.what > what) {
    const std::uint64_t kept = took;
    *this = std::move(other);
    took = kept;
    return;
  }
  if (retryable() && other.retryable() &&
      other.delay.value_or(zc::nanoseconds(0)) > delay.value_or(zc::nanoseconds(0))) {
    delay = other.delay;
  }
}

zc::grpc::status verdict::as_status() const {
  zc::grpc::status s;
  s.grpc = grpc;
  s.http = http;
  s.message = message;
  if (retryable()) s.retry_after = delay;
  return s;
}

int http_of(code c) noexcept {
  switch (c) {
    case code::ok:
      return 200;
    case code::invalid_argument:
      return 400;
    case code::unauthenticated:
      return 401;
    case code::permission_denied:
      return 403;
    case code::unimplemented:
      return 404;
    case code::resource_exhausted:
      return 413;
    case code::cancelled:
    case code::deadline_exceeded:
    case code::aborted:
    case code::out_of_range:
    case code::unavailable:
    case code::data_loss:
      return 503;
    default:
      return 500;
  }
}

// Of a backend that speaks OTLP/HTTP, so two statuses say more than they do to plain gRPC.
code grpc_of_http(int http_status) noexcept {
  if (http_status == 400) return code::invalid_argument;
  if (http_status == 413) return code::resource_exhausted;
  return zc::grpc::from_http(http_status);
}

}  // namespace sluice
