// What must hold of signals: each arrives as a call on the shard's thread, writing to what is gone
// is no signal, and the process is as before when the watch ends.

#include "zc/io/signal_watch.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "zc/io/epoll_poller.h"

namespace zc::io {
namespace {

using std::chrono::milliseconds;

struct rig {
  void until(std::size_t count) {
    for (int i = 0; i < 1000 && seen.size() < count; ++i) worker.run_turn(milliseconds(10));
  }
  steady_clock time;
  quota limits{1_MiB};
  shard worker{{}, make_epoll_poller(), limits, time};
  std::vector<int> seen;
  std::thread::id thread = std::this_thread::get_id();
};

TEST(SignalWatchTest, SignalsBecomeCallsOnTheShardsThread) {
  rig r;
  auto watch = signal_watch::start(r.worker, [&](int number) {
    EXPECT_EQ(std::this_thread::get_id(), r.thread);
    r.seen.push_back(number);
  });
  ASSERT_TRUE(watch) << watch.error().reason;
  ::kill(::getpid(), SIGHUP);
  r.until(1);
  std::jthread([] { ::kill(::getpid(), SIGTERM); }).join();
  r.until(2);
  ::raise(SIGINT);
  r.until(3);
  EXPECT_EQ(r.seen, (std::vector<int>{SIGHUP, SIGTERM, SIGINT}));
}

TEST(SignalWatchTest, ThereIsOneAtATimeAndTheFormerHandlersComeBack) {
  rig r;
  const auto before = std::signal(SIGUSR1, SIG_IGN);
  {
    auto watch = signal_watch::start(r.worker, [&](int n) { r.seen.push_back(n); }, {SIGUSR1});
    ASSERT_TRUE(watch);
    EXPECT_FALSE(signal_watch::start(r.worker, [](int) {}));
    ::raise(SIGUSR1);
    r.until(1);
  }
  EXPECT_EQ(std::signal(SIGUSR1, before), SIG_IGN);
  EXPECT_EQ(r.seen, (std::vector<int>{SIGUSR1}));
  EXPECT_TRUE(signal_watch::start(r.worker, [](int) {}));
}

TEST(SignalWatchTest, ACallThatWasUnderWayIsDroppedWithTheWatch) {
  rig r;
  {
    auto watch = signal_watch::start(r.worker, [&](int n) { r.seen.push_back(n); }, {SIGUSR1});
    ASSERT_TRUE(watch);
    ::raise(SIGUSR1);
    std::this_thread::sleep_for(milliseconds(50));  // posted, not run
  }
  r.worker.run_turn(milliseconds(1));
  EXPECT_TRUE(r.seen.empty());
}

TEST(SignalWatchTest, WritingToAClosedPipeIsAnErrorValue) {
  ignore_write_signals();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

TEST(SignalWatchTest, AnUncatchableSignalIsRefusedAndNothingIsLeftBehind) {
  rig r;
  EXPECT_FALSE(signal_watch::start(r.worker, [](int) {}, {SIGUSR1, SIGKILL}));
  EXPECT_EQ(std::signal(SIGUSR1, SIG_DFL), SIG_DFL);
  EXPECT_TRUE(signal_watch::start(r.worker, [](int) {}));
}

}  // namespace
}  // namespace zc::io
