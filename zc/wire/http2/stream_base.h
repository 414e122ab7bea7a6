// zc/wire/http2/stream_base.h - what the streams of both kinds of session have in common, as their
// user sees them. Derive from http2::stream or http2::client_stream, not from this.
//
// Ownership  The user's, see there.
// Threads    One. Callbacks come from the session only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "zc/mem/bytes.h"
#include "zc/wire/http2/field.h"
#include "zc/wire/http2/outgoing.h"
#include "zc/wire/http2/protocol.h"

namespace zc::http2 {

class client_session;
class client_stream;
class session;

class stream_base {
 public:
  stream_base() noexcept = default;
  stream_base(const stream_base&) = delete;
  stream_base& operator=(const stream_base&) = delete;

  std::int32_t id() const noexcept { return id_; }
  bool peer_ended() const noexcept { return peer_ended_; }
  std::size_t unsent() const noexcept { return to_send_.size(); }

 protected:
  ~stream_base() = default;

 private:
  friend class client_session;
  friend class client_stream;
  friend class session;

  // Views are valid during the call.
  virtual void on_field(token known, std::string_view name, std::string_view value) = 0;
  virtual void on_head(head_end how) = 0;
  virtual void on_data(bytes piece) = 0;
  virtual void on_end() = 0;
  // So many bytes of the body (without the prefix) were put into the output.
  virtual void on_sent(std::size_t n [[maybe_unused]]) {}
  // The session has forgotten the stream: reset by the peer or for its errors, refused, or both
  // sides are done. May destroy the stream.
  virtual void on_closed(error_code why) = 0;

  // One more DATA frame has come. Each costs something, whatever it carries.
  [[nodiscard]] bool count_frame(const limits& bounds) noexcept {
    frames_ += 1;
    return frames_ <= bounds.frames_free + received_ / bounds.frame_bytes_fair;
  }

  std::int32_t id_ = 0;
  bool head_seen_ = false;  // the request's, or the final one of an answer
  bool peer_ended_ = false;
  std::uint32_t frames_ = 0;  // DATA frames so far
  std::size_t received_ = 0;  // bytes of payload so far
  outgoing to_send_;
};

}  // namespace zc::http2
