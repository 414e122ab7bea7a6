// zc/wire/http2/protocol.h - what both kinds of session share: error codes, limits, how a header
// block ends, what is sent behind one, and what a connection as a whole reports.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "zc/base/units.h"
#include "zc/mem/chain.h"
#include "zc/wire/http2/field.h"

namespace zc::http2 {

class stream;

enum class error_code : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  settings_timeout = 4,
  stream_closed = 5,
  frame_size_error = 6,
  refused_stream = 7,
  cancel = 8,
  compression_error = 9,
  connect_error = 10,
  enhance_your_calm = 11,
  inadequate_security = 12,
  http_1_1_required = 13,
};

// What the peer's bytes open with on the server's side: "PRI * HTTP/2.0 ...", 24 bytes.
inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct limits {
  std::uint32_t streams_max = 1'000;    // server: MAX_CONCURRENT_STREAMS
  std::uint32_t stream_window = 4_MiB;  // >= most messages: then no stream WINDOW_UPDATE is sent
  std::uint32_t connection_window =
      16_MiB;  // 64 KiB would cost five times the CPU, and ten times the rate
  std::uint32_t frame_bytes_max = 1_MiB;  // received: lets a peer send a message as one frame
  std::uint32_t send_frame_bytes_max =
      256_KiB;  // the library keeps a buffer of this size once a large body was sent
  std::size_t head_bytes_max = 16_KiB;  // names + values + 32 each; above: on_head() says too_large
  std::size_t head_fields_max = 100;
  // Frames without progress; burst = what one turn may bring, then so many per second and four per
  // message.
  std::uint32_t idle_frames_burst = 400;
  std::uint32_t idle_frames_per_second = 100;
  std::uint32_t resets_burst = 200;  // RST_STREAM received
  std::uint32_t resets_per_second = 33;
  std::uint32_t own_resets_burst = 100;  // RST_STREAM that the peer's errors made us send
  std::uint32_t own_resets_per_second = 10;
  std::uint32_t acknowledgements_max =
      200;                              // PING and SETTINGS acknowledgements waiting to be sent
  std::uint32_t continuations_max = 4;  // CONTINUATION frames per header block
  // A block of more than 8 * head_bytes_max bytes, as sent or as read, ends the session.
  // DATA frames of one message: `frames_free` + one per `frame_bytes_fair` bytes.
  std::uint32_t frames_free = 4'096;
  std::uint32_t frame_bytes_fair = 256;
};

enum class head_kind : std::uint8_t { request, informational, response, trailers };

struct head_end {
  head_kind kind = head_kind::request;
  bool last = false;       // END_STREAM: on_end() follows
  bool too_large = false;  // above the limits: fields are missing
};

// What is sent behind a head. With neither prefix, body nor trailers END_STREAM rides on the head.
struct content {
  std::array<std::byte, 8> prefix{};
  std::uint8_t prefix_size = 0;
  bytes_chain body;
  std::span<const field> trailers;  // the fields must live as long as the stream
  bool empty() const noexcept { return prefix_size == 0 && body.empty() && trailers.empty(); }
};

class session_events {
 public:
  // Server: a request begins. Null: it is refused (REFUSED_STREAM).
  virtual stream* on_request() { return nullptr; }
  virtual void on_settings() {}  // the peer's settings arrived
  // The peer takes no stream above `last`. Those above it are closed with refused_stream right
  // after.
  virtual void on_goaway(std::int32_t last [[maybe_unused]], error_code why [[maybe_unused]]) {}
  virtual void on_ping_ack() {}  // to ping() and to begin_drain()

 protected:
  ~session_events() = default;
};

}  // namespace zc::http2
