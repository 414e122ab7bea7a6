// zc/wire/http2/client_stream.h - one request of a client_session and its answer, as their user
// sees them. Derive from client_stream.
//
// Ownership  The user's. It must not be destroyed while it is open(): client_session::reset() or
//            forget() it first.
// Threads    One. Callbacks come from the session's feed() and collect().
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/wire/http2/flow_window.h"
#include "zc/wire/http2/head_encoder.h"
#include "zc/wire/http2/protocol.h"
#include "zc/wire/http2/stream_base.h"
#include "zc/wire/http2/stream_row.h"

namespace zc::http2 {

class client_session;

class client_stream : public stream_base {
 public:
  bool open() const noexcept { return session_ != nullptr; }
  // What is to be sent: before request(). There are no trailers.
  void load(content&& what);
  void unload() noexcept { to_send_.clear(); }  // Requires: not open()

 protected:
  ~client_stream();

 private:
  friend class client_session;

  // The head of the request, when its frame is made: put() pseudo fields first, and put_common()
  // where the common fields belong. Must not call the session.
  virtual void write_head(head_encoder& to) = 0;

  // Where a stream waits to send.
  enum class waits : std::uint8_t {
    nowhere,   // all is sent, or the server opens no window for it
    for_head,  // nothing is sent
    for_body,  // the head is sent
  };

  client_session* session_ = nullptr;
  row_links<client_stream> open_;     // in the row of all open streams,
  row_links<client_stream> waiting_;  // and of those that wait
  waits waits_ = waits::nowhere;
  bool head_sent_ = false;
  bool ended_ = false;  // our END_STREAM is out
  send_window may_send_;
  receive_window may_come_{0};
};

}  // namespace zc::http2
