// zc/wire/http2/session.h - the server's end of one HTTP/2 connection without a socket: bytes in,
// streams' events out, frames to be sent. On nghttp2, since strangers call here; the client's end
// is http2::client_session.
//
//     socket -> feed(bytes) -> stream::on_field, on_head, on_data(slice of those bytes), on_end,
//     on_closed
//     respond(), reset() ... -> collect(chain) -> socket
//
// Zero copy  on_data() gets slices of the bytes just fed. Payload to be sent goes into the output
//            chain by reference; only frame headers (and a message prefix of 8 bytes at most) are
//            written, into a small arena.
// Ownership  Streams belong to the user. One must not be destroyed while it is open(): forget() it
//            first.
// Threads    One. Callbacks come from feed(), and on_sent(), on_closed() from collect() too. Inside
//            callbacks everything here may be called but feed(), collect() and the destructor.
// Bounds     Header blocks, frames without progress, frames per message, resets, acknowledgements:
//            see `limits`.
// Errors     What a peer does wrong ends its stream or its session: feed() fails, then collect()
//            what is left (it tells the peer why) and close.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zc/base/result.h"
#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"
#include "zc/wire/http2/field.h"
#include "zc/wire/http2/flood.h"
#include "zc/wire/http2/frame_writer.h"
#include "zc/wire/http2/head_budget.h"
#include "zc/wire/http2/protocol.h"
#include "zc/wire/http2/stream_base.h"

struct nghttp2_session;

namespace zc::http2 {

class session;

// One request and its answer, as their user sees them. Derive from it.
class stream : public stream_base {
 public:
  bool open() const noexcept { return session_ != nullptr; }
  // Payload that comes from now on is dropped (its window is given back).
  void discard() noexcept { discarding_ = true; }

 protected:
  ~stream();

 private:
  friend class session;

  session* session_ = nullptr;
  stream* next_ = nullptr;  // in the session's list of open streams
  stream** link_ = nullptr;
  bool discarding_ = false;
  std::size_t window_owed_ = 0;  // received, not given back to the stream's window
  std::span<const field> trailers_;
};

class session {
 public:
  // Makes the first SETTINGS: collect() them. Throws std::bad_alloc.
  session(const limits& bounds, session_events& events);
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session();  // calls nothing back; streams that are still open are closed for their users

  // Bytes that arrived; `now` from any monotonic clock.
  result<void> feed(const bytes& received, std::chrono::nanoseconds now);
  // Appends what may be sent to `out` while it is smaller than `high_water`.
  void collect(bytes_chain& out, std::size_t high_water = 1_MiB);
  bool wants_output() const noexcept;
  // Nothing more is to be read, after an error or a GOAWAY; once nothing is to be sent either:
  // close.
  bool finished_reading() const noexcept;

  // The answer to an open stream. If the request has not ended when the answer has, the client is
  // told to stop.
  void respond(stream& to, std::span<const field> head, content&& rest);
  void reset(stream& s, error_code why);
  // The stream's object goes away; what the stream still has to send is lost. Call reset() first if
  // it matters.
  void forget(stream& s) noexcept;

  // Tells the client that no new streams will be taken soon, and pings, so that on_ping_ack() says
  // when it knows. Then end_drain(): streams that came until then are answered, later ones are not
  // processed.
  void begin_drain();
  void end_drain();
  void goaway(error_code why);  // the same as end_drain() with a reason
  void ping();

  // While on, received payload is not given back to the connection's window: the peer may send what
  // is left of it.
  void hold_window(bool on);
  bool window_held() const noexcept { return holding_; }
  std::size_t window_owed() const noexcept { return owed_; }

  // A header block, or the first SETTINGS, is not complete.
  bool in_head() const noexcept { return in_head_; }
  bool greeted() const noexcept { return greeted_; }         // the peer's first SETTINGS came
  std::size_t streams() const noexcept { return streams_; }  // open ones
  std::uint64_t own_resets() const noexcept { return own_resets_; }

 private:
  struct callbacks;
  friend struct callbacks;

  stream* find(std::int32_t id) noexcept;
  bool count_block(std::size_t n, bool begins);
  bool count_field(std::size_t n);
  void remember(stream& s, std::int32_t id) noexcept;
  void give_up(error_code why, const char* reason);
  void on_headers(std::int32_t id, std::uint8_t flags);
  void on_data_frame(std::int32_t id, std::uint8_t flags);
  void return_window();
  void owe_stream(stream& s, std::size_t n);
  void on_own_reset(std::uint32_t why);

  limits limits_;
  session_events& events_;
  nghttp2_session* handle_ = nullptr;

  const bytes* feeding_ = nullptr;     // during feed()
  bytes_chain* collecting_ = nullptr;  // during collect()
  std::size_t high_water_ = 0;
  frame_writer writer_;

  stream* first_ = nullptr;
  stream* last_ = nullptr;  // found last: most frames belong to the stream of the frame before
  std::size_t streams_ = 0;
  std::size_t owed_ = 0;  // payload received and not yet given back to the connection's window
  head_budget head_;
  std::size_t block_bytes_ = 0;  // of the header block being read, as sent
  std::uint64_t own_resets_ = 0;
  const char* failure_ = nullptr;
  bool in_head_ = true;
  bool greeted_ = false;
  bool holding_ = false;
  bool leaving_ = false;  // after goaway(): streams that begin now are refused
  flood_budget idle_frames_;
  flood_budget own_reset_budget_;
};

}  // namespace zc::http2
