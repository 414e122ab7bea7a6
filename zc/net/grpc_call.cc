#include "zc/net/grpc_call.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "zc/net/grpc_client.h"
#include "zc/net/grpc_connection.h"

namespace zc::net {

using http2::token;

namespace {

constexpr std::string_view grpc_type = "application/grpc";

// google.rpc.RetryInfo on its own reads like one that is the only detail of a google.rpc.Status.
std::optional<nanoseconds> delay_in_retry_info(std::string_view encoded) {
  constexpr std::string_view type = "type.googleapis.com/google.rpc.RetryInfo";
  if (encoded.size() > 64) return std::nullopt;  // so that all lengths below fit one byte
  std::string any{'\x0a', static_cast<char>(type.size())};
  any += type;
  any += '\x12';
  any += static_cast<char>(encoded.size());
  any += encoded;
  std::string status{'\x1a', static_cast<char>(any.size())};
  return grpc::retry_delay_in_status(status += any);
}

}  // namespace

grpc_call::grpc_call(grpc_client& home, client_request&& request, client::done then)
    : home_(home), path_(request.path), body_coding_(request.body_coding), then_(std::move(then)) {
  http2::content whole;
  const auto prefix =
      grpc::encode_prefix(request.body.size(), request.body_coding != coding::identity);
  std::copy(prefix.begin(), prefix.end(), whole.prefix.begin());
  whole.prefix_size = grpc::prefix_bytes;
  whole.body = std::move(request.body);
  load(std::move(whole));
  if (request.timeout.count() <= 0) return;
  deadline_ = home.on().now() + request.timeout;
  home.on().arm(timer_, request.timeout);
}

void grpc_call::deliver() {
  client::done then = std::move(then_);
  outcome what = std::move(outcome_);
  delete this;
  then(std::move(what));
}

void grpc_call::end(outcome::kind what, std::string message) {
  if (has_ended_) return;
  outcome_.what = what;
  outcome_.message = std::move(message);
  ended();
}

// Leaves its list for that of the ended ones. A stream that is still open is given up.
void grpc_call::ended() {
  has_ended_ = true;
  timer_.disarm();
  if (on_ != nullptr) {
    grpc_connection* const from = std::exchange(on_, nullptr);
    from->left(*this);
    if (open()) from->abandon(*this);
  } else {
    home_.unqueue(*this);
  }
  unload();
  home_.ended(*this);
}

// The same for a call that has just left the queue and has no stream.
void grpc_call::end_unassigned(outcome::kind what, std::string message) {
  outcome_.what = what;
  outcome_.message = std::move(message);
  has_ended_ = true;
  timer_.disarm();
  home_.ended(*this);
}

void grpc_call::on_timer() {
  if (on_ != nullptr) on_->on_late(assigned_at_);
  end(outcome::kind::timed_out, "the request timed out");
}

// The deadline is what is left of it now, not when the request was made.
void grpc_call::write_head(http2::head_encoder& to) {
  to.put({":path", path_, true});
  to.put_common();
  if (body_coding_ != coding::identity) {
    to.put({"grpc-encoding", grpc_name_of(body_coding_), true});
  }
  if (deadline_ == time_point::max()) return;
  to.put({"grpc-timeout", home_.timeout_text(deadline_ - home_.on().now())});
}

void grpc_call::on_status(std::string_view digits) {
  unsigned n = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  const bool known = bad == std::errc() && end == digits.data() + digits.size() &&
                     n <= static_cast<unsigned>(grpc::code::unauthenticated);
  status_ = known ? static_cast<grpc::code>(n) : grpc::code::unknown;
}

void grpc_call::on_field(token known, std::string_view, std::string_view value) {
  switch (known) {
    case token::status: {
      int n = 0;
      std::from_chars(value.data(), value.data() + value.size(), n);
      outcome_.http_status = n;
      return;
    }
    case token::content_type:
      speaks_grpc_ = value.starts_with(grpc_type);
      if (value != grpc_type) outcome_.content_type = value;
      return;
    case token::grpc_status:
      on_status(value);
      return;
    case token::grpc_message:
      outcome_.message = grpc::decode_message(value);
      return;
    case token::grpc_encoding:
      coding_ = grpc_coding_named(value);
      return;
    case token::grpc_status_details_bin:
      if (const auto raw = grpc::base64_decode(value)) {
        outcome_.retry_after = grpc::retry_delay_in_status(*raw);
      }
      return;
    case token::retryinfo_bin:
      if (const auto raw = grpc::base64_decode(value)) retry_info_ = delay_in_retry_info(*raw);
      return;
    case token::grpc_retry_pushback_ms: {
      std::int64_t ms = -1;
      std::from_chars(value.data(), value.data() + value.size(), ms);
      constexpr std::int64_t day_ms = 86'400'000;
      if (ms >= 0) pushback_ = std::chrono::milliseconds(std::min(ms, day_ms));
      return;
    }
    default:
      return;
  }
}

void grpc_call::on_head(http2::head_end how) {
  if (on_ != nullptr) on_->on_answer();
  if (!how.too_large) return;
  end(outcome::kind::protocol_error, "the header list of the response is too large");
}

void grpc_call::on_data(bytes piece) {
  if (has_ended_) return;
  // A body that is not gRPC (a proxy's error page) is of no use.
  if (!speaks_grpc_) return;
  const result<void> fed = feed_message(std::move(piece));
  if (!fed) {
    end(fed.error().code == errc::too_large ? outcome::kind::too_large
                                            : outcome::kind::protocol_error,
        fed.error().reason);
  } else if (message_ && message_->prefix_known() && message_->compressed() &&
             coding_.value_or(coding::identity) == coding::identity) {
    end(outcome::kind::protocol_error,
        coding_ ? "the response is marked as compressed, with no coding"
                : "the response is compressed in a way that we do not know");
  }
}

result<void> grpc_call::feed_message(bytes&& piece) {
  constexpr std::string_view nothing("\0\0\0\0\0", grpc::prefix_bytes);
  if (!message_ && !empty_message_ && piece.text() == nothing) {
    empty_message_ = true;
    return {};
  }
  if (!message_) {
    message_ = std::make_unique<grpc::message_assembler>(home_.options().response_bytes_max);
    if (empty_message_) (void)message_->feed(bytes::from_static(nothing));
    empty_message_ = false;
  }
  return message_->feed(std::move(piece));
}

void grpc_call::on_end() {
  if (!has_ended_) answered();
}

// The peer has said everything.
void grpc_call::answered() {
  outcome_.what = outcome::kind::answered;
  outcome_.grpc = status_.value_or(grpc::from_http(outcome_.http_status));
  if (!status_ && outcome_.message.empty()) {
    outcome_.message =
        "the response has no grpc-status; HTTP status " + std::to_string(outcome_.http_status);
  }
  if (outcome_.grpc == grpc::code::ok && message_ && message_->started() && !message_->complete()) {
    end(outcome::kind::protocol_error, "the response ended inside its message");
    return;
  }
  // What comes with an error is of no use.
  if (outcome_.grpc == grpc::code::ok && message_ && message_->complete() && !take_message()) {
    return;
  }
  if (!outcome_.retry_after) outcome_.retry_after = retry_info_;
  if (!outcome_.retry_after) outcome_.retry_after = pushback_;
  ended();
}

// False: the message is not what it says it is, and the call has ended. We send no
// grpc-accept-encoding, but grpc-go answers in the coding of the request all the same.
bool grpc_call::take_message() {
  bytes_chain message = message_->take();
  if (message_->compressed()) {
    result<bytes_chain> plain = home_.inflate(message, *coding_);
    if (!plain) {
      end(plain.error().code == errc::too_large ? outcome::kind::too_large
                                                : outcome::kind::protocol_error,
          plain.error().reason);
      return false;
    }
    message = std::move(*plain);
  }
  outcome_.body = std::move(message);
  return true;
}

void grpc_call::on_closed(http2::error_code why) {
  if (has_ended_) return;
  if (status_) {  // said before the reset, as servers do that want no more of the request
    answered();
    return;
  }
  if (why == http2::error_code::refused_stream) {
    end(outcome::kind::refused_stream, "the server refused the stream");
    return;
  }
  outcome_.what = outcome::kind::answered;
  outcome_.grpc = grpc::from_h2_error(static_cast<std::uint32_t>(why));
  outcome_.message =
      "the stream was reset with HTTP/2 error " + std::to_string(static_cast<std::uint32_t>(why));
  ended();
}

}  // namespace zc::net
