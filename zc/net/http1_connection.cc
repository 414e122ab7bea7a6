#include "zc/net/http1_connection.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "zc/base/ledger.h"
#include "zc/net/http1_client.h"
#include "zc/wire/grpc/status.h"
#include "zc/wire/http1/retry_after.h"
#include "zc/wire/view/field_view.h"

namespace zc::net {
namespace {

// How long a server that has stopped reading may take to say why, before the connection counts as
// broken.
constexpr std::chrono::milliseconds last_words_timeout(1'000);
// A kept connection that was idle for so long may have been closed meanwhile, unknown to us.
constexpr std::chrono::milliseconds stale_after(200);
// Heads of 1xx answers that are skipped for one request.
constexpr unsigned interim_heads_max = 8;
// Longer error bodies are not looked into.
constexpr std::size_t reason_bytes_max = 64 * 1024;

// Errors of OTLP and gRPC gateways carry a google.rpc.Status, which says more than the reason
// phrase.
void read_reason(outcome& answer) {
  if (!media_type_is(answer.content_type, "application/x-protobuf") ||
      answer.body.size() > reason_bytes_max) {
    return;
  }
  const bytes whole = answer.body.flatten_copy();  // one piece, nearly always: not copied
  std::string said = grpc::message_in_status(whole.text());
  if (!said.empty()) answer.message = std::move(said);
}

}  // namespace

void http1_job::on_timeout() {
  home.on_timed_out(*this);
}

result<void> http1_connection::begin() {
  const client_options& how = client_.options();
  auto made = on().io().connect(how.to, how.socket, *this);
  if (!made) return std::unexpected(made.error());
  attach(std::move(*made));
  on().arm(timer_, how.connect_timeout);
  return {};
}

void http1_connection::on_connected() {
  if (dead_) return;
  connected_ = true;
  on().arm(timer_, client_.options().idle_timeout);
  client_.on_ready(*this);
}

void http1_connection::kill() noexcept {
  if (std::exchange(dead_, true)) return;
  timer_.disarm();
  pause();
  client_.settle();
}

std::unique_ptr<http1_job> http1_connection::give_up() {
  kill();
  if (job_ != nullptr) job_->on = nullptr;
  return std::move(job_);
}

void http1_connection::carry(std::unique_ptr<http1_job> request) {
  timer_.disarm();
  job_ = std::move(request);
  job_->on = this;
  stale_ = reused_ && on().now() - idle_since_ >= stale_after;
  sent_before_ = bytes_out();
  phase_ = phase::head;
  answered_any_ = false;
  interim_ = 0;
  outcome_ = {};
  scanner_.reset();
  head_.clear();
  bytes head = client_.head_of(job_->request);
  head_left_ = head.size();
  out().append(std::move(head));
  out().append(std::as_const(job_->request.body));  // shared: a retry sends the same bytes
  send_later();
}

void http1_connection::on_progress() {
  const auto sent =
      static_cast<std::size_t>(bytes_out() - std::exchange(counted_out_, bytes_out()));
  const std::size_t head = std::min(sent, head_left_);
  head_left_ -= head;
  ledger::count_forwarded(sent - head);
}

void http1_connection::on_bytes(bytes received) {
  if (dead_) return;
  if (job_ == nullptr) {  // nobody asked: a server that says goodbye, or worse
    kill();
    return;
  }
  answered_any_ = true;
  consume(std::move(received));
}

void http1_connection::consume(bytes input) {
  while (!input.empty() && !dead_ && job_ != nullptr) {
    switch (phase_) {
      case phase::head:
        take_head(input);
        break;
      case phase::length:
      case phase::until_close:
        take_body(input);
        break;
      case phase::chunked:
        take_chunk(input);
        break;
      case phase::done:
        return;
    }
  }
  if (!input.empty() && !dead_) kill();  // bytes behind the answer: out of step
}

void http1_connection::take_head(bytes& input) {
  const std::string_view text = input.text();
  const auto end = scanner_.feed(text);
  if (!end) {
    fail_request(outcome::kind::protocol_error, end.error().reason);
    return;
  }
  if (!*end) {
    head_.append(text);
    input = bytes();
    return;
  }
  scanner_.reset();
  const bytes whole = input;
  input.advance(**end);
  std::string joined = std::move(head_);
  head_.clear();
  if (joined.empty()) {
    on_head(whole.text().substr(0, **end));
  } else {
    joined.append(whole.text().substr(0, **end));
    on_head(joined);
  }
}

void http1_connection::on_head(std::string_view text) {
  const auto head = http1::parse_response(text, fields_);
  if (!head) {
    fail_request(outcome::kind::protocol_error, head.error().reason);
    return;
  }
  if (head->status == 101) {
    fail_request(outcome::kind::protocol_error, "the peer switched protocols unasked");
    return;
  }
  if (head->status < 200) {
    if (++interim_ > interim_heads_max) {
      fail_request(outcome::kind::protocol_error, "too many interim answers");
    }
    return;
  }
  outcome_.what = outcome::kind::answered;
  outcome_.http_status = head->status;
  outcome_.message = head->reason;
  outcome_.content_type = http1::find(head->fields, "content-type");
  outcome_.retry_after = http1::parse_retry_after(http1::find(head->fields, "retry-after"),
                                                  std::chrono::system_clock::now());
  keep_alive_ = head->keep_alive;
  left_ = head->length;
  switch (head->body) {
    case http1::framing::none:
      complete();
      return;
    case http1::framing::length:
      if (left_ > client_.options().response_bytes_max) {
        fail_request(outcome::kind::too_large, "the answer is larger than the limit");
        return;
      }
      phase_ = phase::length;
      if (left_ == 0) complete();
      return;
    case http1::framing::chunked:
      phase_ = phase::chunked;
      chunks_ = {};
      return;
    case http1::framing::until_close:
      phase_ = phase::until_close;
      return;
  }
}

void http1_connection::take_body(bytes& input) {
  std::size_t n = input.size();
  if (phase_ == phase::length) n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, n));
  if (!keep(input.split_to(n))) return;
  if (phase_ != phase::length) return;
  left_ -= n;
  if (left_ == 0) complete();
}

