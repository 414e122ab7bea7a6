#include "zc/net/refusal.h"

#include <utility>

namespace zc::net {
namespace {

std::string json_text(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  out.reserve(text.size() + 2);
  out.push_back('"');
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (b < 0x20 || b == 0x7f) {
      out.append("\\u00").append({hex[b >> 4], hex[b & 15]});
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace

error_body describe(const grpc::status& why, error_form form) {
  switch (form) {
    case error_form::protobuf:
      return {"application/x-protobuf", grpc::encode_status(why)};
    case error_form::json:
      return {"application/json", "{\"code\":" + std::to_string(static_cast<int>(why.grpc)) +
                                      ",\"message\":" + json_text(grpc::valid_utf8(why.message)) +
                                      "}"};
    case error_form::text:
      break;
  }
  return {"text/plain", why.message + "\n"};
}

grpc::status refusal(grpc::code code, int http, std::string_view message) {
  grpc::status s;
  s.grpc = code;
  s.http = http;
  s.message = message;
  return s;
}

}  // namespace zc::net
