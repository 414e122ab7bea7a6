#include "zc/net/server_connection.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace zc::net {
namespace {

constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::byte tls_handshake{0x16};

constexpr std::string_view speaks_grpc =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain\r\n"
    "Connection: close\r\n"
    "Content-Length: 63\r\n"
    "\r\n"
    "This port speaks gRPC over HTTP/2 only; HTTP/1.1 is not served\n";
static_assert(speaks_grpc.size() - speaks_grpc.find("\r\n\r\n") - 4 == 63);

}  // namespace

server_connection::server_connection(shard& on, connection_home& home, std::unique_ptr<stream> s)
    : link(on), home_(home), peer_(s->peer()) {
  attach(std::move(s));
  last_in_ = last_out_ = on.now();
}

server_connection::~server_connection() {
  attach(nullptr);  // before the session: the poller may hold room of the session's
  session_.reset();
}

void server_connection::start() {
  on().io().start(socket(), *this);
  schedule();
}

void server_connection::drain() {
  if (ended_ || closing_) return;
  draining_ = true;
  if (session_ != nullptr) {
    session_->drain();
    send_later();
  } else if (first_bytes_.empty()) {
    end(false);
  }
}

// ----------------------------------------------------------------------------------------- reading

std::span<std::byte> server_connection::receive_room() {
  direct_ = false;
  if (ended_) return {};
  if (closing_) return on().receive_room(urgency::draining);  // to be dropped at once
  if (out_waiting() >= out_high_water) return hold(pause_for::output);
  if (session_ != nullptr && !session_->wants_input()) return hold(pause_for::session);
  return room_from_memory();
}

std::span<std::byte> server_connection::room_from_memory() {
  if (options().reads_when_short) return on().receive_room(urgency::draining);
  const bool under_way = session_ != nullptr && session_->message_under_way();
  if (home_.gate().ask(under_way) == memory_gate::answer::pause) {
    return room_when_short(under_way);
  }
  if (session_ != nullptr) {
    const std::span<std::byte> own = session_->direct_room();
    if (!own.empty()) {
      direct_ = true;
      starved_ = false;
      short_since_ = {};
      return own;
    }
  }
  const std::span<std::byte> slab = on().receive_room(urgency::ordinary);
  if (slab.empty()) return room_when_short(under_way);
  starved_ = false;
  short_since_ = {};
  return slab;
}

// No turn of ours, or not even a slab. Wait as long as the gate does, counted by ourselves: others
// may be faster each time that memory is free. Then refuse what is under way, and read on to refuse
// what comes.
std::span<std::byte> server_connection::room_when_short(bool under_way) {
  const time_point now = on().now();
  if (short_since_ == time_point{}) short_since_ = now;
  const memory_gate::answer answer = home_.gate().ask(under_way, true);
  if (answer != memory_gate::answer::refuse && now - short_since_ < options().admission_wait) {
    home_.gate().wait(*this);
    return hold(pause_for::memory);
  }
  starved_ = true;
  if (under_way) session_->shed();
  return on().receive_room(urgency::draining);
}

std::span<std::byte> server_connection::hold(pause_for why) noexcept {
  paused_ = why;
  return {};
}

void server_connection::read_on() {
  paused_ = pause_for::nothing;
  last_in_ = on().now();
  if (head_open_) head_since_ = last_in_;  // the peer could not go on either
  resume();
  schedule();
}

void server_connection::on_memory_news() {
  if (!ended_ && paused_ == pause_for::memory) read_on();
}

void server_connection::on_received(std::size_t n) {
  if (ended_) return;
  home_.statistics().bytes_received += n;
  last_in_ = on().now();
  if (closing_ && !direct_) {
    drop_received(n);
    return;
  }
  if (!direct_) {
    link::on_received(n);
    return;
  }
  count_in(n);
  const std::uint64_t requests = home_.statistics().requests;
  session_->on_direct(n);
  watch_head(requests);
}

void server_connection::drop_received(std::size_t n) {
  count_in(n);
  (void)on().received(n);
  dropped_ += n;
  if (dropped_ > linger_bytes_max) end(true);
}

void server_connection::on_bytes(bytes received) {
  if (session_ != nullptr) {
    to_session(std::move(received));
  } else {
    sniff(std::move(received));
  }
}

void server_connection::to_session(bytes received) {
  const std::uint64_t requests = home_.statistics().requests;
  session_->on_bytes(std::move(received));
  watch_head(requests);
}

// When did the head that is open now begin? A request that was completed in between means a new
// head.
void server_connection::watch_head(std::uint64_t requests_before) {
  const bool open = session_->head_under_way();
  if (open && (!head_open_ || home_.statistics().requests != requests_before)) {
    head_since_ = on().now();
  }
  head_open_ = open;
  schedule();
}

