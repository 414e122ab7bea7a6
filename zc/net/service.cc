#include "zc/net/service.h"

namespace zc::net {

std::string_view name_of(protocol p) noexcept {
  switch (p) {
    case protocol::http1:
    case protocol::http2:
      return "http";
    case protocol::grpc:
      return "grpc";
  }
  return "";
}

}  // namespace zc::net
