// zc/net/refusal.h - what a refusal looks like as the body of an HTTP answer. Internal to zc/net.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "zc/wire/grpc/status.h"

namespace zc::net {

// OTLP/HTTP: a google.rpc.Status in the encoding of the request; plain text for who asked with GET.
enum class error_form : std::uint8_t { protobuf, json, text };

struct error_body {
  std::string_view content_type;
  std::string text;
};

error_body describe(const grpc::status& why, error_form form);

grpc::status refusal(grpc::code code, int http, std::string_view message);

}  // namespace zc::net
