// gate/rig/unruly_poller.h - a poller between a server and the real one, which makes its
// connections slow or cuts them.
//
//     server  <->  unruly stream  <->  stream of the real poller
//                    reads no more than the rate allows: TCP pushes back on the peer
//                    hang_up(peer): the connection ends with a reset, as when a process is killed
//
// Only accepted connections are treated so; connect() is passed on.
//
// Ownership  Owns the real poller. Streams must not outlive it.
// Threads    One shard, but for wake(). Rate: bytes a second over all connections of this poller.
// Cost       One more virtual call per event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "zc/shard/clock.h"
#include "zc/shard/poller.h"

namespace sluice::rig {

class unruly_poller final : public zc::poller {
 public:
  // `read_rate` 0: no limit. `time` must outlive the poller.
  unruly_poller(std::unique_ptr<zc::poller> real, zc::clock& time, double read_rate);
  ~unruly_poller() override;

  // Ends the accepted connections that are called so (stream::peer()), in the next poll(). Unknown
  // names are ignored.
  void hang_up(const std::string& peer);

  zc::result<std::unique_ptr<zc::acceptor>> listen(const zc::endpoint& at,
                                                   const zc::socket_options& how,
                                                   zc::acceptor_events& events) override;
  zc::result<std::unique_ptr<zc::stream>> connect(const zc::endpoint& to,
                                                  const zc::socket_options& how,
                                                  zc::stream_events& events) override;
  void start(zc::stream& accepted, zc::stream_events& events) override;
  std::size_t poll(zc::nanoseconds longest) override;
  void end_poll_soon() noexcept override { real_->end_poll_soon(); }
  void wake() noexcept override { real_->wake(); }
  const char* name() const noexcept override { return real_->name(); }

 private:
  class unruly_stream;
  class unruly_acceptor;

  // What may be read now; 0 means wait. At most a tenth of a second is saved up, and at least one
  // byte is.
  std::size_t allowance();
  void spent(std::size_t n) noexcept { saved_ -= static_cast<double>(n); }
  void forget(unruly_stream& gone) noexcept;
  std::size_t cut();
  void wake_readers();

  std::unique_ptr<zc::poller> real_;
  zc::clock& time_;
  const double rate_;
  double saved_ = 0;  // bytes
  zc::time_point saved_at_;
  std::vector<unruly_stream*> streams_;  // as many as the server has connections
  std::vector<std::string>
      doomed_;  // names to hang up on: at most one per request since the last poll
};

}  // namespace sluice::rig
