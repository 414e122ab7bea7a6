// What must hold of the model checker: it finds what is there, with few threads and in every order;
// it finds nothing where nothing is; and it says which way led there.

#include "zc/testing/interleave.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zc::testing {
namespace {

struct counter {
  model_atomic<int> value{0};
};

TEST(InterleaveTest, EveryOrderOfTwoTimesTwoStepsIsTried) {
  std::set<std::string> orders;
  const auto report = interleave::explore({.preemptions_max = SIZE_MAX}, [&](interleave& run) {
    struct log {
      std::string order;
      model_atomic<int> any;
    };
    auto all = std::make_shared<log>();
    for (const char name : {'a', 'b'}) {
      run.thread([all, name] {
        for (int i = 0; i < 2; ++i) {
          all->any.store(i);
          all->order += name;
        }
      });
    }
    run.at_end([all, &orders] { orders.insert(all->order); });
  });
  EXPECT_TRUE(report.holds()) << report.text();
  EXPECT_EQ(orders, (std::set<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"}));
}

TEST(InterleaveTest, WithoutPreemptionThreadsOnlyTakeTurns) {
  const auto report = interleave::explore({.preemptions_max = 0}, [](interleave& run) {
    auto all = std::make_shared<counter>();
    for (int t = 0; t < 3; ++t) run.thread([all] { all->value.fetch_add(1); });
  });
  EXPECT_TRUE(report.holds()) << report.text();
  EXPECT_EQ(report.executions, 6u);  // 3!
}

TEST(InterleaveTest, FindsALostIncrement) {
  const auto torn = [](interleave& run) {
    auto all = std::make_shared<counter>();
    for (int t = 0; t < 2; ++t) run.thread([all] { all->value.store(all->value.load() + 1); });
    run.at_end([all] { interleave::require(all->value.load() == 2, "an increment was lost"); });
  };
  const auto report = interleave::explore({.preemptions_max = 1}, torn);
  EXPECT_EQ(report.failure, "an increment was lost");
  EXPECT_FALSE(report.schedule.empty());
  EXPECT_TRUE(interleave::explore({.preemptions_max = 0}, torn).holds());  // needs the preemption
  const auto again = interleave::explore({.preemptions_max = 1}, torn);
  EXPECT_EQ(again.schedule, report.schedule);
  EXPECT_EQ(again.executions, report.executions);
}

TEST(InterleaveTest, FindsADeadlockOfTwoLocks) {
  const auto report = interleave::explore({.preemptions_max = 1}, [](interleave& run) {
    struct locks {
      model_mutex a, b;
    };
    auto all = std::make_shared<locks>();
    run.thread([all] {
      const std::scoped_lock<model_mutex> first(all->a);
      const std::scoped_lock<model_mutex> second(all->b);
    });
    run.thread([all] {
      const std::scoped_lock<model_mutex> first(all->b);
      const std::scoped_lock<model_mutex> second(all->a);
    });
  });
  EXPECT_THAT(report.failure, ::testing::HasSubstr("nobody can go on")) << report.text();
}

TEST(InterleaveTest, FindsALostWakeUp) {
  // Looks, then says that it sleeps: the wake-up may come in between.
  const auto scenario = [](bool says_first) {
    return [says_first](interleave& run) {
      struct bell {
        model_atomic<int> there{0};
        model_atomic<model_parker*> sleeper{nullptr};
      };
      auto all = std::make_shared<bell>();
      run.thread([all, says_first] {
        if (says_first) all->sleeper.store(&model_parker::of_this_thread());
        if (all->there.load() != 0) return;
        if (!says_first) all->sleeper.store(&model_parker::of_this_thread());
        model_parker::of_this_thread().park();
      });
      run.thread([all] {
        all->there.store(1);
        if (model_parker* p = all->sleeper.load()) p->unpark();
      });
    };
  };
  EXPECT_THAT(interleave::explore({}, scenario(false)).failure,
              ::testing::HasSubstr("nobody can go on"));
  EXPECT_TRUE(interleave::explore({}, scenario(true)).holds());
}

TEST(InterleaveTest, FindsUseAfterDestruction) {
  const auto report = interleave::explore({}, [](interleave& run) {
    auto shared = std::make_shared<model_atomic<counter*>>(new counter);
    run.thread([shared] {
      if (counter* c = shared->load()) c->value.fetch_add(1);
    });
    run.thread([shared] {
      if (counter* c = shared->exchange(nullptr)) model_atomics::destroy(c);
    });
    run.at_end([shared] { delete shared->load(); });
  });
  EXPECT_EQ(report.failure, "used after it was destroyed");
}

TEST(InterleaveTest, FindsAnEndlessLoopAndLetsAPoliteOneWait) {
  const auto scenario = [](bool polite) {
    return [polite](interleave& run) {
      auto all = std::make_shared<counter>();
      run.thread([all, polite] {
        while (all->value.load() == 0) {
          if (polite) model_atomics::yield();
        }
      });
      run.thread([all] { all->value.store(1); });
    };
  };
  EXPECT_EQ(interleave::explore({.steps_max = 500}, scenario(false)).failure, "an endless loop");
  EXPECT_TRUE(interleave::explore({.steps_max = 500}, scenario(true)).holds());
}

TEST(InterleaveTest, ADeadlineMayComeAtAnyTime) {
  std::set<bool> woken;
  const auto report = interleave::explore({}, [&](interleave& run) {
    auto sleeper = std::make_shared<model_atomic<model_parker*>>(nullptr);
    run.thread([sleeper, &woken] {
      sleeper->store(&model_parker::of_this_thread());
      woken.insert(model_parker::of_this_thread().park_until(time_point{}));
    });
    run.thread([sleeper] {
      if (model_parker* p = sleeper->load()) p->unpark();
    });
  });
  EXPECT_TRUE(report.holds()) << report.text();
  EXPECT_EQ(woken, (std::set<bool>{false, true}));
}

}  // namespace
}  // namespace zc::testing
