// zc/shard/shard_group.h - the shards of a process, each on a thread of its own.
//
//     start(init, exit)   every thread: make the shard, init(shard), run the loop, exit(shard)
//     stop()              ends the loops
//     join()              waits for all loops and exits, then the shards go, each on its own thread
//
// Ownership  The group owns threads and shards. A shard is made and destroyed on its thread,
// because its pool
//            belongs there. All shards live until join(): posting to one whose loop has ended is
//            harmless.
// Threads    start, join and the destructor: the owner's. post and stop: any, between start() and
// join();
//            stop() also from a signal handler.
// Errors     start() returns the first error of an init, after everything has been stopped and
// joined.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "zc/base/result.h"
#include "zc/shard/call.h"
#include "zc/shard/shard.h"

namespace zc {

class shard_group {
 public:
  struct options {
    unsigned shards = 0;  // 0: one per allowed core
    bool pin = false;     // shard i to the i-th allowed core; a kernel that refuses is not an error
    std::string name = "shard";  // of the threads, followed by the number
    shard::options each;         // its id is set by the group
  };
  using make_poller = std::function<std::unique_ptr<poller>()>;  // null: the shard cannot start
  using init = std::function<result<void>(shard&)>;
  using exit = std::function<void(shard&)>;

  // `limits` and `time` must outlive the group and every block of its pools.
  shard_group(options how, make_poller pollers, quota& limits, clock& time);
  shard_group(const shard_group&) = delete;
  shard_group& operator=(const shard_group&) = delete;
  ~shard_group();  // stops and joins

  // Runs `on_init` on every shard's thread and returns when all have ended. All shards exist by
  // then, so one may post to another. `on_exit` runs after the loop, also where init has failed:
  // the place to destroy what belongs to the shard. Once per group.
  result<void> start(init on_init, exit on_exit = {});
  void stop() noexcept;
  // The same after a while: see shard::request_stop(grace). stop() cuts it short.
  void stop(nanoseconds grace) noexcept;
  void join();

  unsigned size() const noexcept { return static_cast<unsigned>(members_.size()); }
  shard& at(unsigned i) noexcept { return *members_[i].worker; }  // between start() and join()
  void post(unsigned i, std::move_only_function<void()> task) { at(i).post(std::move(task)); }
  // Runs `fn` on shard i and waits for what it returns: see ask() in call.h. Not from a shard.
  template <class F>
  auto ask(unsigned i, F fn) {
    return zc::ask(at(i), std::move(fn));
  }

 private:
  struct member {
    std::thread thread;
    shard* worker = nullptr;
  };
  enum class phase { made, initialised, ended };

  void live(unsigned i);
  void arrive(phase at);        // says that this member has come so far
  void wait_for_all(phase at);  // until all members have
  void note(const error& why);

  options how_;
  make_poller pollers_;
  quota& limits_;
  clock& time_;
  init on_init_;
  exit on_exit_;
  std::vector<member> members_;
  std::mutex guard_;
  std::condition_variable changed_;
  // Under guard_.
  unsigned arrived_[3] = {};
  bool may_go_ = false;
  std::optional<error> first_error_;
};

}  // namespace zc
