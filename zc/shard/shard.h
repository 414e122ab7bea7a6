// zc/shard/shard.h - one worker: a thread, its poller, its memory, its timers.
//
// A turn of the loop: tasks posted by others, letters of the mailbox, coroutines that may go on (wakeup.h), what the poller
// brings, timers, the coroutines that these have woken, and last the work that was put off to the
// end of the turn (one gathered send per connection instead of one per response).
//
// Threads  Everything but post(), mail() and request_stop() belongs to the thread that made the
//          shard and runs run(): the pool belongs to the thread that constructs it.
// Cost     at_turn_end() O(1) without allocation; post() one lock, and a wake-up if the shard
//          sleeps.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "zc/base/units.h"
#include "zc/mem/builder.h"
#include "zc/mem/pool.h"
#include "zc/shard/clock.h"
#include "zc/shard/frame_cache.h"
#include "zc/shard/mailbox.h"
#include "zc/shard/poller.h"
#include "zc/shard/timer.h"
#include "zc/shard/wakeup.h"

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
  void unlink() noexcept;
  // A ring with the shard's anchor in it; null while not queued.
  turn_end_work* next_ = nullptr;
  turn_end_work* previous_ = nullptr;
};

class shard {
 public:
  struct options {
    unsigned id = 0;
    std::size_t pool_cached_bytes_max = 16 * 1024 * 1024;
    nanoseconds spin = nanoseconds(0);  // how long to poll without sleeping once idle
    std::size_t letters_max = 1024;     // of the mailbox
  };

  static constexpr std::size_t scratch_bytes = 64_KiB;
  static constexpr const char* pool_label = "shard";  // of its own blocks, in the pool's samples
  static constexpr std::size_t receive_slab_bytes =
      256_KiB;  // the block, header and slack included
  static constexpr std::size_t receive_room_bytes_min = 64_KiB;  // less is left: a new slab
  // Coroutines resumed in a row before the poller has its turn, so that two that wake each other
  // do not keep the sockets waiting.
  static constexpr std::size_t resumes_max = 256;

  // `limits` and `time` must outlive the shard and every block of its pool.
  shard(const options& how, std::unique_ptr<poller> from, quota& limits, clock& time);
  shard(const shard&) = delete;
  shard& operator=(const shard&) = delete;
  // Requires: no coroutine waits on it any more.
  ~shard();

  // The shard of the calling thread: the one whose turn it is, else the first one that was made on
  // this thread and still lives; null on a thread without any. A simulation with several shards on
  // one thread names the one it speaks for with an as_current.
  static shard* current() noexcept;
  class as_current;

  // What has tasks to end before the shard may: see request_stop(). One shard.
  class stoppable {
   public:
    stoppable(const stoppable&) = delete;
    stoppable& operator=(const stoppable&) = delete;

   protected:
    explicit stoppable(shard& on) noexcept;
    ~stoppable();

   private:
    friend class shard;
    virtual void request_stop() noexcept = 0;
    virtual void cancel() noexcept = 0;
    virtual bool idle() const noexcept = 0;
    shard& on_;
    stoppable* next_ = nullptr;
    stoppable* previous_ = nullptr;
  };

  unsigned id() const noexcept { return id_; }
  poller& io() noexcept { return *poller_; }
  pool& memory() noexcept { return pool_; }
  frame_cache& frames() noexcept { return frames_; }
  // Work from other shards, bounded: see call.h. Senders: any thread.
  mailbox& mail() noexcept { return mail_; }
  // Of this turn: read when first asked for after the poller may have slept, then the same until it
  // may sleep again.
  time_point now() const noexcept;
  void arm(timer& t, nanoseconds after) noexcept { timers_.arm(t, now(), after); }

  // Reusable memory for work that ends before the caller returns: 64 KiB, aligned to 64. Not
  // re-entrant.
  std::span<std::byte> scratch() noexcept;

