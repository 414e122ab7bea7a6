// zc/wire/http2/client_session.h - the client's end of one HTTP/2 connection without a socket, with
// framing of our own: bytes in, streams' events out, frames to be sent (RFC 9113).
//
//     request(stream) ... -> collect(chain) -> socket -> feed(bytes) -> on_field, on_head, on_data,
//     on_end, on_closed
//
// The client writes every head itself, so that a request costs a handful of bytes and no look-up in
// a library: HEADERS, the head of DATA and the message's prefix are one small piece, the body
// follows by reference. Answers that were seen before are known at sight (head_decoder). The
// server's end is http2::session, where strangers call.
//
// Zero copy  on_data() gets slices of the bytes just fed. Bodies go into the output chain by
//            reference.
// Ownership  Streams belong to the user. One must not be destroyed while it is open(): reset() or
//            forget() it first.
// Threads    One. Callbacks come from feed(), and write_head(), on_sent(), on_closed() from
//            collect() too. Inside callbacks everything here may be called but feed(), collect()
//            and the destructor.
// Bounds     Header blocks, CONTINUATION frames, frames without progress, frames per message,
//            acknowledgements: see `limits`. What a server cannot be told of is dropped, not kept.
// Errors     What the server does wrong ends its stream (on_closed says how) or the session: feed()
//            fails, then collect() what is left (it tells the server why) and close.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zc/base/result.h"
#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"
#include "zc/wire/http2/block_reader.h"
#include "zc/wire/http2/client_stream.h"
#include "zc/wire/http2/control_queue.h"
#include "zc/wire/http2/field.h"
#include "zc/wire/http2/flood.h"
#include "zc/wire/http2/flow_window.h"
#include "zc/wire/http2/frame.h"
#include "zc/wire/http2/frame_reader.h"
#include "zc/wire/http2/frame_writer.h"
#include "zc/wire/http2/head_decoder.h"
#include "zc/wire/http2/head_encoder.h"
#include "zc/wire/http2/protocol.h"
#include "zc/wire/http2/stream_row.h"
#include "zc/wire/http2/stream_table.h"

namespace zc::http2 {

class client_session {
 public:
  // `common`: the fields that every request has beside those that its stream puts; must outlive the
  // session. Makes the preface and the first SETTINGS: collect() them. Throws std::bad_alloc.
  client_session(const limits& bounds, session_events& events, std::span<const field> common);
  client_session(const client_session&) = delete;
  client_session& operator=(const client_session&) = delete;
  ~client_session();  // calls nothing back; streams that are still open are closed for their users

  // Bytes that arrived; `now` from any monotonic clock.
  result<void> feed(const bytes& received, std::chrono::nanoseconds now);
  // Appends what may be sent to `out` while it is smaller than `high_water`.
  void collect(bytes_chain& out, std::size_t high_water = 1_MiB);
  bool wants_output() const noexcept;
  // Nothing more is to be read, after an error or a GOAWAY; once nothing is to be sent either:
  // close.
  bool finished_reading() const noexcept;

  // Opens a stream and sends what it was loaded with. Fails (closed) when the session takes no new
  // streams. It waits while the server has as many as it takes.
  result<void> request(client_stream& s);
  result<void> request(client_stream& s, content&& rest) {
    s.load(std::move(rest));
    return request(s);
  }
  // Ends a stream from our side; the server is told to stop. No callback follows.
  void reset(client_stream& s, error_code why);
  // The same without telling the server: for streams that both sides are done with, and for
  // sessions that end.
  void forget(client_stream& s) noexcept;

  void goaway(error_code why);  // no new requests; those under way end
  void ping();

  bool greeted() const noexcept { return greeted_; }  // the server's first SETTINGS came
  std::size_t streams() const noexcept { return table_.size(); }  // open ones
  // 100 before its SETTINGS
  std::uint32_t peer_streams_max() const noexcept { return streams_max_; }
  bool may_request() const noexcept;                                 // no GOAWAY, ids left
  std::uint64_t own_resets() const noexcept { return own_resets_; }  // for the server's errors
  std::uint64_t heads_known() const noexcept { return decoder_.remembered(); }

 private:
  struct head_sink;

  // receiving
  void take_frame_head();
  void take_payload(const bytes& fed);
  std::int64_t first_idle() const noexcept;
  bool order_is_right(const frame_head& h);
  void count(const frame_head& h);
  void begin_data(const frame_head& h);
  void on_data_piece(const bytes& fed, std::span<const std::byte> piece, bool last);
  void end_data(const frame_head& h);
  void on_block_frame(const frame_head& h, std::span<const std::byte> payload);
  void on_block(std::int32_t id, bool last, std::span<const std::byte> block);
  void on_reset(std::int32_t id, std::span<const std::byte> payload);
  void on_settings(const frame_head& h, std::span<const std::byte> payload);
  bool apply(setting what, std::uint32_t value);
  bool move_windows(std::uint32_t fresh);
  void on_ping(const frame_head& h, std::span<const std::byte> payload);
  void on_goaway(std::span<const std::byte> payload);
  void on_window_update(std::int32_t id, std::span<const std::byte> payload);
  void end_of(client_stream& s);
  // ending
  void give_up(error_code why, const char* reason);
  void stream_error(client_stream& s, error_code why);
  void close(client_stream& s, error_code why);
  // sending
  void update_window(std::int32_t id, std::uint32_t by);
  void wait(client_stream& s, client_stream::waits as) noexcept;
  client_stream* next_sender() const noexcept;
  void send_head(client_stream& s);
  std::size_t send_body(client_stream& s);
  std::size_t room() const noexcept;

  limits limits_;
  session_events& events_;
  frame_reader reader_;
  block_reader blocks_;
  head_decoder decoder_;
  head_encoder encoder_;
  frame_writer writer_;
  control_queue control_;
  stream_table<client_stream> table_;
  stream_row<client_stream, &client_stream::open_> open_;              // in the order of their ids
  stream_row<client_stream, &client_stream::waiting_> heads_waiting_;  // these too
  stream_row<client_stream, &client_stream::waiting_> bodies_waiting_;
  client_stream* sending_ = nullptr;  // null when it was forgotten meanwhile

  // What the server said.
  std::uint32_t streams_max_;
  std::uint32_t peer_frame_max_ = frame_bytes_least;
  std::uint32_t peer_stream_window_ = window_before_settings;
  send_window may_send_;
  std::int32_t goaway_last_ = stream_id_max;  // of the last GOAWAY

  receive_window may_come_;
  std::int64_t next_id_ = 1;
  std::size_t heads_open_ = 0;  // open streams that the server knows of
  // The DATA frame being read.
  std::size_t data_left_ = 0;  // of its payload, without padding
  bool pad_length_due_ = false;
  bool data_wanted_ = false;  // somebody may still take it

  const bytes_chain* out_ = nullptr;  // during collect()
  std::size_t high_water_ = 0;
  bool heads_turn_ = true;
  bool feeding_ = false;
  bool greeted_ = false;
  bool goaway_came_ = false;
  bool leaving_ = false;
  const char* failure_ = nullptr;
  std::uint64_t own_resets_ = 0;
  flood_budget idle_frames_;
};

}  // namespace zc::http2
