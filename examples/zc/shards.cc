// A11 One worker per core: what a shard owns, only that shard touches, without a lock. Work is
//     handed over: others post a task to the shard, and it runs there.
#include <array>
#include <cstdio>
#include <latch>
#include <memory>

#include "zc/base/check.h"
#include "zc/io/epoll_poller.h"
#include "zc/shard/shard_group.h"

int main() {
  constexpr unsigned workers = 2;
  zc::quota limits(64 << 20);
  zc::steady_clock time;
  zc::shard_group::options how;
  how.shards = workers;
  how.pin = true;
  zc::shard_group group(how, [] { return zc::io::make_epoll_poller(); }, limits, time);
  ZC_CHECK(group.start([](zc::shard&) -> zc::result<void> { return {}; }));

  // A plain array: entry i belongs to shard i, and nobody locks anything.
  std::array<long, workers> orders{};
  std::latch done(2000);
  for (int order = 0; order < 2000; ++order) {
    const unsigned owner = static_cast<unsigned>(order) % workers;
    group.post(owner, [&orders, &done, owner] {
      ++orders[owner];
      done.count_down();
    });
  }
  done.wait();
  group.stop();
  group.join();
  ZC_CHECK(orders[0] == 1000 && orders[1] == 1000);
  std::puts("2000 orders on two shards, no lock");
}
