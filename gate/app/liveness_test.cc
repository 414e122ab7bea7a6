// What must hold of the watch over shards: one that hangs is named, and the others are not; it is
// forgiven as soon as it answers; whoever watches may end at any time, a hanging shard or not.
//
// Method: real shards on threads of their own; one is held up by a task that waits for the test.
#include "gate/app/liveness.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "zc/base/units.h"
#include "zc/io/epoll_poller.h"
#include "zc/mem/quota.h"
#include "zc/shard/shard_group.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

zc::shard_group::options of(unsigned shards) {
  zc::shard_group::options how;
  how.shards = shards;
  return how;
}

class LivenessTest : public ::testing::Test {
 protected:
  LivenessTest() {
    EXPECT_TRUE(group.start([](zc::shard&) { return zc::result<void>(); }));
  }
  ~LivenessTest() override {
    go_on = true;
    end();
  }

  void watch(milliseconds patience) {
    (void)group.ask(0, [&] {
      watching = std::make_unique<liveness>(
          group.at(0), std::vector<zc::shard*>{&group.at(1), &group.at(2)}, out,
          liveness_options{.every = 2ms, .patience = patience});
    });
  }
  void end() {
    (void)group.ask(0, [&] { watching.reset(); });
  }
  std::string complaint() {
    return group.ask(0, [&] { return watching->complaint(); }).value_or("the shard has ended");
  }
  bool all_turn() {
    return group.ask(0, [&] { return watching->all_turn(); }).value_or(false);
  }
  bool until(const std::function<bool()>& true_at_last) {
    for (int i = 0; i < 2'000; ++i) {
      if (true_at_last()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }
  // Holds a shard up until `go_on`.
  void hold_up(unsigned shard) {
    group.post(shard, [this] {
      held = true;
      while (!go_on) std::this_thread::sleep_for(1ms);
    });
    ASSERT_TRUE(until([this] { return held.load(); }));
  }
  std::vector<std::string> said() {
    std::vector<std::string> messages;
    (void)group.ask(0, [&] {
      for (const kit::logged& line : out.lines) messages.push_back(line.message);
    });
    return messages;
  }

  std::atomic<bool> held{false};
  std::atomic<bool> go_on{false};
  zc::steady_clock time;
  zc::quota limits{64_MiB};
  zc::shard_group group{of(3), &zc::io::make_epoll_poller, limits, time};
  kit::recording_log out;  // the first shard's
  std::unique_ptr<liveness> watching;
};

TEST_F(LivenessTest, ShardsThatTurnAreNotComplainedOf) {
  watch(10s);
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(all_turn());
  EXPECT_EQ(complaint(), "");
  EXPECT_TRUE(said().empty());
}

TEST_F(LivenessTest, OneShardAloneIsWell) {
  (void)group.ask(0, [&] {
    const liveness alone(group.at(0), {}, out);
    EXPECT_TRUE(alone.all_turn());
    EXPECT_EQ(alone.complaint(), "");
  });
}

TEST_F(LivenessTest, AShardThatHangsIsNamedUntilItAnswers) {
  watch(200ms);
  hold_up(2);
  ASSERT_TRUE(until([&] { return !all_turn(); }));
  EXPECT_THAT(complaint(), HasSubstr("shard 2 has not answered for "));
  go_on = true;
  EXPECT_TRUE(until([&] { return complaint().empty() && all_turn(); }));
  const auto lines = said();
  ASSERT_GE(lines.size(), 2U);
  EXPECT_THAT(lines.front(), HasSubstr("the health check says no"));
  EXPECT_THAT(lines.back(), HasSubstr("answers again"));
}

TEST_F(LivenessTest, EndsWhileAShardHangs) {
  watch(20ms);
  hold_up(1);
  EXPECT_TRUE(until([&] { return !all_turn(); }));
  end();
  EXPECT_FALSE(go_on);
}

TEST_F(LivenessTest, AShardThatHasEndedIsNotAskedAnyMore) {
  watch(20ms);
  group.at(1).request_stop();
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(complaint(), "");  // it hangs no more than it turns
  EXPECT_TRUE(all_turn());
}

}  // namespace
}  // namespace sluice
