// A18 Fan-out: three backends, each with a queue of its own, and one copy of the data. A slow
//     backend keeps the bytes alive, not the others waiting.
#include <array>
#include <cstdio>
#include <deque>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/mem/chain.h"
#include "zc/mem/pool.h"

int main() {
  zc::quota limits(64 << 20);
  zc::pool memory(limits);
  std::array<std::deque<zc::bytes_chain>, 3> backends;

  constexpr std::size_t batches = 10;
  for (std::size_t i = 0; i < batches; ++i) {
    zc::bytes_builder received = memory.take(1 << 20);
    received.commit(1 << 20);
    const zc::bytes_chain batch(std::move(received).freeze());
    for (auto& queue : backends) queue.push_back(batch);  // one reference each
  }
  ZC_CHECK(zc::ledger::read().copied() == 0);
  // 30 MiB are queued; 10 MiB and the blocks' rounding are used.
  ZC_CHECK(limits.used() < 14 << 20);

  backends[0].clear();
  backends[1].clear();
  for (const zc::bytes_chain& batch : backends[2]) ZC_CHECK(batch.size() == 1 << 20);
  ZC_CHECK(memory.read().blocks_out == batches);  // the slow one still has every byte
  backends[2].clear();
  ZC_CHECK(memory.read().blocks_out == 0);
  std::printf("30 MiB queued for three backends in %zu MiB\n", limits.peak() >> 20);
}
