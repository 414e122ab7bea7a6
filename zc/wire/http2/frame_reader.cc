#include "zc/wire/http2/frame_reader.h"

#include <algorithm>

namespace zc::http2 {

frame_reader::part frame_reader::next(std::span<const std::byte>& input) {
  if (!in_payload_) return take_head(input);
  return streamed() ? take_streamed(input) : take_whole(input);
}

frame_reader::part frame_reader::take_head(std::span<const std::byte>& input) {
  if (have_ == 0 && input.size() >= frame_head_bytes) {
    head_ = read_frame_head(input.first<frame_head_bytes>());
    input = input.subspan(frame_head_bytes);
  } else {
    const std::size_t now = std::min(frame_head_bytes - have_, input.size());
    std::copy_n(input.begin(), now, partial_.begin() + static_cast<std::ptrdiff_t>(have_));
    have_ += now;
    input = input.subspan(now);
    if (have_ < frame_head_bytes) return part::nothing;
    have_ = 0;
    head_ = read_frame_head(partial_);
  }
  left_ = head_.length;
  in_payload_ = true;
  // A long payload had to be gathered: its buffer is not kept for ever.
  gathered_.clear();
  if (gathered_.capacity() > kept_bytes_max) gathered_.shrink_to_fit();
  return part::head;
}

frame_reader::part frame_reader::give(std::span<const std::byte> piece, std::size_t left) noexcept {
  payload_ = piece;
  left_ = left;
  if (left == 0) in_payload_ = false;
  return part::payload;
}

frame_reader::part frame_reader::take_streamed(std::span<const std::byte>& input) {
  if (input.empty() && left_ > 0) return part::nothing;
  const std::span<const std::byte> piece = input.first(std::min(left_, input.size()));
  input = input.subspan(piece.size());
  return give(piece, left_ - piece.size());
}

frame_reader::part frame_reader::take_whole(std::span<const std::byte>& input) {
  const std::span<const std::byte> piece = input.first(std::min(left_, input.size()));
  input = input.subspan(piece.size());
  left_ -= piece.size();
  if (gathered_.empty() && left_ == 0) return give(piece, 0);
  gathered_.insert(gathered_.end(), piece.begin(), piece.end());
  if (left_ > 0) return part::nothing;
  return give(gathered_, 0);
}

}  // namespace zc::http2
