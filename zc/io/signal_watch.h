// zc/io/signal_watch.h - signals as calls on a shard's thread.
//
//     handler (any thread, async-signal-safe) --byte--> pipe --> watching thread --post--> shard:
//     on_signal(number)
//
// SIGPIPE and SIGXFSZ are ignored from then on: a closed connection and a file at its limit are
// error values.
//
// Ownership  One watch at a time per process. Destroying it gives the former handlers back; no call
// comes after
//            that when it is destroyed on the shard's thread.
// Threads    The constructor and destructor: any. The shard must outlive the watch.
// Bounds     One pending byte per delivered signal, at most what a pipe holds; more of them are
// dropped.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <initializer_list>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "zc/base/result.h"
#include "zc/shard/shard.h"

namespace zc::io {

class signal_watch {
 public:
  using on_signal = std::function<void(int number)>;

  static result<std::unique_ptr<signal_watch>> start(shard& to, on_signal call,
                                                     std::initializer_list<int> numbers = {
                                                         SIGTERM, SIGINT, SIGHUP});
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;
  ~signal_watch();

 private:
  struct target;
  signal_watch() = default;

  std::shared_ptr<target> target_;
  std::vector<std::pair<int, struct sigaction>> former_;
  std::thread thread_;
};

// Without a shard: from then on SIGINT and SIGTERM set the flag that is returned, for programs that
// look at one. A signal_watch that is started later takes its signals over.
const std::atomic<bool>& stop_flag_on_signals() noexcept;

// The same for SIGHUP: it sets the flag instead of ending the process.
const std::atomic<bool>& hangup_flag_on_signal() noexcept;

// Without a watch: a process that writes to sockets or files with limits wants errors, not signals.
void ignore_write_signals() noexcept;

}  // namespace zc::io
