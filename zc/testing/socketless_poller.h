// zc/testing/socketless_poller.h - pollers without sockets, for shards that only work and wait.
//
//     idle_poller         poll() returns at once: somebody else turns the shard
//     sleeping_poller     poll() sleeps until it is woken, or the time is over: shards on threads
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

#include "zc/shard/poller.h"

namespace zc::testing {

class socketless_poller : public poller {
 public:
  result<std::unique_ptr<acceptor>> listen(const endpoint&, const socket_options&,
                                           acceptor_events&) override {
    return fail(errc::unsupported, "no sockets here");
  }
  result<std::unique_ptr<stream>> connect(const endpoint&, const socket_options&,
                                          stream_events&) override {
    return fail(errc::unsupported, "no sockets here");
  }
  void start(stream&, stream_events&) override {}
};

class idle_poller final : public socketless_poller {
 public:
  std::size_t poll(nanoseconds) override { return 0; }
  void wake() noexcept override {}
  const char* name() const noexcept override { return "idle"; }
};

class sleeping_poller : public socketless_poller {
 public:
  std::size_t poll(nanoseconds longest) override {
    std::unique_lock lock(guard_);
    if (longest > nanoseconds(0)) changed_.wait_for(lock, longest, [this] { return woken_; });
    woken_ = false;
    return 0;
  }
  void wake() noexcept override {
    const std::lock_guard lock(guard_);
    woken_ = true;
    changed_.notify_one();
  }
  const char* name() const noexcept override { return "sleeping"; }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace zc::testing
