// Row A9: a configuration that many read and one replaces.
#include <array>
#include <cstddef>
#include <memory>
#include <mutex>

#include "bench/zc/harness.h"
#include "zc/shard/snapshot.h"

namespace bench {
namespace {

struct settings {
  std::array<std::uint64_t, 32> values{};
};

}  // namespace

void add_snapshots() {
  add("snapshot_read/zc", [](std::uint64_t n) {
    const zc::snapshot<settings> current{settings()};
    zc::snapshot<settings>::reader mine(current);
    return loop(n, [&] { keep(mine.read().values[7]); });
  });
  add("snapshot_load/zc", [](std::uint64_t n) {
    const zc::snapshot<settings> current{settings()};
    return loop(n, [&] {
      const zc::snapshot<settings>::pin mine = current.load();
      keep(mine->values[7]);
    });
  });
  // Reads one value of the current settings.
  add("snapshot_read/mutex_copy", [](std::uint64_t n) {
    std::mutex guard;
    settings current;
    return loop(n, [&] {
      settings mine;
      {
        const std::lock_guard lock(guard);
        mine = current;
      }
      keep(mine);
    });
  });
  add("snapshot_load/mutex_shared_ptr", [](std::uint64_t n) {
    std::mutex guard;
    auto current = std::make_shared<const settings>();
    return loop(n, [&] {
      std::shared_ptr<const settings> mine;
      {
        const std::lock_guard lock(guard);
        mine = current;
      }
      keep(mine->values[7]);
    });
  });
  add("snapshot_load/atomic_shared_ptr", [](std::uint64_t n) {
    std::atomic<std::shared_ptr<const settings>> current(std::make_shared<const settings>());
    return loop(n, [&] {
      const std::shared_ptr<const settings> mine = current.load(std::memory_order_acquire);
      keep(mine->values[7]);
    });
  });
}

}  // namespace bench
