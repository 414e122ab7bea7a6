// zc/net/http2_stream.h - one request of an HTTP/2 connection, gRPC or plain HTTP, and the exchange
// that the service gets for it. Internal to zc/net.
//
// A stream is receiving (head, then body), serving (the service has the request), answered (what is
// left goes out), or gone. The exchange that the service holds may outlive the stream and the
// connection: both sides hold plain pointers to each other, and who goes first takes the other's
// away.
//
// Ownership  Streams belong to the HTTP/2 session of the wire layer, as it were: they destroy
//            themselves when it has closed them, or their h2_session does when it goes.
// Timers     One per stream: the client's deadline, the progress of the body, and, once answered,
//            how long the client may take to open its window. It is armed once for most requests:
//            a timer that fires early looks again.
// Threads    One shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "zc/mem/recycled.h"
#include "zc/net/refusal.h"
#include "zc/net/service.h"
#include "zc/shard/shard.h"
#include "zc/wire/grpc/framing.h"
#include "zc/wire/grpc/pieces.h"
#include "zc/wire/http2/session.h"

namespace zc::net {

class h2_session;
class h2_stream;

inline constexpr std::size_t streams_kept = 1024;  // ended ones whose memory a thread keeps

class h2_exchange final : public exchange, public recycled<h2_exchange, streams_kept> {
 public:
  ~h2_exchange() override;
  const request_head& head() const noexcept override { return head_; }
  void answer(reply&& r) override;
  void refuse(const grpc::status& why) override;
  bool client_gone() const noexcept override { return stream_ == nullptr && !spent_; }
  bool charge(quota& to);  // false: nothing is left. Given back by the destructor

  request_head head_;
  h2_stream* stream_ = nullptr;    // null: nobody reads the answer
  h2_session* session_ = nullptr;  // null: not served yet, or the connection is gone
  h2_exchange* next_ = nullptr;    // of the session's requests that are being served
  h2_exchange** link_ = nullptr;
  quota* charged_to_ = nullptr;
  std::size_t charged_ = 0;
  bool spent_ = false;
};

class h2_stream final : public http2::stream, public recycled<h2_stream, streams_kept> {
 public:
  enum class phase : std::uint8_t { head, body, serving, answered };

  explicit h2_stream(h2_session& home);
  ~h2_stream();

  bool receiving() const noexcept { return phase_ == phase::head || phase_ == phase::body; }
  void answer(reply&& r);
  void refuse(const grpc::status& why, int status_over_grpc = 200);
  void drop();  // nobody will answer: reset it

  h2_stream* next_ = nullptr;  // of the session's streams
  h2_stream** link_ = nullptr;

 private:
  // http2::stream
  void on_field(http2::token known, std::string_view name, std::string_view value) override;
  void on_head(http2::head_end how) override;
  void on_data(bytes piece) override;
  void on_end() override;
  void on_closed(http2::error_code why) override;

  void keep_metadata(std::string_view name, std::string_view value);
  void begin_grpc();
  void begin_http();
  void admit();
  void on_grpc_data(bytes piece);
  void on_http_data(bytes piece);
  void show(std::span<const std::byte> arrived, bool first, std::uint64_t announced);
  void serve(bytes_chain body);
  void refuse_overload();
  void refuse_grpc(const grpc::status& why, int http_status);
  void refuse_http(const grpc::status& why);
  void finish(std::span<const http2::field> head, http2::content&& rest);
  void enter(phase next);
  time_point due() const noexcept;
  void watch_time();
  void on_timer();
  void detach() noexcept;
  request_head& head() noexcept { return request_->head_; }

  h2_session& home_;
  std::unique_ptr<h2_exchange> request_;  // until it is served
  h2_exchange* served_ = nullptr;         // the same afterwards, while unanswered
  phase phase_ = phase::head;
  bool grpc_ = false;
  bool grpc_type_ = false;  // application/grpc, and nothing behind it: not kept in the head
  bool head_only_ = false;  // HEAD
  error_form form_ = error_form::protobuf;
  bool timeout_bad_ = false;
  bool grpc_coding_known_ = true;
  bool content_coding_known_ = true;
  bool not_acceptable_ = false;  // the refusal is about the coding: say which ones we take
  coding grpc_coding_ = coding::identity;
  coding content_coding_ = coding::identity;
  time_point deadline_ = time_point::max();
  time_point last_data_{};
  time_point answered_at_{};
  time_point armed_for_{};
  std::optional<grpc::message_assembler> message_;  // gRPC
  piece_collector body_;                            // HTTP
  member_timer<h2_stream, &h2_stream::on_timer> timer_{*this};
};

}  // namespace zc::net
