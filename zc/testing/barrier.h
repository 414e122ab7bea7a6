// zc/testing/barrier.h - where threads are held until the test lets them go.
//
//     barrier gate;
//     pool.try_submit([&] { gate.wait(); });      the thread that runs it stays here
//     gate.until_waiting(1);                      the test knows that it is there
//     gate.release();                             from now on nobody is held
//
// Threads  Any.
#pragma once

#include <condition_variable>
#include <mutex>

namespace zc::testing {

class barrier {
 public:
  void wait() {
    std::unique_lock lock(guard_);
    came_ += 1;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  // Until so many have come, in all.
  void until_waiting(int n) {
    std::unique_lock lock(guard_);
    changed_.wait(lock, [&] { return came_ >= n; });
  }
  void release() {
    const std::lock_guard lock(guard_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  bool open_ = false;
  int came_ = 0;
};

}  // namespace zc::testing
