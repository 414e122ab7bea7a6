// A12 Buffer pools: blocks come by size class, go back by themselves when the last handle goes,
//     from any thread, and are charged to one quota, so memory has a ceiling that was configured
//     and not hoped for.
#include "zc/mem/pool.h"

#include <cstdio>
#include <thread>

#include "zc/base/check.h"

int main() {
  zc::quota limits(1 << 20);
  zc::pool memory(limits);

  zc::bytes_builder block = memory.take(64 * 1024);
  ZC_CHECK(block.capacity() >= 64 * 1024);
  const std::byte* const where = block.spare().data();
  block.commit(1000);
  zc::bytes sent = std::move(block).freeze();

  // Given back on another thread: harmless, the pool takes it in when it next needs a block.
  std::thread elsewhere([mine = std::move(sent)]() mutable { mine = {}; });
  elsewhere.join();
  zc::bytes_builder again = memory.take(64 * 1024);
  ZC_CHECK(again.spare().data() == where);  // the same block, warm in the cache

  zc::bytes_builder refused = memory.take(1 << 20);  // more than the quota has left
  ZC_CHECK(!refused && memory.read().refused == 1);  // a value, not an exception
  ZC_CHECK(limits.used() <= limits.limit());
  std::printf("one block of %zu bytes used twice, one request refused\n", again.capacity());
}
