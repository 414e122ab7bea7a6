// zc/wire/http2/outgoing.h - what a stream still has to send behind its head: a prefix of a few
// bytes, and a body that goes out as it is.
//
// Ownership  Holds the body by reference until it is written or cleared.
// Cost       The prefix is copied, eight bytes at most; the body never.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "zc/base/check.h"
#include "zc/mem/chain.h"
#include "zc/wire/http2/frame_writer.h"
#include "zc/wire/http2/protocol.h"

namespace zc::http2 {

class outgoing {
 public:
  void load(content&& what) noexcept {  // but for its trailers
    prefix_ = what.prefix;
    prefix_size_ = what.prefix_size;
    prefix_sent_ = 0;
    body_ = std::move(what.body);
  }
  void clear() noexcept {
    prefix_size_ = prefix_sent_ = 0;
    body_.clear();
  }
  std::size_t size() const noexcept {
    return static_cast<std::size_t>(prefix_size_ - prefix_sent_) + body_.size();
  }
  // The next `n` bytes; returns how many of them are the body's. Requires: n <= size()
  std::size_t write(frame_writer& to, std::size_t n) {
    ZC_DCHECK(n <= size());
    const auto of_prefix = std::min(n, static_cast<std::size_t>(prefix_size_ - prefix_sent_));
    if (of_prefix > 0) {
      to.put(std::span<const std::byte>(prefix_).subspan(prefix_sent_, of_prefix));
      prefix_sent_ = static_cast<std::uint8_t>(prefix_sent_ + of_prefix);
    }
    const std::size_t of_body = n - of_prefix;
    if (of_body == 0) return 0;
    to.share(of_body == body_.size() ? std::move(body_) : body_.split_to(of_body));
    return of_body;
  }

 private:
  std::array<std::byte, 8> prefix_{};
  std::uint8_t prefix_size_ = 0;
  std::uint8_t prefix_sent_ = 0;
  bytes_chain body_;
};

}  // namespace zc::http2
