#include "zc/wire/http2/control_queue.h"

#include <algorithm>
#include <array>
#include <utility>

#include "zc/base/units.h"
#include "zc/wire/http2/flow_window.h"

namespace zc::http2 {
namespace {

constexpr std::size_t bytes_kept = 4_KiB;

}  // namespace

void control_queue::put(const frame_head& h, std::span<const std::byte> payload) {
  std::array<std::byte, frame_head_bytes> head;
  write_frame_head(head, h);
  frames_.insert(frames_.end(), head.begin(), head.end());
  frames_.insert(frames_.end(), payload.begin(), payload.end());
}

void control_queue::write(frame_writer& to) {
  to.put(frames_);
  frames_.clear();
  if (frames_.capacity() > bytes_kept) frames_.shrink_to_fit();
  acks_waiting_ = updates_waiting_ = 0;
}

void control_queue::open(const limits& bounds) {
  const auto text = std::as_bytes(std::span(preface));
  frames_.insert(frames_.end(), text.begin(), text.end());
  const std::array<std::pair<setting, std::uint32_t>, 5> all{{
      {setting::enable_push, 0},
      {setting::initial_window_size, bounds.stream_window},
      {setting::max_frame_size, bounds.frame_bytes_max},
      {setting::max_header_list_size,
       static_cast<std::uint32_t>(std::min<std::size_t>(bounds.head_bytes_max, UINT32_MAX))},
      {setting::no_rfc7540_priorities, 1},
  }};
  std::array<std::byte, all.size() * setting_bytes> payload;
  std::span<std::byte> at(payload);
  for (const auto& [what, value] : all) {
    write_u16(at.first<2>(), static_cast<std::uint16_t>(what));
    write_u32(at.subspan<2, 4>(), value);
    at = at.subspan(setting_bytes);
  }
  put({payload.size(), frame_type::settings, 0, 0}, payload);
  if (bounds.connection_window > window_before_settings) {
    put_update(0, bounds.connection_window - window_before_settings);
  }
}

bool control_queue::acknowledge_settings() {
  if (!may_acknowledge()) return false;
  put({0, frame_type::settings, flag::ack, 0}, {});
  return true;
}

bool control_queue::acknowledge_ping(std::span<const std::byte> payload) {
  if (!may_acknowledge()) return false;
  put({ping_bytes, frame_type::ping, flag::ack, 0}, payload);
  return true;
}

// One for half a window of payload at least; still, a server that reads none of them is left.
bool control_queue::update_window(std::int32_t id, std::uint32_t by) {
  updates_waiting_ += 1;
  if (updates_waiting_ > waiting_max_) return false;
  put_update(id, by);
  return true;
}

void control_queue::put_update(std::int32_t id, std::uint32_t by) {
  std::array<std::byte, 4> payload;
  write_u32(payload, by);
  put({payload.size(), frame_type::window_update, 0, id}, payload);
}

void control_queue::ping() {
  constexpr std::array<std::byte, ping_bytes> nothing{};
  put({nothing.size(), frame_type::ping, 0, 0}, nothing);
}

void control_queue::reset(std::int32_t id, error_code why) {
  std::array<std::byte, 4> payload;
  write_u32(payload, static_cast<std::uint32_t>(why));
  put({payload.size(), frame_type::rst_stream, 0, id}, payload);
}

// The server has begun no streams: the last one is 0.
void control_queue::goaway(error_code why, std::string_view reason) {
  std::array<std::byte, goaway_bytes_least> payload{};
  write_u32(std::span(payload).last<4>(), static_cast<std::uint32_t>(why));
  put({static_cast<std::uint32_t>(payload.size() + reason.size()), frame_type::goaway, 0, 0},
      payload);
  const auto text = std::as_bytes(std::span(reason));
  frames_.insert(frames_.end(), text.begin(), text.end());
}

}  // namespace zc::http2