void http1_connection::take_chunk(bytes& input) {
  auto part = chunks_.next(input);
  if (!part) {
    fail_request(outcome::kind::protocol_error, part.error().reason);
    return;
  }
  if (!keep(std::move(*part))) return;
  if (chunks_.done()) complete();
}

bool http1_connection::keep(bytes piece) {
  ledger::count_received(piece.size());
  if (piece.size() > client_.options().response_bytes_max - body_.size()) {
    fail_request(outcome::kind::too_large, "the answer is larger than the limit");
    return false;
  }
  if (body_.append(std::move(piece))) return true;
  fail_request(outcome::kind::too_large, "no memory for the answer");
  return false;
}

// The answer is whole. When the request is not yet sent to its end (an early refusal), sending
// stops here: only closing can do that.
void http1_connection::complete() {
  phase_ = phase::done;
  outcome_.body = body_.take();
  if (outcome_.http_status >= 400) read_reason(outcome_);
  const bool reusable = keep_alive_ && out_waiting() == 0 && !send_broken_;
  if (!reusable) kill();
  finish();
  if (!reusable) return;
  reused_ = true;
  idle_since_ = on().now();
  on().arm(timer_, client_.options().idle_timeout);
  client_.on_ready(*this);
}

void http1_connection::fail_request(outcome::kind what, const char* message) {
  kill();
  body_.clear();
  outcome_ = {};
  outcome_.what = what;
  outcome_.message = message;
  finish();
}

void http1_connection::finish() {
  if (job_ == nullptr) return;
  job_->on = nullptr;
  client_.on_finished(std::move(job_), std::move(outcome_));
}

void http1_connection::on_end() {
  if (dead_) return;
  if (phase_ == phase::until_close && job_ != nullptr) {
    complete();
    return;
  }
  lost("the connection was closed before the answer was whole");
}

void http1_connection::on_failed(const error& why) {
  if (dead_) return;
  if (connected_) {
    lost(why.reason);
    return;
  }
  kill();
  client_.on_refused(*this, why);
}

// Sending has failed. What the peer said before it stopped reading may still be on its way to us.
void http1_connection::on_lost(const error&) {
  if (dead_) return;
  out().clear();
  send_broken_ = true;
  if (job_ == nullptr) {
    kill();
  } else {
    on().arm(timer_, last_words_timeout);
  }
}

void http1_connection::lost(const char* reason) {
  if (job_ == nullptr) {
    kill();
    return;
  }
  // Either nothing of it was sent, or the server closed the connection while it was idle and has
  // seen nothing of the request, most likely. After a connection in use it may have been the
  // request that ended it: whether to send that again is not ours to say.
  const bool unseen = bytes_out() == sent_before_ || stale_;
  if (reused_ && unseen && !answered_any_ && !job_->fresh_only) {
    job_->maybe_seen = bytes_out() != sent_before_;
    client_.send_again(give_up());
    return;
  }
  fail_request(outcome::kind::disconnected, reason);
}

void http1_connection::on_timer() {
  if (!connected_) {
    kill();
    client_.on_refused(*this, {errc::timed_out, "connecting took too long", 0, 0});
  } else if (job_ != nullptr) {
    lost("the connection broke while sending");
  } else {
    kill();
  }
}

}  // namespace zc::net
