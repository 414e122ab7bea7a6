// What must hold of waiting for an object: it comes in turn and from the loop, never inline; a
// coroutine that dies while it waits, or after it was granted, loses nothing for the others.
#include "zc/shard/object_pool_wait.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "zc/shard/shard.h"
#include "zc/testing/job.h"
#include "zc/testing/shard_rig.h"

namespace zc {
namespace {

using testing::job;

struct ObjectPoolWaitTest : ::testing::Test {
  // The pool belongs to the shard's thread: the test's.
  testing::shard_rig rig;
  std::unique_ptr<object_pool<int>> pool = std::make_unique<object_pool<int>>(
      object_pool<int>::options{.objects_max = 1, .waiters_max = 3}, [] { return 7; });
  std::vector<std::string> log;

  // Takes an object, says so, and keeps it until `on` is empty.
  job user(std::string name, pooled<int>& keep) {
    keep = co_await acquire(*pool);
    log.push_back(name + (keep ? " has it" : " gets none"));
  }
};

TEST_F(ObjectPoolWaitTest, AnObjectThatIsThereComesAtOnce) {
  pooled<int> a;
  const job j = user("a", a);
  EXPECT_EQ(log, (std::vector<std::string>{"a has it"}));
  EXPECT_EQ(*a, 7);
}

TEST_F(ObjectPoolWaitTest, OthersComeInTurnAndFromTheLoop) {
  pooled<int> a, b, c;
  const job first = user("a", a);
  const job second = user("b", b);
  const job third = user("c", c);
  rig.turns();
  EXPECT_EQ(log.size(), 1U);
  a.reset();
  EXPECT_EQ(log.size(), 1U) << "never inline";
  rig.turns();
  EXPECT_EQ(log, (std::vector<std::string>{"a has it", "b has it"}));
  b.reset();
  rig.turns();
  EXPECT_EQ(log.back(), "c has it");
}

TEST_F(ObjectPoolWaitTest, WhoDiesWhileWaitingOrGrantedLosesNothing) {
  pooled<int> a, b, c, d;
  const job first = user("a", a);
  auto second = std::make_unique<job>(user("b", b));
  auto third = std::make_unique<job>(user("c", c));
  const job fourth = user("d", d);
  third.reset();   // while it waits
  a.reset();       // granted to b, which is not resumed yet
  second.reset();  // and dies
  rig.turns();
  EXPECT_EQ(log, (std::vector<std::string>{"a has it", "d has it"}));
}

TEST_F(ObjectPoolWaitTest, TooManyAndAPoolThatGoesAreToldSo) {
  pooled<int> a, b[3], none;
  const job first = user("a", a);
  const job w0 = user("b", b[0]);
  const job w1 = user("c", b[1]);
  const job w2 = user("d", b[2]);
  const job refused = user("e", none);
  EXPECT_EQ(log.back(), "e gets none");
  pool.reset();
  rig.turns();
  EXPECT_EQ(log.back(), "d gets none");
  EXPECT_EQ(log.size(), 5U);
}

}  // namespace
}  // namespace zc
