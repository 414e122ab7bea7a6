// zc/testing/shard_rig.h - a shard for tests: turn by turn with a clock that is a variable, or on a
// thread of its own.
//
//     shard_rig r;                          the test's thread runs the turns
//     r.worker.post(...); r.turn();
//     r.advance(seconds(3));                time passes, and turns run until nothing happens
//
//     running_shard s;                      a thread runs them; ends with the object
//     s.run([&](shard& here) { ... });      on that thread, and waits for it
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "zc/base/units.h"
#include "zc/mem/quota.h"
#include "zc/shard/clock.h"
#include "zc/shard/shard.h"
#include "zc/testing/socketless_poller.h"

namespace zc::testing {

struct manual_clock final : clock {
  time_point at{std::chrono::hours(1)};
  time_point now() noexcept override { return at; }
};

// poll() runs a script; without one it waits to be woken.
struct scripted_poller final : sleeping_poller {
  std::size_t poll(nanoseconds longest) override {
    waits.push_back(longest);
    if (script) return script(longest);
    waits.clear();  // a thread that runs for long keeps no diary
    return sleeping_poller::poll(longest);
  }
  void wake() noexcept override {
    wakes += 1;
    sleeping_poller::wake();
  }
  void end_poll_soon() noexcept override { early_ends += 1; }
  const char* name() const noexcept override { return "script"; }

  std::function<std::size_t(nanoseconds)> script;
  std::vector<nanoseconds> waits;
  std::atomic<int> wakes{0};
  int early_ends = 0;
};

struct shard_rig {
  explicit shard_rig(std::size_t memory = 64_MiB)
      : limits(memory),
        io(new scripted_poller),
        worker({}, std::unique_ptr<poller>(io), limits, time) {
    io->script = [](nanoseconds) { return std::size_t{0}; };
  }

  void turn() { worker.run_turn(nanoseconds(0)); }
  // Whatever waits and needs no time to pass, at most `most` turns of it.
  void turns(int most = 100) {
    for (int i = 0; i < most; ++i) turn();
  }
  // In steps of a millisecond, as a wheel of that resolution sees it.
  void advance(nanoseconds by) {
    const time_point end = time.at + by;
    while (time.at < end) {
      time.at += std::min<nanoseconds>(std::chrono::milliseconds(1), end - time.at);
      turn();
    }
    turn();
  }

  manual_clock time;
  quota limits;
  scripted_poller* io;
  shard worker;
};

class running_shard {
 public:
  explicit running_shard(unsigned id = 0) {
    std::atomic<shard*> made{nullptr};
    thread_ = std::thread([this, id, &made] {
      auto poll = std::make_unique<scripted_poller>();
      io_ = poll.get();
      shard::options how;
      how.id = id;
      shard mine(how, std::move(poll), limits_, time_);
      made.store(&mine);
      made.notify_one();
      mine.run();
      ended_.store(true);
      ended_.notify_all();
      may_go_.wait(false);
      if (before_it_goes) before_it_goes(mine);
    });
    made.wait(nullptr);
    worker_ = made.load();
  }
  running_shard(const running_shard&) = delete;
  running_shard& operator=(const running_shard&) = delete;
  ~running_shard() {
    stop();
    may_go_.store(true);
    may_go_.notify_all();
    thread_.join();
  }

  shard& worker() noexcept { return *worker_; }
  scripted_poller& io() noexcept { return *io_; }
  // Runs `what` on the shard's thread and returns when it has.
  void run(std::move_only_function<void(shard&)> what) {
    std::atomic<bool> done{false};
    worker_->post([&] {
      what(*worker_);
      done.store(true);
      done.notify_all();
    });
    done.wait(false);
  }
  void stop() noexcept { worker_->request_stop(); }
  void wait_until_ended() { ended_.wait(false); }

  std::function<void(shard&)> before_it_goes;  // on its thread, after the loop; set it early

 private:
  steady_clock time_;
  quota limits_{64_MiB};
  scripted_poller* io_ = nullptr;
  shard* worker_ = nullptr;
  std::atomic<bool> ended_{false};
  std::atomic<bool> may_go_{false};
  std::thread thread_;
};

}  // namespace zc::testing
