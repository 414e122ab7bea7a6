// zc/shard/parker.h - where one thread sleeps until another wakes it.
//
//     parker& mine = parker::of_this_thread();     publish &mine, then mine.park();
//     theirs->unpark();                            any thread, any number of times
//
// A token, not an event: unpark() leaves one token, park() takes it, so a wake-up that comes first
// is not lost. A token may also be left over from an earlier wait: whoever parks looks again at what
// it waits for, in a loop.
//
// Ownership  Parkers are never freed: a thread borrows one and returns it when it ends. So the one
//            who wakes may do so after the sleeper has gone on, or has ended, and needs no lock that
//            the sleeper wants.
// Threads    park, park_until: the borrower's. unpark: any.
// Cost       A mutex and a condition variable: a futex wait and a futex wake.
#pragma once

#include <condition_variable>
#include <mutex>

#include "zc/shard/clock.h"

namespace zc {

class parker {
 public:
  parker() = default;
  parker(const parker&) = delete;
  parker& operator=(const parker&) = delete;

  static parker& of_this_thread();

  void park();
  // False when the time has come and there was no token. time_point::max(): no limit.
  bool park_until(time_point deadline);
  void unpark();

 private:
  std::mutex guard_;
  std::condition_variable woken_;
  bool token_ = false;
};

}  // namespace zc
