#include "zc/net/link.h"

namespace zc::net {

void link::pause() {
  if (stream_ != nullptr) stream_->pause_read();
}

void link::resume() {
  if (stream_ != nullptr) stream_->resume_read();
}

void link::finish_sending() {
  shut_after_ = true;
  send_later();
}

std::span<std::byte> link::receive_room() {
  return shard_.receive_room();
}

void link::on_received(std::size_t n) {
  bytes_in_ += n;
  on_bytes(shard_.received(n));
}

void link::on_sent(std::size_t n) {
  send_pending_ = false;
  out_.consume(n);
  bytes_out_ += n;
  on_progress();
  send_later();
}

void link::at_turn_end() {
  if (stream_ == nullptr || send_pending_) return;
  for (;;) {
    if (out_.size() < out_high_water) fill_out();
    if (out_.empty()) break;
    const std::size_t used = out_.gather(0, slices_);
    const result<std::size_t> taken = stream_->send({slices_.data(), used});
    if (!taken) {
      on_lost(taken.error());  // may have destroyed us
      return;
    }
    if (*taken == 0) {
      send_pending_ = true;
      return;
    }
    out_.consume(*taken);
    bytes_out_ += *taken;
    on_progress();
  }
  if (shut_after_ && !shut_) {
    shut_ = true;
    stream_->shutdown_send();
  }
  on_drained();
}

}  // namespace zc::net
