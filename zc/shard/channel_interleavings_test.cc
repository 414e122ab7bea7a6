// What must hold of a channel in every interleaving of a few senders and receivers: every item
// arrives once and in order, whoever sleeps is woken, deadlines and the close lose nothing.
//
// Method: the same code on modelled atomics (zc/testing/interleave.h), and variants that are broken
// on purpose, which the checker must find.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "zc/shard/channel.h"
#include "zc/testing/interleave.h"
#include "zc/testing/leaks.h"

namespace zc {
namespace {

using testing::interleave;
using testing::model_atomics;

// Senders and receivers of the same code on modelled atomics. Every item once, in order; the last
// sender closes; who sleeps is woken, or the checker finds nobody that can go on.
template <class Topology, class Weigh, class Atomics>
interleave::scenario hand_over(int senders, int receivers, int each, const channel_limits& limits) {
  return [=](interleave& run) {
    struct all {
      explicit all(const channel_limits& l) : c(l) {}
      channel<int, Topology, Weigh, Atomics> c;
      testing::model_atomic<int> sending{0};
      std::vector<int> got;
    };
    auto state = std::make_shared<all>(limits);
    state->sending.store(senders);
    for (int s = 0; s < senders; ++s) {
      run.thread([state, s, each] {
        for (int i = 0; i < each; ++i) {
          interleave::require(state->c.send_blocking(s * 10 + i + 1).has_value(), "not sent");
        }
        if (state->sending.fetch_sub(1) == 1) state->c.close();
      });
    }
    for (int r = 0; r < receivers; ++r) {
      run.thread([state] {
        int last[2] = {0, 0};
        while (const auto got = state->c.receive_blocking()) {
          interleave::require(*got > 0 && *got < 20, "nothing that was sent");
          interleave::require(*got % 10 > last[*got / 10], "the order of a sender");
          last[*got / 10] = *got % 10;
          state->got.push_back(*got);
        }
      });
    }
    run.at_end([state, senders, each] {
      std::sort(state->got.begin(), state->got.end());
      std::vector<int> expected;
      for (int s = 0; s < senders; ++s) {
        for (int i = 0; i < each; ++i) expected.push_back(s * 10 + i + 1);
      }
      interleave::require(state->got == expected, "lost, or there twice");
      interleave::require(state->c.stats().weight == 0, "weight was lost");
    });
  };
}

TEST(ChannelModelTest, SpscWithOneSlot) {
  const auto report = interleave::explore(
      {.preemptions_max = 3}, hand_over<spsc, unweighed, model_atomics>(1, 1, 2, {.items_max = 1}));
  EXPECT_TRUE(report.holds()) << report.text();
  EXPECT_GT(report.executions, 1000u);
}
TEST(ChannelModelTest, MpscWithOneSlot) {
  const auto report = interleave::explore(
      {.preemptions_max = 2}, hand_over<mpsc, unweighed, model_atomics>(2, 1, 1, {.items_max = 1}));
  EXPECT_TRUE(report.holds()) << report.text();
}
TEST(ChannelModelTest, MpmcWithOneSlot) {
  const auto report = interleave::explore(
      {.preemptions_max = 1}, hand_over<mpmc, unweighed, model_atomics>(2, 2, 1, {.items_max = 1}));
  EXPECT_TRUE(report.holds()) << report.text();
}
TEST(ChannelModelTest, MpmcWithTwoReceivers) {
  const auto report = interleave::explore(
      {.preemptions_max = 2}, hand_over<mpmc, unweighed, model_atomics>(1, 2, 2, {.items_max = 1}));
  EXPECT_TRUE(report.holds()) << report.text();
}
TEST(ChannelModelTest, MpmcByWeight) {
  struct eleven {
    std::size_t operator()(int i) const noexcept { return static_cast<std::size_t>(i); }
  };
  const auto report = interleave::explore(
      {.preemptions_max = 2},
      hand_over<mpmc, eleven, model_atomics>(2, 1, 1, {.items_max = 4, .weight_max = 11}));
  EXPECT_TRUE(report.holds()) << report.text();
}

// Deadlines may come at any moment: the wake-up of one who gives up must not be lost to another.
template <class Atomics>
interleave::scenario giving_up() {
  return [](interleave& run) {
    struct all {
      channel<int, mpmc, unweighed, Atomics> c{{.items_max = 1}};
      testing::model_atomic<int> got{0};
    };
    auto state = std::make_shared<all>();
    run.thread([state] {
      if (state->c.receive_blocking(time_point{})) state->got.fetch_add(1);
    });
    run.thread([state] {
      if (state->c.receive_blocking()) state->got.fetch_add(1);
    });
    run.thread([state] {
      interleave::require(state->c.send_blocking(1).has_value(), "not sent");
      // Only now: the close would wake everybody.
      while (state->got.load() == 0) model_atomics::yield();
      state->c.close();
    });
  };
}
TEST(ChannelModelTest, WhoGivesUpLosesNoWakeUpOfAnother) {
  const auto report = interleave::explore({.preemptions_max = 2}, giving_up<model_atomics>());
  EXPECT_TRUE(report.holds()) << report.text();
}

// By weight whoever waits first keeps the others waiting; when it gives up, they must hear of it.
TEST(ChannelModelTest, WhoStandsBehindAHeavyOneThatGivesUpGoesOn) {
  struct as_heavy_as_it_says {
    std::size_t operator()(int i) const noexcept { return static_cast<std::size_t>(i); }
  };
  const auto report = interleave::explore({.preemptions_max = 2}, [](interleave& run) {
    using by_weight = channel<int, mpmc, as_heavy_as_it_says, model_atomics>;
    auto c = std::make_shared<by_weight>(channel_limits{.items_max = 4, .weight_max = 10});
    run.thread([c] {
      interleave::require(c->send_blocking(5).has_value(), "there was room");
      const auto heavy = c->send_blocking(9, time_point{});
      interleave::require(!heavy && heavy.error() == refusal::timed_out, "there was no room");
    });
    run.thread([c] { interleave::require(c->send_blocking(2).has_value(), "there was room"); });
    run.at_end([c] { interleave::require(c->stats().weight == 7, "weight was lost"); });
  });
  EXPECT_TRUE(report.holds()) << report.text();
}

TEST(ChannelModelTest, CloseAndSendAgreeWhoWasFirst) {
  const auto scenario = [](auto topology) {
    return [](interleave& run) {
      struct all {
        channel<int, decltype(topology), unweighed, model_atomics> c{{.items_max = 1}};
        int sent = 0;
        int got = 0;
      };
      auto state = std::make_shared<all>();
      run.thread([state] {
        for (int i = 0; i < 2; ++i) state->sent += state->c.send_blocking(1).has_value() ? 1 : 0;
      });
      run.thread([state] {
        while (state->c.receive_blocking()) state->got += 1;
      });
      run.thread([state] { state->c.close(); });
      run.at_end(
          [state] { interleave::require(state->sent == state->got, "sent, and never received"); });
    };
  };
  EXPECT_TRUE(interleave::explore({.preemptions_max = 2}, scenario(spsc{})).holds());
  EXPECT_TRUE(interleave::explore({.preemptions_max = 2}, scenario(mpsc{})).holds());
  EXPECT_TRUE(interleave::explore({.preemptions_max = 2}, scenario(mpmc{})).holds());
}

// Broken on purpose: a compare-exchange that looks, and then writes.
template <class T>
struct torn_atomic : testing::model_atomic<T> {
  using testing::model_atomic<T>::model_atomic;
  bool compare_exchange_weak(T& expected, T wanted, std::memory_order = {},
                             std::memory_order = {}) {
    const T now = this->load();
    if (now != expected) {
      expected = now;
      return false;
    }
    this->store(wanted);
    return true;
  }
};
struct torn_atomics : model_atomics {
  template <class T>
  using atomic = torn_atomic<T>;
};
// Broken on purpose: an unpark() that comes before its park() is forgotten.
struct forgetful_parker : testing::model_parker {
  static forgetful_parker& of_this_thread() {
    return static_cast<forgetful_parker&>(testing::model_parker::of_this_thread());
  }
  void park() {
    forget();
    testing::model_parker::park();
  }
  bool park_until(time_point deadline) {
    interleave::step(this, true);
    forget();
    return testing::model_parker::park_until(deadline);
  }
};
struct forgetful_atomics : model_atomics {
  using parker = forgetful_parker;
};
TEST(ChannelModelTest, FindsWhatIsBrokenOnPurpose) {
  const testing::leaks_expected here;
  const channel_limits one{.items_max = 1};
  EXPECT_NE(
      interleave::explore({}, hand_over<mpmc, unweighed, torn_atomics>(2, 1, 1, {.items_max = 2}))
          .failure,
      "");
  EXPECT_THAT(
      interleave::explore({}, hand_over<spsc, unweighed, forgetful_atomics>(1, 1, 2, one)).failure,
      ::testing::HasSubstr("a wake-up was lost"));
}

}  // namespace
}  // namespace zc
