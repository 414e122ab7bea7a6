#include "zc/wire/http2/frame_rules.h"

namespace zc::http2 {

frame_fault fault_in(const frame_head& h, std::uint32_t bytes_max,
                     std::int64_t first_idle) noexcept {
  const bool idle = h.id % 2 == 0 || h.id >= first_idle;  // the connection's 0 among them
  bool size_fits = h.length <= bytes_max;
  bool id_fits = true;
  switch (h.type) {
    case frame_type::data:
    case frame_type::headers:
    case frame_type::continuation:
      id_fits = !idle;
      break;
    case frame_type::priority:
      size_fits = h.length == priority_bytes;
      id_fits = h.id != 0;
      break;
    case frame_type::rst_stream:
      size_fits = h.length == 4;
      id_fits = !idle;
      break;
    case frame_type::settings:
      size_fits = h.length % setting_bytes == 0 && (h.length == 0 || !h.has(flag::ack));
      id_fits = h.id == 0;
      if (size_fits && h.length > settings_max * setting_bytes) {
        return {error_code::enhance_your_calm, "too many settings in one frame"};
      }
      break;
    case frame_type::push_promise:
      return {error_code::protocol_error, "PUSH_PROMISE, and push is off"};
    case frame_type::ping:
      size_fits = h.length == ping_bytes;
      id_fits = h.id == 0;
      break;
    case frame_type::goaway:
      size_fits = size_fits && h.length >= goaway_bytes_least;
      id_fits = h.id == 0;
      break;
    case frame_type::window_update:
      size_fits = h.length == 4;
      id_fits = h.id == 0 || !idle;
      break;
    default:
      break;
  }
  if (!size_fits) return {error_code::frame_size_error, "a frame has the wrong size"};
  if (!id_fits) {
    return {error_code::protocol_error, "a frame for a stream that it cannot be for"};
  }
  return {};
}

}  // namespace zc::http2
