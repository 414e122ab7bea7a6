// zc/net/link.h - what every connection needs, client or server: a stream, bytes coming in, a
// gathered send going out.
//
// Receiving  Bytes land in the shard's receive slab (or where the derived class says) and are
//            handed on as `bytes`.
// Sending    Whoever has something to send appends it to out() and calls send_later(); at the end
//            of the turn everything goes out in as few sendmsg calls as the kernel allows. A
//            partial write resumes where it stopped; nothing is joined or copied. While more than
//            out_high_water bytes wait, fill_out() is not called: that is back-pressure.
// Lifetime   A link may be destroyed in any of its callbacks.
// Threads    One shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "zc/base/units.h"
#include "zc/mem/chain.h"
#include "zc/shard/shard.h"

namespace zc::net {

class link : public stream_events, public turn_end_work {
 public:
  static constexpr std::size_t out_high_water = 1_MiB;
  // per sendmsg: no gain beyond 64 for large, 128 for small pieces
  static constexpr std::size_t slices_max = 256;

  explicit link(shard& on) noexcept : shard_(on) {}
  virtual ~link() = default;

  void attach(std::unique_ptr<stream> s) noexcept { stream_ = std::move(s); }
  bool attached() const noexcept { return stream_ != nullptr; }

 protected:
  shard& on() noexcept { return shard_; }
  stream& socket() noexcept { return *stream_; }

  bytes_chain& out() noexcept { return out_; }
  std::size_t out_waiting() const noexcept { return out_.size(); }
  void send_later() noexcept { shard_.at_turn_end(*this); }
  void finish_sending();  // shuts down the sending side once out() is empty
  // Reading stops until resume() (memory is short, or the peer must wait). receive_room() is not
  // asked meanwhile.
  void pause();
  void resume();

  std::uint64_t bytes_in() const noexcept { return bytes_in_; }
  std::uint64_t bytes_out() const noexcept { return bytes_out_; }

  // The next bytes from the peer. May destroy the link.
  virtual void on_bytes(bytes received) = 0;
  // The end of a turn, before sending: append what is ready. Called again while it keeps out()
  // filled.
  virtual void fill_out() {}
  // Some output went to the kernel (resets write timeouts). Must not destroy the link.
  virtual void on_progress() {}
  // Everything that was to be sent has been handed to the kernel. May destroy the link.
  virtual void on_drained() {}
  // The connection is gone, by the peer or by an error while sending. Usually destroys the link.
  virtual void on_lost(const error& why) = 0;

  // stream_events. A derived class that overrides receive_room() to receive into memory of its own
  // overrides on_received() too, and calls the base for what went to the slab.
  std::span<std::byte> receive_room() override;
  void on_received(std::size_t n) override;
  void on_sent(std::size_t n) override;
  void on_failed(const error& why) override { on_lost(why); }

  void count_in(std::size_t n) noexcept { bytes_in_ += n; }

 private:
  void at_turn_end() override;

  shard& shard_;
  std::unique_ptr<stream> stream_;
  bytes_chain out_;
  std::array<io_slice, slices_max> slices_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  bool send_pending_ = false;  // the kernel has our slices
  bool shut_after_ = false;
  bool shut_ = false;
};

}  // namespace zc::net
