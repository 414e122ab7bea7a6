// zc/wire/http2/frame_reader.h - cuts the bytes of a connection into frames, however they arrive.
//
//     fed   [ 9 | pay ] [ load | 9 | payload | 9 ...
//     next()  head      payload  head  payload   ...
//
// Payload of DATA frames, and of frames of unknown type, is handed out as it arrives: slices of
// what was fed. Payload of all others comes whole: where it lies when it arrived in one piece, else
// from a small buffer.
//
// Ownership  Keeps no reference on what was fed: payload() is valid until the next call.
// Bounds     Checks nothing. Who looks at the head decides whether to go on: only what was let
//            through is gathered, and no faster than it arrives.
// Threads    One.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "zc/wire/http2/frame.h"

namespace zc::http2 {

class frame_reader {
 public:
  enum class part : unsigned char {
    nothing,  // the input is used up
    head,     // head() is known; payload follows, if only an empty piece of it
    payload,
  };

  // What comes next in `input`, which moves behind it.
  part next(std::span<const std::byte>& input);

  const frame_head& head() const noexcept { return head_; }
  std::span<const std::byte> payload() const noexcept { return payload_; }
  bool last() const noexcept { return left_ == 0; }  // the frame ends with this piece
  // Between two frames: nothing of the next one has come.
  bool between() const noexcept { return !in_payload_ && have_ == 0; }

 private:
  static constexpr std::size_t kept_bytes_max = 16'384;  // of the buffer, between frames

  part take_head(std::span<const std::byte>& input);
  part take_streamed(std::span<const std::byte>& input);
  part take_whole(std::span<const std::byte>& input);
  part give(std::span<const std::byte> piece, std::size_t left) noexcept;
  bool streamed() const noexcept {
    return head_.type == frame_type::data || head_.type > frame_type::continuation;
  }

  frame_head head_;
  bool in_payload_ = false;
  std::array<std::byte, frame_head_bytes> partial_{};
  std::size_t have_ = 0;  // of a head that is cut
  std::size_t left_ = 0;  // of the payload
  std::span<const std::byte> payload_;
  std::vector<std::byte> gathered_;  // at most one frame's payload
};

}  // namespace zc::http2
