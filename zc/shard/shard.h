// zc/shard/shard.h - one worker: a thread, its poller, its memory, its timers.
//
// A turn of the loop: tasks posted by others, what the poller brings, timers, and last the work that
// was put off to the end of the turn (one gathered send per connection instead of one per response).
//
// Threads  Everything but post() and request_stop() belongs to the thread that runs run().
// Cost     defer() and at_turn_end() O(1) without allocation; post() one lock, and a wake-up if the shard sleeps.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "zc/mem/builder.h"
#include "zc/mem/pool.h"
#include "zc/shard/clock.h"
#include "zc/shard/poller.h"
#include "zc/shard/timer.h"

namespace zc {

// Work for the end of the turn. Intrusive: a connection is one, and is queued at most once.
class turn_end_work {
 public:
  turn_end_work() noexcept = default;
  turn_end_work(const turn_end_work&) = delete;
  turn_end_work& operator=(const turn_end_work&) = delete;

 protected:
  ~turn_end_work();

 private:
  friend class shard;
  virtual void at_turn_end() = 0;
  turn_end_work* next_ = nullptr;
  turn_end_work** link_ = nullptr;
};

class shard {
 public:
  struct options {
    unsigned id = 0;
    std::size_t pool_cached_bytes_max = 16 * 1024 * 1024;
    nanoseconds spin = nanoseconds(0);  // how long to poll without sleeping once idle
  };

  // `limits` and `time` must outlive the shard and every block of its pool.
  shard(const options& how, std::unique_ptr<poller> from, quota& limits, clock& time);
  shard(const shard&) = delete;
  shard& operator=(const shard&) = delete;
  ~shard();

  unsigned id() const noexcept { return id_; }
  poller& io() noexcept { return *poller_; }
  pool& memory() noexcept { return pool_; }
  time_point now() const noexcept { return now_; }  // of this turn
  void arm(timer& t, nanoseconds after) noexcept { timers_.arm(t, now_, after); }

  // Reusable memory for work that ends before the caller returns: 64 KiB, aligned to 64. Not re-entrant.
  std::span<std::byte> scratch() noexcept;

  // Queues work for the end of this turn; no effect when it is queued already. The work may queue itself again,
  // for the same turn end (bounded by the caller).
  void at_turn_end(turn_end_work& work) noexcept;

  // Runs `task` on the shard's thread, in a later turn. Any thread. After the loop has ended the task is dropped.
  void post(std::move_only_function<void()> task);

  // Runs turns until request_stop(). Work that must end first is the caller's to wait for.
  void run();
  void run_turn(nanoseconds longest);  // one turn, for tests and for callers with a loop of their own
  void request_stop() noexcept;        // any thread, and signal handlers

 private:
  void run_posted();

  unsigned id_;
  nanoseconds spin_;
  clock& clock_;
  pool pool_;
  std::unique_ptr<poller> poller_;
  time_point now_;
  timer_wheel timers_;
  bytes_builder scratch_;
  turn_end_work* turn_first_ = nullptr;
  turn_end_work** turn_last_ = &turn_first_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> posted_any_{false};
  std::mutex posted_guard_;
  std::vector<std::move_only_function<void()>> posted_;
};

}  // namespace zc
