// A15 Data that lies where hardware wants it: counters with cache lines of their own, so that two
//     cores do not slow each other down, and page-aligned buffers that become bytes.
#include "zc/mem/aligned.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "zc/base/check.h"
#include "zc/mem/bytes.h"

int main() {
  zc::per_core<std::atomic<long>> counters(2);
  const auto count = [](std::atomic<long>& mine) {
    for (int i = 0; i < 100'000; ++i) mine.fetch_add(1, std::memory_order_relaxed);
  };
  std::thread other([&] { count(counters[1]); });
  count(counters[0]);
  other.join();
  ZC_CHECK(counters[0] + counters[1] == 200'000);
  const auto distance = reinterpret_cast<std::uintptr_t>(&counters[1]) -
                        reinterpret_cast<std::uintptr_t>(&counters[0]);
  ZC_CHECK(distance >= 128);  // neighbours are prefetched together

  // For direct I/O: on a page boundary; frozen without a copy when the kernel has filled it.
  zc::aligned_buffer room = zc::aligned_buffer::try_make(64 * 1024);
  ZC_CHECK(room && reinterpret_cast<std::uintptr_t>(room.data()) % 4096 == 0);
  const std::byte* const where = room.data();
  const zc::bytes page = std::move(room).into_builder(4096).freeze();
  ZC_CHECK(page.view().data() == where && page.size() == 4096);
  std::puts("no false sharing, no copy");
}
