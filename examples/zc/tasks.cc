// A11 Coroutine tasks on shards: each lives on one shard, waits without blocking its thread, asks
//     another shard for what that one owns, and ends with its scope: no task is left behind.
#include <cstdio>
#include <memory>

#include "zc/base/check.h"
#include "zc/io/epoll_poller.h"
#include "zc/shard/call.h"
#include "zc/shard/shard_group.h"
#include "zc/shard/sleep.h"
#include "zc/shard/task_scope.h"

namespace {

struct counter {
  int value = 0;  // belongs to one shard: no lock, no atomic
};

// Runs on one shard and counts on another.
zc::task<void> count(zc::shard& here, zc::shard& owner, counter& there) {
  for (int i = 0; i < 10; ++i) {
    co_await zc::sleep_for(here, std::chrono::milliseconds(1));  // others run meanwhile
    const zc::result<int> now = co_await zc::call(owner, [&there] { return ++there.value; });
    if (!now) co_return;  // that shard has ended
  }
}

}  // namespace

int main() {
  zc::quota limits(64 << 20);
  zc::steady_clock time;
  zc::shard_group::options how;
  how.shards = 2;
  zc::shard_group group(how, [] { return zc::io::make_epoll_poller(); }, limits, time);
  ZC_CHECK(group.start([](zc::shard&) -> zc::result<void> { return {}; }));

  counter on_first;
  std::unique_ptr<zc::task_scope> scope;  // lives on the second shard
  ZC_CHECK(group.ask(1, [&] {
    scope = std::make_unique<zc::task_scope>(group.at(1), 100);  // a nursery with a bound
    for (int i = 0; i < 100; ++i) ZC_CHECK(scope->spawn(count(group.at(1), group.at(0), on_first)));
    zc::task<void> one_more = count(group.at(1), group.at(0), on_first);
    ZC_CHECK(!scope->spawn(std::move(one_more)));  // full: not started
  }));
  while (!*group.ask(1, [&] { return scope->empty(); })) {
  }
  // Had there been tasks left, they would have ended here.
  ZC_CHECK(group.ask(1, [&] { scope.reset(); }));
  group.stop();
  group.join();
  ZC_CHECK(on_first.value == 1000);
  std::puts("100 tasks on one shard, 1000 calls to the other");
}
