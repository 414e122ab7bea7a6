#include "zc/wire/http2/outgoing.h"

#include <algorithm>
#include <span>
#include <utility>

#include "zc/base/check.h"

namespace zc::http2 {

void outgoing::load(content&& what) noexcept {
  prefix_ = what.prefix;
  prefix_size_ = what.prefix_size;
  prefix_sent_ = 0;
  body_ = std::move(what.body);
}

void outgoing::clear() noexcept {
  prefix_size_ = prefix_sent_ = 0;
  body_.clear();
}

std::size_t outgoing::write(frame_writer& to, std::size_t n) {
  ZC_CHECK(n <= size());
  const std::size_t of_prefix = std::min(n, static_cast<std::size_t>(prefix_size_ - prefix_sent_));
  if (of_prefix > 0) {
    to.put(std::span<const std::byte>(prefix_).subspan(prefix_sent_, of_prefix));
    prefix_sent_ = static_cast<std::uint8_t>(prefix_sent_ + of_prefix);
  }
  const std::size_t of_body = n - of_prefix;
  if (of_body == 0) return 0;
  if (of_body == body_.size()) {
    to.share(std::move(body_));
    body_.clear();
  } else {
    to.share(body_.split_to(of_body));
  }
  return of_body;
}

}  // namespace zc::http2
