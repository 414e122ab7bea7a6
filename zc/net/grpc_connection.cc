#include "zc/net/grpc_connection.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "zc/base/check.h"
#include "zc/net/grpc_client.h"

namespace zc::net {

namespace {

// How long a connection that was silent may take to answer a PING.
constexpr std::chrono::seconds sign_of_life_wait(5);

std::string reason_of(const error& e) {
  std::string text = e.reason;
  if (e.os != 0) {
    text += " (errno ";
    text += std::to_string(e.os);
    text += ')';
  }
  return text;
}

}  // namespace

http2::limits grpc_connection::limits_of(const client_options& how) {
  http2::limits l;
  l.stream_window = 1_MiB;
  l.connection_window = 8_MiB;
  l.frame_bytes_max = 256_KiB;
  l.send_frame_bytes_max = 1_MiB;
  l.head_bytes_max = 64_KiB;
  l.head_fields_max = 200;
  // A server that was configured, not a stranger; some send a WINDOW_UPDATE per DATA frame and
  // level.
  l.idle_frames_burst = 20'000;
  l.idle_frames_per_second = 20'000;
  l.resets_burst = static_cast<std::uint32_t>(
      std::min<std::size_t>(how.requests_max + 1'000, std::numeric_limits<std::uint32_t>::max()));
  l.resets_per_second = 1'000;
  l.acknowledgements_max = 1'000;
  return l;
}

grpc_connection::grpc_connection(grpc_client& home)
    : link(home.on()), home_(home), http_(limits_of(home.options()), *this, home.fields()) {}

grpc_connection::~grpc_connection() {
  // Whoever destroys a connection has ended its calls.
  ZC_CHECK(calls_.empty());
  attach(nullptr);
}

void grpc_connection::start() {
  auto made = on().io().connect(home_.options().to, home_.options().socket, *this);
  if (!made) {
    lose(reason_of(made.error()));
    return;
  }
  attach(std::move(*made));
  on().arm(timer_, home_.options().connect_timeout);
}

// Silence for most of the call's time may be the server's slowness, or a machine that is gone.
void grpc_connection::on_late(time_point since) {
  const time_point now = on().now();
  if (over_ || sign_of_life_.armed() || now - last_in_ < (now - since) / 2) return;
  http_.ping();
  send_later();
  wait_for_sign();
}

void grpc_connection::wait_for_sign() {
  const auto wait = std::min<nanoseconds>(home_.options().connect_timeout, sign_of_life_wait);
  acknowledged_then_ = acknowledged();
  on().arm(sign_of_life_, wait);
}

// On a slow path the PING stands in line behind what is being sent. That the peer's machine goes on
// acknowledging it is a sign as well.
void grpc_connection::on_no_sign() {
  if (!over_ && acknowledged() > acknowledged_then_) return wait_for_sign();
  lose("the server gives no sign of life");
}

std::uint64_t grpc_connection::acknowledged() noexcept {
  return bytes_out() - std::min<std::uint64_t>(bytes_out(), attached() ? socket().unsent() : 0);
}

void grpc_connection::on_answer() {
  answered_ = true;
  home_.on_useful();
}

// Connections that end before they have brought any answer must not be made one after the other.
void grpc_connection::judge(const std::string& why) {
  if (answered_ || !http_.greeted() || std::exchange(judged_, true)) return;
  home_.on_useless(why);
}

void grpc_connection::on_timer() {
  if (up_ && http_.greeted()) return;
  lose(up_ ? "the server sent no HTTP/2 settings" : "the connection could not be made in time");
}

void grpc_connection::on_connected() {
  if (over_) return;
  up_ = true;
  send_later();  // the preface
  home_.look_again();
}

bool grpc_connection::has_room() const noexcept {
  const std::size_t allowed =
      std::min<std::size_t>(home_.options().requests_max, http_.peer_streams_max());
  return usable() && calls() < allowed;
}

void grpc_connection::submit(grpc_call& c) {
  home_.unqueue(c);
  if (!http_.request(c)) {
    c.end_unassigned(outcome::kind::refused_stream, "the connection takes no more requests");
    return;
  }
  c.assign(this, on().now());
  calls_.push(c);
  send_later();
}

void grpc_connection::abandon(grpc_call& c) {
  if (c.peer_ended() && c.unsent() == 0) {
    http_.forget(c);
    return;
  }
  http_.reset(c, http2::error_code::cancel);
  send_later();
}

void grpc_connection::cancel_all() {
  while (!calls_.empty()) {
    grpc_call& c = *calls_.first;
    http_.forget(c);
    c.end(outcome::kind::cancelled, "shutting down");
  }
}

void grpc_connection::retire() {
  if (std::exchange(retiring_, true)) return;
  http_.goaway(http2::error_code::no_error);
  send_later();
  home_.on_retiring(*this);
}

void grpc_connection::on_bytes(bytes received) {
  if (over_) return;
  last_in_ = on().now();
  sign_of_life_.disarm();
  const result<void> fed = http_.feed(received, on().now().time_since_epoch());
  if (!fed) {
    // What explains our leaving still goes out, if the kernel takes it at once.
    send_later();
    home_.look_again();
  }
  if (http_.wants_output() || http_.finished_reading()) send_later();
}

void grpc_connection::fill_out() {
  if (over_ || !up_ || send_broken_) return;
  http_.collect(out(), link::out_high_water);
  if (out().empty()) look_for_the_end();
}

// Nothing is left to be read or sent: after a GOAWAY and the last stream, or after an error.
void grpc_connection::look_for_the_end() {
  if (!http_.finished_reading() || http_.wants_output()) return;
  lose(retiring_ ? "the server closed the connection" : "the server broke the protocol");
}

void grpc_connection::on_settings() {
  timer_.disarm();
  home_.look_again();
}

void grpc_connection::on_goaway(std::int32_t, http2::error_code) {
  if (std::exchange(retiring_, true)) return;
  judge("the server closed the connection");
  home_.on_retiring(*this);
}

// Sending has failed; on_failed() follows. What the server said before may come until then.
void grpc_connection::on_lost(const error&) {
  send_broken_ = true;
  out().clear();
}

void grpc_connection::on_failed(const error& why) {
  lose(reason_of(why));
}

void grpc_connection::on_end() {
  lose("the server closed the connection");
}

// Ends all calls; the connection itself is destroyed at the turn end.
void grpc_connection::lose(const std::string& why) {
  if (std::exchange(over_, true)) return;
  timer_.disarm();
  sign_of_life_.disarm();
  judge(why);
  // Bytes came, but never a SETTINGS frame: whoever listens there speaks something else.
  const bool stranger = !http_.greeted() && bytes_in() > 0;
  while (!calls_.empty()) {
    grpc_call& c = *calls_.first;
    http_.forget(c);
    c.end(outcome::kind::disconnected, why);
  }
  home_.on_over(*this, http_.greeted(),
                stranger ? outcome::kind::protocol_error : outcome::kind::unreachable, why);
}

}  // namespace zc::net
