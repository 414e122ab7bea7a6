// A9  A configuration that many read and one replaces: readers never wait for anybody, always see
//     one consistent version, and an old version ends with its last reader.
#include "zc/shard/snapshot.h"

#include <atomic>
#include <cstdio>
#include <thread>

#include "zc/base/check.h"

namespace {
struct limits {
  int requests_max;
  int bytes_max;  // always 1024 times as many
};
}  // namespace

int main() {
  zc::snapshot<limits> current(limits{1, 1024});
  std::atomic<bool> ready{false};
  std::thread worker([&] {
    zc::snapshot<limits>::reader mine(current);  // one per thread
    for (int seen = 0; seen < 1000;) {
      const limits& now = mine.read();                     // a load and a comparison
      ZC_CHECK(now.bytes_max == now.requests_max * 1024);  // never half of one, half of another
      ZC_CHECK(now.requests_max >= seen);                  // never back
      seen = now.requests_max;
      ready = true;
    }
  });
  while (!ready) std::this_thread::yield();
  for (int i = 2; i <= 1000; ++i) current.publish({i, i * 1024});
  worker.join();

  const auto kept = current.load();  // for as long as one likes
  current.publish({2000, 2000 * 1024});
  ZC_CHECK(kept->requests_max == 1000);
  ZC_CHECK(current.versions_alive() == 2);
  std::puts("1000 versions, every read consistent");
}