  // Where reads that nobody gave a place of their own go: the spare end of the shard's current
  // receive slab (256 KiB blocks of the pool, at least 64 KiB left, rewound when only the shard
  // holds it). Starts aligned to 64. Empty when the quota is exhausted and `need` is ordinary.
  std::span<std::byte> receive_room(urgency need = urgency::ordinary);
  // The first n bytes of the room last returned, now payload. Once per room.
  bytes received(std::size_t n);

  // Queues work for the end of this turn; no effect when it is queued already. The work may queue
  // itself again, for the same turn end (bounded by the caller).
  void at_turn_end(turn_end_work& work) noexcept;
  // A hint: the turn should end before more is received, since what waits for its end is large and
  // was received just now: the kernel copies it faster while it is in the cache.
  void end_turn_soon() noexcept { poller_->end_poll_soon(); }

  // Runs `task` on the shard's thread, in a later turn, in the order of posting. Any thread. After
  // the loop has ended the task is dropped (destroyed by the caller's thread). For what must never
  // be refused: replies, of which there is one per request, and orders of the owner. How much may
  // wait is bounded by the callers; work that others hand over goes by mail().
  void post(std::move_only_function<void()> task);

  // Runs turns until request_stop(); what was posted before that still runs. Then the scopes that
  // are left are cancelled, and the mailbox is closed.
  void run();
  // One turn, for tests and for callers with a loop of their own; returns how many things happened.
  // Not from inside a turn.
  std::size_t run_turn(nanoseconds longest);
  void request_stop() noexcept;  // any thread, and signal handlers
  // The same after a while: task scopes are asked to stop, and the loop goes on until they are
  // empty or `grace` is over. A later request_stop() cuts it short.
  void request_stop(nanoseconds grace) noexcept;

 private:
  friend class wakeup;
  friend class mailbox;
  struct turn_anchor final : turn_end_work {
    turn_anchor() noexcept;
    void at_turn_end() override {}
  };

  std::size_t turn(nanoseconds longest);  // returns how many things happened
  std::size_t run_posted();
  std::size_t run_ready();
  void take_fired() noexcept;
  std::size_t run_turn_end();
  std::size_t wait_for_events(nanoseconds longest);
  void tend_memory() noexcept;
  bool may_end() noexcept;
  nanoseconds until_end() const noexcept;
  void rouse() noexcept;  // after something was left for the shard
  // For wakeup.
  void make_ready(wakeup& w) noexcept;
  void forget(wakeup& w) noexcept;

  unsigned id_;
  nanoseconds spin_;
  clock& clock_;
  frame_cache frames_;
  pool pool_;
  std::unique_ptr<poller> poller_;
  nanoseconds tend_at_ = nanoseconds::max();  // the pool wants a look then
  mutable time_point now_;
  mutable bool now_known_ = true;
  timer_wheel timers_;
  bytes_builder scratch_;
  bytes_builder slab_;
  std::size_t room_bytes_ = 0;  // of the receive room last returned and not yet received into
  std::size_t room_gap_ = 0;    // what alignment skipped before it
  turn_anchor turn_end_;
  wakeup::list ready_;
  stoppable* scopes_ = nullptr;
  bool ending_ = false;  // the scopes have been asked
  time_point ending_since_{};
  std::size_t waiting_ = 0;  // armed wakeups, fired ones that have not run yet included
  bool in_turn_ = false;
  mailbox mail_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> grace_{0};  // nanoseconds
  std::atomic<bool> posted_any_{false};
  std::atomic<bool> fired_any_{false};
  std::atomic<bool> sleeping_{false};
  std::mutex posted_guard_;
  std::vector<std::move_only_function<void()>> posted_;
  std::vector<std::move_only_function<void()>> running_;  // keeps its capacity
  bool ended_ = false;                                    // under posted_guard_
  std::mutex fired_guard_;
  wakeup::list fired_;  // by other threads; under fired_guard_
};

// While it lives, shard::current() of this thread is the shard it was given.
class [[nodiscard]] shard::as_current {
 public:
  explicit as_current(shard& s) noexcept;
  as_current(const as_current&) = delete;
  as_current& operator=(const as_current&) = delete;
  ~as_current();

 private:
  shard* before_;
};

}  // namespace zc
