// zc/net/http1_connection.h - one kept-alive connection of the HTTP/1.1 client: one request at a
// time. Internal to zc/net.
//
// Ownership  By its client, which destroys it at a turn end after it has died: never inside one of
//            its own callbacks.
// Threads    One shard.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zc/base/units.h"
#include "zc/net/client.h"
#include "zc/net/link.h"
#include "zc/wire/grpc/pieces.h"
#include "zc/wire/http1/chunked.h"
#include "zc/wire/http1/head.h"
#include "zc/wire/http1/head_scanner.h"

namespace zc::net {

class http1_client;
class http1_connection;

// One request under way.
struct http1_job {
  http1_job(http1_client& client, client_request&& r, client::done&& then)
      : home(client), request(std::move(r)), tell(std::move(then)) {}
  void on_timeout();

  http1_client& home;
  client_request request;
  client::done tell;
  http1_connection* on = nullptr;  // the connection that carries it, if one does
  bool fresh_only = false;  // sent again after a kept-alive connection turned out to be closed
  bool maybe_seen = false;  // some of it went into a connection that broke: nobody knows how far
  outcome result;
  member_timer<http1_job, &http1_job::on_timeout> timer{*this};
};

class http1_connection final : public link {
 public:
  static constexpr http1::head_limits response_limits{32_KiB, 200};

  http1_connection(http1_client& client, shard& on) noexcept
      : link(on), client_(client), scanner_(response_limits) {}

  result<void> begin();
  void carry(std::unique_ptr<http1_job> request);
  std::unique_ptr<http1_job> give_up();  // takes the request off a connection that is to be closed

  bool connected() const noexcept { return connected_; }
  bool idle() const noexcept { return connected_ && job_ == nullptr && !dead_; }
  bool dead() const noexcept { return dead_; }
  bool reused() const noexcept { return reused_; }
  void kill() noexcept;

 private:
  enum class phase : unsigned char { head, length, chunked, until_close, done };

  // link
  // Whatever memory is left: the answer is what frees the request.
  std::span<std::byte> receive_room() override { return on().receive_room(urgency::draining); }
  void on_connected() override;
  void on_bytes(bytes received) override;
  void on_end() override;
  void on_failed(const error& why) override;
  void on_lost(const error& why) override;
  void on_progress() override;
  void on_drained() override {}

  void consume(bytes input);
  void take_head(bytes& input);
  void on_head(std::string_view text);
  void take_body(bytes& input);
  void take_chunk(bytes& input);
  bool keep(bytes piece);
  void complete();
  void fail_request(outcome::kind what, const char* message);
  void lost(const char* reason);
  void finish();
  void on_timer();

  http1_client& client_;
  std::unique_ptr<http1_job> job_;
  bool connected_ = false;
  bool dead_ = false;
  bool send_broken_ = false;   // the peer takes nothing more; its last words may still come
  bool reused_ = false;        // an answer has come on this connection before
  bool stale_ = false;         // it was idle for so long that the server may be closing it
  bool answered_any_ = false;  // a byte of the answer under way has come
  bool keep_alive_ = false;    // as the answer says
  phase phase_ = phase::head;
  unsigned interim_ = 0;
  std::uint64_t left_ = 0;     // of the body
  std::size_t head_left_ = 0;  // of the request's head, not sent yet: not payload
  std::uint64_t counted_out_ = 0;
  std::uint64_t sent_before_ = 0;  // bytes_out() when the request under way was given to us
  time_point idle_since_{};
  outcome outcome_;
  http1::head_scanner scanner_;
  std::string head_;  // of an answer that came in several pieces; bounded by response_limits
  std::vector<http1::field> fields_;
  http1::chunked_decoder chunks_;
  piece_collector body_;  // at most response_bytes_max; on the heap, so that it is never refused
  member_timer<http1_connection, &http1_connection::on_timer> timer_{
      *this};  // connecting, idle, last words
};

}  // namespace zc::net
