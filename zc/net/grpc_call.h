// zc/net/grpc_call.h - one unary gRPC call of a client, from send() to its outcome. Internal to
// zc/net.
//
// Ownership  A call owns itself: it is always in exactly one list (the queue's, its connection's,
//            or that of what has ended), and ends with deliver().
// Threads    One shard.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "zc/base/ledger.h"
#include "zc/mem/recycled.h"
#include "zc/net/client.h"
#include "zc/shard/shard.h"
#include "zc/wire/grpc/framing.h"
#include "zc/wire/http2/client_session.h"

namespace zc::net {

class grpc_client;
class grpc_connection;

// First in, first out; intrusive, so that leaving it from the middle is O(1).
template <class T>
struct grpc_list {
  T* first = nullptr;
  T** last = &first;

  bool empty() const noexcept { return first == nullptr; }
  void push(T& item) noexcept {
    item.next_in_list = nullptr;
    item.link_in_list = last;
    *last = &item;
    last = &item.next_in_list;
  }
  void remove(T& item) noexcept {
    *item.link_in_list = item.next_in_list;
    if (item.next_in_list != nullptr) {
      item.next_in_list->link_in_list = item.link_in_list;
    } else {
      last = item.link_in_list;
    }
    item.next_in_list = nullptr;
    item.link_in_list = nullptr;
  }
};

inline constexpr std::size_t calls_kept = 1024;  // ended calls whose memory a thread keeps

// One request, from send() to its outcome. Always in exactly one list: the queue's, its
// connection's, or that of what has ended.
class grpc_call final : public http2::client_stream, public recycled<grpc_call, calls_kept> {
 public:
  grpc_call(grpc_client& home, client_request&& request, client::done then);

  grpc_call* next_in_list = nullptr;
  grpc_call** link_in_list = nullptr;

  time_point deadline() const noexcept { return deadline_; }
  void assign(grpc_connection* to, time_point now) noexcept {
    on_ = to;
    assigned_at_ = now;
  }
  // Ends the call, and its stream if it has one.
  void end(outcome::kind what, std::string message);
  void end_unassigned(outcome::kind what, std::string message);
  void deliver();  // Requires: ended

 private:
  void write_head(http2::head_encoder& to) override;
  void on_field(http2::token known, std::string_view name, std::string_view value) override;
  void on_head(http2::head_end how) override;
  void on_data(bytes piece) override;
  void on_end() override;
  void on_sent(std::size_t n) override { ledger::count_forwarded(n); }
  void on_closed(http2::error_code why) override;

  void on_status(std::string_view digits);
  void answered();
  result<void> feed_message(bytes&& piece);
  bool take_message();
  void ended();
  void on_timer();

  grpc_client& home_;
  grpc_connection* on_ = nullptr;  // null: waiting, or ended
  std::string_view path_;
  coding body_coding_;
  client::done then_;
  outcome outcome_;
  time_point deadline_ = time_point::max();
  time_point assigned_at_{};
  // Most answers are the empty message, which comes as its prefix and no more.
  bool empty_message_ = false;
  std::unique_ptr<grpc::message_assembler> message_;  // for any other
  std::optional<grpc::code> status_;
  std::optional<nanoseconds> retry_info_;  // google.rpc.retryinfo-bin
  std::optional<nanoseconds> pushback_;    // grpc-retry-pushback-ms
  bool has_ended_ = false;
  bool speaks_grpc_ = false;                         // the content type of the answer
  std::optional<coding> coding_ = coding::identity;  // nothing: one that we do not know
  member_timer<grpc_call, &grpc_call::on_timer> timer_{*this};
};

}  // namespace zc::net
