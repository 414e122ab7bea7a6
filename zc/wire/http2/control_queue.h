// zc/wire/http2/control_queue.h - a client's frames that no window holds back, until they can
// leave: the preface and its SETTINGS, acknowledgements, PING, RST_STREAM, WINDOW_UPDATE, GOAWAY.
//
// Bounds  Acknowledgements and window updates, which a server can cause at will: so many of each
//         (limits::acknowledgements_max). Beyond that nobody reads them, and the session ends. All
//         others are the user's doing, or one per stream.
// Cost    Appends to a vector that is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "zc/wire/http2/frame.h"
#include "zc/wire/http2/frame_writer.h"
#include "zc/wire/http2/protocol.h"

namespace zc::http2 {

class control_queue {
 public:
  explicit control_queue(std::uint32_t acknowledgements_max) noexcept
      : waiting_max_(acknowledgements_max) {}

  bool empty() const noexcept { return frames_.empty(); }
  void write(frame_writer& to);  // all of them, and forgets them

  void open(const limits& bounds);  // what a client says first
  // False, and nothing is queued: too many wait.
  [[nodiscard]] bool acknowledge_settings();
  [[nodiscard]] bool acknowledge_ping(std::span<const std::byte> payload);
  [[nodiscard]] bool update_window(std::int32_t id, std::uint32_t by);
  void ping();
  void reset(std::int32_t id, error_code why);
  void goaway(error_code why, std::string_view reason = {});

 private:
  void put(const frame_head& h, std::span<const std::byte> payload);
  void put_update(std::int32_t id, std::uint32_t by);
  bool may_acknowledge() noexcept { return ++acks_waiting_ <= waiting_max_; }

  std::vector<std::byte> frames_;
  std::uint32_t waiting_max_;
  std::uint32_t acks_waiting_ = 0;
  std::uint32_t updates_waiting_ = 0;
};

}  // namespace zc::http2
