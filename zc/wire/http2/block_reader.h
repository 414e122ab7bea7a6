// zc/wire/http2/block_reader.h - header blocks as a client gets them: what is block of a HEADERS
// frame, and of the CONTINUATION frames behind it.
//
// Ownership  Keeps no reference on frames. block() is valid until done(), and no longer than the
//            payload that was taken last.
// Bounds     CONTINUATION frames per block, and the size of a block, as sent: see `limits`.
// Cost       A block in one frame is looked at where it lies; others are gathered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zc/wire/http2/frame.h"
#include "zc/wire/http2/frame_rules.h"
#include "zc/wire/http2/protocol.h"

namespace zc::http2 {

class block_reader {
 public:
  explicit block_reader(const limits& bounds) noexcept;

  // The stream whose block goes on with CONTINUATION; 0: none.
  std::int32_t under_way() const noexcept { return id_; }
  // HEADERS, or CONTINUATION of the stream that is under way.
  frame_fault take(const frame_head& h, std::span<const std::byte> payload) {
    constexpr std::uint8_t unlike = flag::end_headers | flag::padded | flag::priority;
    const bool plain = h.type == frame_type::headers && (h.flags & unlike) == flag::end_headers;
    if (!plain || payload.size() > bytes_max_) return take_other(h, payload);
    last_ = h.has(flag::end_stream);
    block_ = payload;
    return {};
  }

  // Once none is under way:
  std::span<const std::byte> block() const noexcept { return block_; }
  bool last() const noexcept { return last_; }  // END_STREAM
  void done() noexcept {
    block_ = {};
    if (!gathered_.empty()) gathered_ = {};
  }

 private:
  frame_fault take_other(const frame_head& h, std::span<const std::byte> payload);
  frame_fault begin(const frame_head& h, std::span<const std::byte> payload);
  frame_fault go_on(const frame_head& h, std::span<const std::byte> payload);

  std::size_t bytes_max_;
  std::uint32_t continuations_max_;
  std::int32_t id_ = 0;
  bool last_ = false;
  std::uint32_t continuations_ = 0;
  std::vector<std::byte> gathered_;
  std::span<const std::byte> block_;
};

}  // namespace zc::http2
