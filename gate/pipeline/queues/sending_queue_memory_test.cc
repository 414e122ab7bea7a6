// What must hold of the sending queue's memory: once it has been as full before, a request that
// comes, waits, is tried, fails, is tried again and leaves costs no allocation of the queue's own.
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gate/pipeline/engine/kit_for_tests.h"
#include "gate/pipeline/queues/sending_queue.h"
#include "zc/testing/allocations.h"

namespace sluice {
namespace {

// Answers with what it is told to, at once.
struct scripted_sender final : sender {
  void send(delivery&, done then) override {
    attempts += 1;
    if (failures > 0) {
      failures -= 1;
      return then(verdict::retry("again"));  // fits into the string itself
    }
    then(verdict::success());
  }
  std::size_t slots() const noexcept override { return 4; }
  int attempts = 0;
  int failures = 0;
};

// Keeps what it gets until it is told.
struct holding_sender final : sender {
  ~holding_sender() override { answer_all(); }
  void send(delivery&, done then) override { open.push_back(std::move(then)); }
  std::size_t slots() const noexcept override { return 4; }
  void answer_all() {
    while (!open.empty()) {
      done then = std::move(open.back());
      open.pop_back();
      then(verdict::success());
    }
  }
  std::vector<done> open;
};

template <class Sender>
struct place {
  kit::workplace at;
  queue_settings settings;
  retry_settings retry;
  queue_account account{settings.sizer, settings.queue_size, 64 << 20};
  Sender* to = nullptr;
  std::optional<sending_queue> queue;

  place() {
    auto made = std::make_unique<Sender>();
    to = made.get();
    queue.emplace(at.context, "q", settings, retry,
                  sending_queue::limits{.consumers = settings.num_consumers}, account,
                  std::move(made));
  }
};

TEST(SendingQueueMemoryTest, ARequestThatIsSentAtOnceCostsNoAllocation) {
  if (!zc::testing::allocations_are_counted) GTEST_SKIP() << "allocations are not counted here";
  place<scripted_sender> p;
  const payload_ptr what = kit::plain_payload(otlp::signal::logs, 10);
  for (int i = 0; i < 3; ++i) p.queue->consume({what, {}, {}});
  const auto before = zc::testing::allocations();
  for (int i = 0; i < 1000; ++i) p.queue->consume({what, {}, {}});
  EXPECT_EQ(zc::testing::allocations().times - before.times, 0U);
  EXPECT_EQ(p.to->attempts, 1003);
}

TEST(SendingQueueMemoryTest, RequestsThatWaitAndRetryCostNoAllocation) {
  if (!zc::testing::allocations_are_counted) GTEST_SKIP() << "allocations are not counted here";
  place<holding_sender> p;
  const payload_ptr what = kit::plain_payload(otlp::signal::logs, 10);
  const auto round = [&] {
    for (int i = 0; i < 100; ++i) p.queue->consume({what, {}, {}});
    EXPECT_EQ(p.queue->waiting(), 96U);
    p.to->answer_all();
    EXPECT_EQ(p.account.used(), 0U);
  };
  round();
  const auto before = zc::testing::allocations();
  for (int i = 0; i < 10; ++i) round();
  EXPECT_EQ(zc::testing::allocations().times - before.times, 0U);

  place<scripted_sender> again;
  again.queue->consume({what, {}, {}});
  again.to->failures = 3;
  again.queue->consume({what, {}, {}});
  again.at.run_for(milliseconds(60'000));  // the log has said what it says
  again.to->failures = 3;
  const auto before_retry = zc::testing::allocations();
  again.queue->consume({what, {}, {}});
  const auto logged = zc::testing::allocations().times - before_retry.times;
  EXPECT_LE(logged, 8U) << "a retry may cost a line of the log";
}

}  // namespace
}  // namespace sluice
