#include "zc/wire/http2/client_stream.h"

#include <utility>

#include "zc/base/check.h"

namespace zc::http2 {

client_stream::~client_stream() {
  ZC_CHECK(session_ == nullptr);
}

void client_stream::load(content&& what) {
  ZC_CHECK(session_ == nullptr && what.trailers.empty());
  to_send_.load(std::move(what));
}

}  // namespace zc::http2
