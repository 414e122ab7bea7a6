// zc/testing/sim/network.h - a network that lives in the process: pollers whose connections take
// time, are cut anywhere, stall, break and vanish as the seed says.
//
//     send() -> send buffer -> segments: latency, jitter, bandwidth -> receive buffer -> room
//                 bounded         in order within a direction            bounded: the window
//
// It behaves as sockets do, the unpleasant parts included: a connection is established before it
// is accepted; closing with unread bytes resets; what is sent to a closed end comes back as a
// reset, later; what arrived before a reset can still be read; a full backlog makes the peer try
// again after 1, 3, 7 ... seconds; of a connection that vanished nobody hears until the kernel
// gives up. zc/io/poller_contract_test.cc and stream_contract_test.cc hold it to the same promises
// as the real poller.
//
// Every link draws its chances from a stream of its own. Contract violations of the user (send
// while one is pending, too many slices, poll() from inside a callback, start() twice) stop the
// program.
//
// Ownership  Pollers and streams may outlive the network object; nothing happens to them then but
//            what still is scheduled. The clock, the schedule and the trace outlive all of them.
// Threads    One, but for wake().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "zc/base/units.h"
#include "zc/shard/poller.h"
#include "zc/testing/sim/clock.h"
#include "zc/testing/sim/random.h"
#include "zc/testing/sim/schedule.h"
#include "zc/testing/sim/trace.h"

namespace zc::testing {

// How the network is. Ranges are drawn from per connection; probabilities per occasion.
struct network_profile {
  nanoseconds latency_min = std::chrono::microseconds(20);  // one way
  nanoseconds latency_max = std::chrono::microseconds(200);
  nanoseconds jitter_max{0};          // more, per segment
  double bytes_per_second_min = 1e9;  // per direction
  double bytes_per_second_max = 10e9;
  std::size_t send_buffer_min = 256_KiB;
  std::size_t send_buffer_max = 2_MiB;
  std::size_t receive_buffer_min = 256_KiB;
  std::size_t receive_buffer_max = 2_MiB;
  std::size_t segment_max = 64_KiB;

  double cut_send = 0;     // a send takes a part, where all would fit
  double refuse_send = 0;  // a send takes nothing at once, where something would fit
  double cut_receive = 0;  // a read brings a part of what is there
  double late_report = 0;  // poll() leaves something that is ready to its next call
  double stall = 0;        // a segment takes up to stall_max longer
  nanoseconds stall_max = std::chrono::milliseconds(500);

  double reset = 0;           // per segment: the link breaks, what is under way is lost in part
  double vanish = 0;          // per segment: nothing passes from now on, and nobody is told
  double refuse_connect = 0;  // as if nobody listened
  double vanish_connect = 0;  // the connection attempt is never answered
  double accept_pause = 0;    // per connection: the acceptor has no descriptors for 100 ms
  nanoseconds give_up_min = std::chrono::seconds(80);  // when the kernel tells of a vanished link
  nanoseconds give_up_max = std::chrono::seconds(900);
  nanoseconds connect_give_up = std::chrono::seconds(127);

  // Slow and unfair, and nothing breaks: what is sent arrives.
  static network_profile slow(sim_random& r);
  // Any mix of faults: each kind is there or not, so that runs differ in kind.
  static network_profile rough(sim_random& r);
};

// A poller of the simulated network, for whoever drives it.
class sim_poller : public poller {
 public:
  // Something would happen if poll() were called now.
  virtual bool ready() const noexcept = 0;
  // How long the last poll() that had nothing to do would have slept.
  virtual nanoseconds asked() const noexcept = 0;
  // Called when ready() becomes true outside poll().
  virtual void on_ready(std::move_only_function<void()> call) = 0;
};

class sim_network {
 public:
  enum class driver : unsigned char {
    poll,   // poll() lets time pass until something is there: for a poller that is alone
    world,  // poll() never lets time pass: somebody else runs the schedule
  };
  enum class towards : unsigned char { server, client };

  struct statistics {
    std::uint64_t connections = 0;  // established
    std::uint64_t refused = 0;
    std::uint64_t resets = 0;     // links broken by a fault or by script
    std::uint64_t vanished = 0;   // links and attempts
    std::uint64_t sends_cut = 0;  // parts taken, and pending sends
    std::uint64_t receives_cut = 0;
    std::uint64_t bytes = 0;  // delivered
  };

  sim_network(sim_clock& time, sim_schedule& events, sim_random random, sim_trace& trace);
  sim_network(const sim_network&) = delete;
  sim_network& operator=(const sim_network&) = delete;
  ~sim_network();

  std::unique_ptr<sim_poller> make_poller(driver by);

  // Faults apply at once, buffers, bandwidth and latency to connections that begin later.
  void set(const network_profile& how);
  const network_profile& profile() const noexcept;

  // By script. `at` names a listener's endpoint; its connections are meant.
  void cut(const endpoint& at);        // nothing passes, either way, and no connection is made
  void heal(const endpoint& at);       // what was sent meanwhile arrives, unless the kernel gave up
  void break_all(const endpoint& at);  // resets
  // The next connection breaks when so many bytes have arrived that way.
  void break_after(const endpoint& at, towards side, std::size_t bytes);

  const statistics& read() const noexcept;
  std::size_t links() const noexcept;  // connections that at least one end holds

  struct core;

 private:
  std::shared_ptr<core> core_;
};

}  // namespace zc::testing
