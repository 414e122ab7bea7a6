#include "zc/wire/http2/block_reader.h"

#include "zc/wire/http2/head_budget.h"

namespace zc::http2 {
namespace {

constexpr frame_fault too_large{error_code::enhance_your_calm, "header block far too large"};

}  // namespace

block_reader::block_reader(const limits& bounds) noexcept
    : bytes_max_(head_budget::block_bytes_max(bounds)),
      continuations_max_(bounds.continuations_max) {}

// What is not the usual frame: a whole block and nothing around it.
frame_fault block_reader::take_other(const frame_head& h, std::span<const std::byte> payload) {
  return h.type == frame_type::headers ? begin(h, payload) : go_on(h, payload);
}

frame_fault block_reader::begin(const frame_head& h, std::span<const std::byte> payload) {
  std::size_t padding = 0;
  if (h.has(flag::padded)) {
    if (payload.empty()) {
      return {error_code::frame_size_error, "no room for the length of the padding"};
    }
    padding = std::to_integer<std::size_t>(payload.front());
    payload = payload.subspan(1);
  }
  const std::size_t in_front = h.has(flag::priority) ? priority_bytes : 0;
  if (padding + in_front > payload.size()) {
    return {error_code::protocol_error, "more padding than payload"};
  }
  payload = payload.subspan(in_front, payload.size() - in_front - padding);
  if (payload.size() > bytes_max_) return too_large;
  last_ = h.has(flag::end_stream);
  if (h.has(flag::end_headers)) {
    block_ = payload;
    return {};
  }
  id_ = h.id;
  continuations_ = 0;
  gathered_.assign(payload.begin(), payload.end());
  return {};
}

frame_fault block_reader::go_on(const frame_head& h, std::span<const std::byte> payload) {
  continuations_ += 1;
  if (continuations_ > continuations_max_) {
    return {error_code::enhance_your_calm, "too many CONTINUATION frames"};
  }
  if (payload.size() > bytes_max_ - gathered_.size()) return too_large;
  gathered_.insert(gathered_.end(), payload.begin(), payload.end());
  if (!h.has(flag::end_headers)) return {};
  id_ = 0;
  block_ = gathered_;
  return {};
}

}  // namespace zc::http2
