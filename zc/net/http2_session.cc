#include "zc/net/http2_session.h"

#include <utility>

#include "zc/net/link.h"

namespace zc::net {
namespace {

// How long the notice of a shutdown may take to reach the client before it is final.
constexpr std::chrono::seconds drain_notice(5);
constexpr std::chrono::milliseconds look_at_memory(2);

}  // namespace

http2::limits h2_session::limits_of(const server_options& how) {
  http2::limits l;
  l.streams_max = how.streams_max;
  l.head_bytes_max = how.head_bytes_max;
  l.head_fields_max = how.head_fields_max;
  return l;
}

h2_session::h2_session(session_host& host) : host_(host), http_(limits_of(host.options()), *this) {
  host_.send_later();
}

h2_session::~h2_session() {
  while (streams_ != nullptr) delete streams_;
  while (exchanges_ != nullptr) release(*exchanges_);
}

void h2_session::on_bytes(bytes received) {
  if (failed_) return;
  watch_memory();
  if (!http_.feed(received, on().now().time_since_epoch())) {
    failed_ = true;
    host_.statistics().protocol_errors += 1;
  }
  if (http_.wants_output() || http_.finished_reading()) host_.send_later();
}

// What is not complete will never be.
void h2_session::on_end() {
  for (h2_stream* s = streams_; s != nullptr; s = s->next_) {
    if (s->receiving()) s->drop();
  }
}

void h2_session::fill_out() {
  http_.collect(host_.out(), link::out_high_water);
  if (http_.finished_reading() && !http_.wants_output()) host_.close_when_sent();
}

void h2_session::drain() {
  if (std::exchange(draining_, true)) return;
  // Two steps, so that requests on their way when the client learns of it are not lost.
  http_.begin_drain();
  on().arm(drain_timer_, drain_notice);
  host_.send_later();
}

void h2_session::finish_drain() {
  if (std::exchange(drained_, true)) return;
  drain_timer_.disarm();
  http_.end_drain();
  host_.send_later();
}

void h2_session::shed() {
  for (h2_stream* s = streams_; s != nullptr; s = s->next_) {
    if (!s->receiving()) continue;
    host_.statistics().refused_memory += 1;
    s->refuse(host_.overload());
  }
  http_.hold_window(false);
}

// While memory is short the peer gets no more window than it has: what is under way goes on within
// it. Not for ever: all connections could be waiting for each other, and refusing (after
// admission_wait) is better than that.
bool h2_session::memory_tight() noexcept {
  return on().memory().limits().tight() && !host_.refusing();
}

bool h2_session::refusing() noexcept {
  return host_.refusing() || full() || (waited_ && on().memory().limits().tight());
}

void h2_session::watch_memory() {
  if (http_.window_held()) return;
  if (!memory_tight()) {
    waited_ = false;
    return;
  }
  if (waited_) return;
  held_since_ = on().now();
  http_.hold_window(true);
  on().arm(memory_timer_, look_at_memory);
}

void h2_session::on_memory_timer() {
  const bool tight = memory_tight();
  waited_ = tight && on().now() - held_since_ >= options().admission_wait;
  if (tight && !waited_) {
    on().arm(memory_timer_, look_at_memory);
    return;
  }
  http_.hold_window(false);
  host_.send_later();
}

void h2_session::add(h2_stream& s) noexcept {
  receiving_ += 1;
  s.next_ = streams_;
  if (streams_ != nullptr) streams_->link_ = &s.next_;
  s.link_ = &streams_;
  streams_ = &s;
}

void h2_session::remove(h2_stream& s) noexcept {
  *s.link_ = s.next_;
  if (s.next_ != nullptr) s.next_->link_ = s.link_;
}

void h2_session::take(h2_exchange& e) noexcept {
  e.session_ = this;
  e.next_ = exchanges_;
  if (exchanges_ != nullptr) exchanges_->link_ = &e.next_;
  e.link_ = &exchanges_;
  exchanges_ = &e;
  serving_ += 1;
}

void h2_session::release(h2_exchange& e) noexcept {
  *e.link_ = e.next_;
  if (e.next_ != nullptr) e.next_->link_ = e.link_;
  e.session_ = nullptr;
  serving_ -= 1;
}

std::unique_ptr<session> make_http2_session(session_host& host) {
  return std::make_unique<h2_session>(host);
}

}  // namespace zc::net
