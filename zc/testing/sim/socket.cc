#include "zc/testing/sim/socket.h"

#include <algorithm>
#include <cerrno>

namespace zc::testing {
namespace {

constexpr std::size_t slices_max = 1024;
constexpr int reads_max = 4;
constexpr int last_reads_max = 64;

}  // namespace

std::size_t sim_socket::put(std::span<const io_slice> slices) {
  std::size_t total = 0;
  for (const io_slice& s : slices) total += s.size;
  std::size_t n = std::min(total, out().space());
  if (n > 1 && on_->random.chance(net().how.cut_send)) {
    n = on_->random.scaled(1, n);
  }
  if (n < total) net().counts.sends_cut += 1;
  out().put(slices, n);
  net().trace.note("send", {on_->id, side_, n});
  on_->pump(side_);
  return n;
}

result<std::size_t> sim_socket::send(std::span<const io_slice> slices) {
  ZC_REQUIRES(pending_.empty(), "send() must not be called while a send is pending");
  ZC_REQUIRES(!slices.empty() && slices.size() <= slices_max, "send() takes 1 to 1024 slices");
  if (failed_ || !alive()) return fail(errc::closed, "connection is closed");
  if (shut_) return fail(errc::closed, "sending was shut down");
  if (!connecting_) {
    if (broken_ != 0) {
      const error why = failure(broken_);
      fail_later(broken_);
      return std::unexpected(why);
    }
    if (out().space() > 0 && !on_->random.chance(net().how.refuse_send)) return put(slices);
  }
  net().counts.sends_cut += 1;
  pending_ = slices;
  look();
  return 0;
}

void sim_socket::write_pending() {
  if (broken_ != 0) {
    fail_later(broken_);
    return;
  }
  const std::size_t n = put(std::exchange(pending_, {}));
  calls_ += 1;
  events_->on_sent(n);
  if (alive()) maybe_shut_down();
}

void sim_socket::maybe_shut_down() {
  if (!shut_wanted_ || shut_ || connecting_ || failed_ || !pending_.empty()) return;
  shut_ = true;
  net().trace.note("shut", {on_->id, side_});
  out().fin_wanted = true;
  on_->pump(side_);
}

void sim_socket::close() {
  if (std::exchange(closed_, true)) return;
  events_ = nullptr;
  pending_ = {};
  leave();
  on_->end[side_] = nullptr;
  net().trace.note("close", {on_->id, side_, abort_ ? 1U : 0U});
  if (connecting_ || broken_ != 0) {
    if (connecting_) on_->send_reset(1 - side_, ECONNRESET);
    return;
  }
  // Bytes that nobody will read: the peer learns at once that they were in vain.
  if (abort_ || in().arrived > 0) return on_->send_reset(1 - side_, ECONNRESET);
  out().fin_wanted = true;
  on_->pump(side_);
}

bool sim_socket::wants_turn() const {
  if (closed_ || events_ == nullptr) return false;
  if (due_ != 0) return true;
  if (failed_) return false;
  if (connecting_) return connect_known_;
  if (reading() && (in().arrived > 0 || in().fin_arrived)) return true;
  if (broken_ != 0) return true;
  return !pending_.empty() && out().space() > 0;
}

void sim_socket::fail_now(int number) {
  failed_ = true;
  pending_ = {};
  net().trace.note("failed", {on_->id, side_, static_cast<std::uint64_t>(number)});
  calls_ += 1;
  events_->on_failed(failure(number));
}

void sim_socket::finish_connect() {
  if (connect_error_ != 0) return fail_now(connect_error_);
  connecting_ = false;
  net().trace.note("connected", {on_->id});
  calls_ += 1;
  events_->on_connected();
}

// Empty: the user has no room, or has done something that ends reading.
std::span<std::byte> sim_socket::room_for_read() {
  calls_ += 1;
  const std::span<std::byte> room = events_->receive_room();
  if (!alive() || failed_ || paused_) return {};
  if (room.empty()) paused_ = true;
  return room;
}

bool sim_socket::read_once() {
  if (in().arrived == 0) {
    // Some pollers ask for room before they know that there is nothing but the end.
    if (in().fin_arrived && on_->random.chance(0.5) && room_for_read().empty()) return false;
    if (in().fin_arrived) {
      read_ended_ = true;
      net().trace.note("end", {on_->id, side_});
      calls_ += 1;
      events_->on_end();
    } else if (broken_ != 0) {
      fail_now(broken_);
    }
    return false;
  }
  const std::span<std::byte> room = room_for_read();
  if (room.empty()) return false;
  std::size_t n = std::min(room.size(), in().arrived);
  if (n > 1 && on_->random.chance(net().how.cut_receive)) {
    n = on_->random.scaled(1, n);
    net().counts.receives_cut += 1;
  }
  in().take(room.first(n));
  net().trace.note("received", {on_->id, side_, n});
  net().trace.content(room.first(n));
  net().counts.bytes += n;
  on_->pump(1 - side_);  // the window has opened
  calls_ += 1;
  events_->on_received(n);
  return alive() && !failed_ && !paused_ && (n == room.size() || in().fin_arrived);
}

void sim_socket::read_some() {
  for (int reads = 0; reads < reads_max; ++reads) {
    if (!read_once()) return;
  }
}

// Sending has failed, but what the peer said before it went may have arrived.
void sim_socket::read_last_words() {
  for (int reads = 0; reads < last_reads_max; ++reads) {
    if (!alive() || !reading() || connecting_ || in().arrived == 0) return;
    calls_ += 1;
    const std::span<std::byte> room = events_->receive_room();
    if (!alive() || paused_ || room.empty()) return;
    const std::size_t n = std::min(room.size(), in().arrived);
    in().take(room.first(n));
    net().trace.note("received", {on_->id, side_, n});
    net().trace.content(room.first(n));
    calls_ += 1;
    events_->on_received(n);
  }
}

std::size_t sim_socket::take_turn() {
  const std::shared_ptr<sim_pollee> kept = shared_from_this();
  calls_ = 0;
  if (due_ != 0) {
    const int number = std::exchange(due_, 0);
    read_last_words();
    if (alive()) fail_now(number);
    return calls_;
  }
  if (connecting_) {
    finish_connect();
  } else {
    if (reading()) read_some();
    if (alive() && !failed_ && !reading() && broken_ != 0 && pending_.empty()) fail_now(broken_);
    if (alive() && !failed_ && !pending_.empty() && (broken_ != 0 || out().space() > 0)) {
      write_pending();
    }
  }
  if (alive() && !failed_) maybe_shut_down();
  return calls_;
}

}  // namespace zc::testing
