// Decoders of what a peer says: no read outside, and what decodes encodes again to something that
// decodes the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "zc/wire/grpc/status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)zc::grpc::message_in_status(text);
  if (const auto delay = zc::grpc::retry_delay_in_status(text)) {
    zc::grpc::status s;
    s.retry_after = delay;
    if (zc::grpc::retry_delay_in_status(zc::grpc::encode_status(s)) != delay) std::abort();
  }
  if (const auto raw = zc::grpc::base64_decode(text)) {
    if (zc::grpc::base64_decode(zc::grpc::base64_encode(*raw)) != *raw) std::abort();
  }
  if (zc::grpc::decode_message(zc::grpc::encode_message(text, SIZE_MAX)) != text) std::abort();
  if (const auto t = zc::grpc::parse_timeout(text)) {
    if (zc::grpc::parse_timeout(zc::grpc::encode_timeout(*t)).value() < *t) std::abort();
  }
  return 0;
}