// The preface of HTTP/2 may come in pieces; anything that is no prefix of it decides at once.
void server_connection::sniff(bytes received) {
  if (first_bytes_.empty()) head_since_ = on().now();
  std::size_t at = first_bytes_.size();
  const std::string_view text = received.text();
  if (at == 0 && received.data()[0] == tls_handshake) {
    home_.statistics().protocol_errors += 1;
    end(true);  // no alert: we speak no TLS here, and HTTP in clear would only confuse
    return;
  }
  const std::size_t compared = std::min(text.size(), http2_preface.size() - at);
  const bool matches = text.substr(0, compared) == http2_preface.substr(at, compared);
  at += compared;
  first_bytes_.append(std::move(received));
  if (!matches && !options().http) {
    refuse_protocol();
  } else if (!matches) {
    begin_session(make_http1_session(*this));
  } else if (at == http2_preface.size()) {
    begin_session(make_http2_session(*this));
  } else {
    schedule();
  }
}

void server_connection::begin_session(std::unique_ptr<session> made) {
  session_ = std::move(made);
  const bytes_chain held = std::move(first_bytes_);
  for (const bytes& piece : held) {
    if (ended_ || closing_) return;
    to_session(piece);
  }
  if (draining_ && !ended_ && !closing_) session_->drain();
}

void server_connection::refuse_protocol() {
  home_.statistics().protocol_errors += 1;
  first_bytes_.clear();
  out().append(bytes::from_static(speaks_grpc));
  close_when_sent();
}

void server_connection::on_end() {
  if (ended_) return;
  peer_ended_ = true;
  if (lingering_ || (session_ == nullptr && !closing_)) {
    end(false);
    return;
  }
  if (!closing_) session_->on_end();
  send_later();  // whatever is ready goes out; on_drained() looks whether that was all
}

void server_connection::on_failed(const error& why) {
  on_lost(why);
}

void server_connection::on_lost(const error&) {
  end(false);
}

// ----------------------------------------------------------------------------------------- sending

void server_connection::close_when_sent() noexcept {
  if (closing_ || ended_) return;
  closing_ = true;
  if (paused_ != pause_for::nothing) {
    paused_ = pause_for::nothing;
    resume();
  }
  finish_sending();
}

void server_connection::fill_out() {
  if (ended_) return;
  if (session_ != nullptr && !closing_) {
    const std::uint64_t requests = home_.statistics().requests;
    session_->fill_out();
    watch_head(requests);
    if (paused_ == pause_for::session && session_->wants_input()) read_on();
  }
  if (out_waiting() > 0 && !writing_) {
    writing_ = true;
    last_out_ = on().now();
  }
  schedule();
}

void server_connection::on_progress() {
  last_out_ = on().now();
  writing_ = out_waiting() > 0;
  home_.statistics().bytes_sent += bytes_out() - std::exchange(counted_out_, bytes_out());
  if (paused_ == pause_for::output && out_waiting() < out_high_water / 2) read_on();
}

void server_connection::on_drained() {
  if (ended_) return;
  writing_ = false;
  const bool idle = session_ == nullptr || session_->requests_open() == 0;
  if (peer_ended_ && idle) {  // nobody is left who could want anything
    end(false);
    return;
  }
  if (closing_ && !lingering_) {
    lingering_ = true;
    linger_until_ = on().now() + linger_time;
  }
  schedule();
}

// --------------------------------------------------------------------------------------- deadlines

time_point server_connection::deadline() const noexcept {
  const server_options& how = home_.options();
  if (lingering_) return linger_until_;
  time_point first = time_point::max();
  if (writing_) first = last_out_ + how.write_timeout;
  if (closing_ || paused_ != pause_for::nothing) return first;
  const bool head = session_ != nullptr ? session_->head_under_way() : !first_bytes_.empty();
  if (head) return std::min(first, head_since_ + how.head_timeout);
  if (session_ != nullptr && session_->message_under_way()) {
    if (session_->watches_bodies()) return first;
    return std::min(first, last_in_ + how.body_progress_timeout);
  }
  if (writing_ || (session_ != nullptr && session_->requests_open() > 0)) return first;
  return std::max(last_in_, last_out_) + how.idle_timeout;
}

void server_connection::schedule() noexcept {
  if (ended_) return;
  const time_point due = deadline();
  if (due == time_point::max()) return;  // a timer that is armed looks again when it fires
  if (timer_.armed() && armed_for_ <= due) return;
  armed_for_ = due;
  on().arm(timer_, std::max(due - on().now(), nanoseconds(0)));
}

void server_connection::on_tick() {
  const time_point due = deadline();
  if (due > on().now()) {
    schedule();
    return;
  }
  // An idle connection and one whose answer is delivered end in order; the others have broken the
  // contract.
  const bool in_order = lingering_ || (!writing_ && !head_open_ && first_bytes_.empty() &&
                                       (session_ == nullptr || !session_->message_under_way()));
  if (!in_order) home_.statistics().timed_out += 1;
  end(!in_order);
}

void server_connection::end(bool abort) noexcept {
  if (std::exchange(ended_, true)) return;
  timer_.disarm();
  if (abort) socket().abort_on_close();
  pause();
  home_.on_ended(*this);
}

}  // namespace zc::net
