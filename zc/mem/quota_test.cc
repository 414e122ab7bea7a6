// What must hold of a quota: it is exact, at every level of a tree; nobody waits for memory that is
// free; whoever keeps memory for reuse is asked for it; and a release without a charge is caught.
//
// Method: a model of plain numbers under random operations; several threads that charge, wait and
// release (under ThreadSanitizer too).

#include "zc/mem/quota.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <semaphore>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace zc {
namespace {

class waiting final : public quota::waiter {
 public:
  ~waiting() { leave(); }
  int told = 0;

 private:
  void on_room() noexcept override { told += 1; }
};

class hoard final : public quota::cache {
 public:
  explicit hoard(quota& of) : cache(of) {}
  int calls = 0;

 private:
  void on_asked() noexcept override { calls += 1; }
};

TEST(QuotaTest, GrantsUpToTheLimitAndNotOneByteMore) {
  quota q(1000);
  EXPECT_TRUE(q.try_charge(1000));
  EXPECT_FALSE(q.try_charge(1));
  EXPECT_FALSE(q.try_charge(SIZE_MAX));  // used + SIZE_MAX wraps
  EXPECT_TRUE(q.tight());
  q.release(200);
  EXPECT_FALSE(q.tight());
  EXPECT_EQ(q.peak(), 1000u);
}

TEST(QuotaTest, DrainingIsGrantedAndCounted) {
  quota q(100);
  EXPECT_TRUE(q.try_charge(100));
  EXPECT_TRUE(q.try_charge(50, urgency::draining));
  EXPECT_EQ(q.used(), 150u);
  EXPECT_FALSE(q.try_charge(1));  // over the limit already: the difference must not wrap
  EXPECT_FALSE(q.try_charge(SIZE_MAX - 100, urgency::draining)) << "the count would wrap";
  EXPECT_EQ(q.used(), 150u);
}

TEST(QuotaTest, NothingIsGrantedByAQuotaOfNothing) {
  quota q(0);
  EXPECT_TRUE(q.try_charge(0));
  EXPECT_FALSE(q.try_charge(1));
  EXPECT_TRUE(q.tight());
  EXPECT_EQ(q.cache_share(), 0u);
  quota all(SIZE_MAX);
  EXPECT_TRUE(all.try_charge(SIZE_MAX));
  EXPECT_FALSE(all.try_charge(1));
  all.release(SIZE_MAX);
}

TEST(QuotaDeathTest, ReleasingWhatWasNotChargedStopsTheProgram) {
  quota q(100);
  ASSERT_TRUE(q.try_charge(10));
  EXPECT_DEATH(q.release(11), "quota::release requires that what is given back was charged");
  EXPECT_DEATH(q.release(SIZE_MAX), "was charged");
}

TEST(QuotaDeathTest, AQuotaOutlivesWhatHangsOnIt) {
  std::optional<quota> q(std::in_place, 100);
  {
    hoard h(*q);
    EXPECT_DEATH(q.reset(), "a quota must outlive its children, its caches");
  }
  quota child(50, *q);
  EXPECT_DEATH(q.reset(), "a quota must outlive its children, its caches");
}

TEST(QuotaTest, AChildIsBoundByItselfAndByItsParents) {
  quota all(100);
  quota a(80, all), b(80, all);
  EXPECT_TRUE(a.try_charge(70));
  EXPECT_FALSE(a.try_charge(11)) << "its own limit";
  EXPECT_TRUE(b.try_charge(30));
  EXPECT_FALSE(b.try_charge(1)) << "the parent's limit";
  EXPECT_EQ(b.used(), 30u) << "undone where the parent refuses";
  EXPECT_TRUE(b.tight());
  EXPECT_TRUE(b.try_charge(5, urgency::draining));
  EXPECT_EQ(all.used(), 105u);
  a.release(70);
  EXPECT_EQ(all.used(), 35u);
  EXPECT_FALSE(b.tight());
  b.release(35);
  EXPECT_EQ(all.used(), 0u);
  EXPECT_EQ(all.peak(), 105u);
}

TEST(QuotaTest, WhoWaitsIsToldOnceWhenItsBytesAreFree) {
  quota q(100);
  waiting w;
  EXPECT_FALSE(q.wait(w, 100)) << "they are free already";
  EXPECT_FALSE(q.wanted());
  ASSERT_TRUE(q.try_charge(100));
  EXPECT_TRUE(q.wait(w, 30));
  EXPECT_TRUE(q.wanted());
  q.release(29);
  EXPECT_EQ(w.told, 0);
  q.release(1);
  EXPECT_EQ(w.told, 1);
  EXPECT_FALSE(q.wanted());
  q.release(10);
  EXPECT_EQ(w.told, 1);
  EXPECT_TRUE(q.wait(w, 100)) << "it may wait again";
  q.release(60);
  EXPECT_EQ(w.told, 2);
}

TEST(QuotaTest, AllWhoseBytesAreFreeAreTold) {
  quota q(100);
  ASSERT_TRUE(q.try_charge(100));
  waiting large, small, gone;
  EXPECT_TRUE(q.wait(large, 50));
  EXPECT_TRUE(q.wait(small, 10));
  {
    waiting dies;
    EXPECT_TRUE(q.wait(dies, 1));
  }
  EXPECT_TRUE(q.wait(gone, 1));
  gone.leave();
  gone.leave();
  q.release(10);
  EXPECT_EQ(large.told, 0);
  EXPECT_EQ(small.told, 1);
  EXPECT_EQ(gone.told, 0);
  q.release(40);
  EXPECT_EQ(large.told, 1);
  q.release(50);
}

TEST(QuotaTest, AdmissionWaitsForTheSoftLimit) {
  quota q(800);  // soft: 700
  ASSERT_TRUE(q.try_charge(750));
  waiting w;
  EXPECT_TRUE(q.wait(w, 1, quota::below::soft_limit));
  q.release(50);
  EXPECT_EQ(w.told, 0);
  EXPECT_TRUE(q.tight());
  q.release(1);
  EXPECT_EQ(w.told, 1);
  EXPECT_FALSE(q.tight());
  q.release(699);
}

TEST(QuotaTest, WhoWaitsAtAChildIsToldWhenAParentHasRoomAgain) {
  quota all(100);
  quota a(100, all), b(100, all);
  ASSERT_TRUE(a.try_charge(90));
  waiting w;
  EXPECT_TRUE(b.wait(w, 20));
  EXPECT_TRUE(a.wanted()) << "caches of the whole tree make way";
  a.release(10);
  EXPECT_EQ(w.told, 1);
  a.release(80);
}

TEST(QuotaTest, CachesAreAskedWhenSomebodyWaitsAndShareASixteenth) {
  quota q(1600);
  EXPECT_EQ(q.cache_share(), 100u);
  hoard one(q);
  EXPECT_EQ(q.cache_share(), 100u);
  {
    hoard two(q);
    EXPECT_EQ(q.cache_share(), 50u);
  }
  EXPECT_EQ(q.cache_share(), 100u);
  quota child(160, q);
  EXPECT_EQ(child.cache_share(), 10u);
  {
    hoard in_child(child);
    EXPECT_EQ(q.cache_share(), 50u);
    child.call_in();
    EXPECT_EQ(in_child.calls, 1);
  }
  EXPECT_TRUE(one.asked());
  EXPECT_EQ(one.calls, 1);
  q.call_in();
  EXPECT_EQ(one.calls, 1) << "it has not answered the last call yet";
  one.answered();
  ASSERT_TRUE(q.try_charge(1600));
  waiting w;
  EXPECT_TRUE(q.wait(w, 1));
  EXPECT_EQ(one.calls, 2);
  q.release(1600);
}

// A tree of a root and two children against plain numbers.
TEST(QuotaTest, RandomOperationsAgreeWithAModel) {
  EXPECT_TRUE(rc::check([] {
    struct level {
      std::size_t limit, used = 0, peak = 0;
    };
    const auto limit = *rc::gen::inRange<std::size_t>(0, 1000);
    std::array<level, 3> model{level{limit}, level{*rc::gen::inRange<std::size_t>(0, 1000)},
                               level{*rc::gen::inRange<std::size_t>(0, 1000)}};
    quota root(model[0].limit);
    std::array<std::optional<quota>, 2> children;
    children[0].emplace(model[1].limit, root);
    children[1].emplace(model[2].limit, root);
    const auto at = [&](int i) -> quota& { return i == 0 ? root : *children[i - 1]; };
    std::array<std::size_t, 3> own{};  // charged at that level, by us

    const auto steps = *rc::gen::inRange(1, 200);
    for (int step = 0; step < steps; ++step) {
      const int i = *rc::gen::inRange(0, 3);
      const auto n = *rc::gen::weightedOneOf<std::size_t>(
          {{8, rc::gen::inRange<std::size_t>(0, 300)},
           {1, rc::gen::element<std::size_t>(0, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1)}});
      if (*rc::gen::inRange(0, 3) == 0) {
        const std::size_t back = std::min(n, own[i]);
        at(i).release(back);
        own[i] -= back;
        model[i].used -= back;
        if (i != 0) model[0].used -= back;
        continue;
      }
      const bool draining = *rc::gen::inRange(0, 8) == 0;
      const auto grants = [&](const level& l) {
        if (n > std::numeric_limits<std::size_t>::max() - l.used) return false;
        return draining || l.used + n <= l.limit;
      };
      const bool granted = grants(model[i]) && (i == 0 || grants(model[0]));
      // A level charges before its parent says no: its peak may have seen what was undone.
      const bool seen_here = grants(model[i]);
      RC_ASSERT(at(i).try_charge(n, draining ? urgency::draining : urgency::ordinary) == granted);
      if (seen_here) model[i].peak = std::max(model[i].peak, model[i].used + n);
      if (!granted) continue;
      own[i] += n;
      model[i].used += n;
      if (i != 0) {
        model[0].used += n;
        model[0].peak = std::max(model[0].peak, model[0].used);
      }
      for (int l = 0; l < 3; ++l) {
        RC_ASSERT(at(l).used() == model[l].used);
        RC_ASSERT(at(l).peak() == model[l].peak);
        const std::size_t soft = model[l].limit - model[l].limit / 8;
        const bool tight =
            model[l].used >= soft || model[0].used >= model[0].limit - model[0].limit / 8;
        RC_ASSERT(at(l).tight() == tight);
      }
    }
    for (int l = 0; l < 3; ++l) at(l).release(own[l]);
    RC_ASSERT(root.used() == 0u);
  }));
}

// Every thread wants most of the memory, so all but one wait at any time: a single notification
// lost and the test hangs.
TEST(QuotaTest, ManyThreadsTakeTurnsAndNoneSleepsOverItsTurn) {
  class sleeper final : public quota::waiter {
   public:
    ~sleeper() { leave(); }
    std::binary_semaphore woken{0};

   private:
    void on_room() noexcept override { woken.release(); }
  };
  constexpr std::size_t want = 60;
  quota q(100);
  hoard kept(q);
  std::atomic<std::size_t> inside{0};
  std::atomic<bool> exceeded{false};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        sleeper me;
        for (int i = 0; i < 2'000; ++i) {
          while (!q.try_charge(want)) {
            if (q.wait(me, want)) me.woken.acquire();
          }
          if (inside.fetch_add(1) != 0) exceeded.store(true);
          inside.fetch_sub(1);
          q.release(want);
        }
      });
    }
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) {
        if (kept.asked()) kept.answered();
        waiting dies;
        (void)q.wait(dies, 100);
      }
    });
  }
  EXPECT_FALSE(exceeded.load());
  EXPECT_EQ(q.used(), 0u);
  EXPECT_FALSE(q.wanted());
}

}  // namespace
}  // namespace zc
