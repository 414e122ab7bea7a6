#include "zc/shard/topology.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <pthread.h>
#include <sched.h>

namespace zc {
namespace {

constexpr unsigned cores_max = 1U << 16;  // more than any kernel is built for

struct free_set {
  void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};
using core_set = std::unique_ptr<cpu_set_t, free_set>;

}  // namespace

std::vector<unsigned> allowed_cores() {
  std::vector<unsigned> cores;
  // The kernel refuses sets smaller than its own, whose size nobody tells: grow until it fits.
  for (unsigned count = CPU_SETSIZE; count <= cores_max; count *= 2) {
    const core_set set(CPU_ALLOC(count));
    if (!set) break;
    const std::size_t size = CPU_ALLOC_SIZE(count);
    CPU_ZERO_S(size, set.get());
    if (sched_getaffinity(0, size, set.get()) != 0) {
      if (errno == EINVAL) continue;
      break;
    }
    for (unsigned core = 0; core < count; ++core) {
      if (CPU_ISSET_S(core, size, set.get())) cores.push_back(core);
    }
    break;
  }
  if (cores.empty()) cores.push_back(0);
  return cores;
}

result<void> pin_this_thread(unsigned core) noexcept {
  if (core >= cores_max) return fail(errc::unsupported, "no such core");
  const unsigned count = std::max<unsigned>(CPU_SETSIZE, core + 1);
  const core_set set(CPU_ALLOC(count));
  if (!set) return fail(errc::exhausted, "no memory for a set of cores");
  const std::size_t size = CPU_ALLOC_SIZE(count);
  CPU_ZERO_S(size, set.get());
  CPU_SET_S(core, size, set.get());
  const int status = pthread_setaffinity_np(pthread_self(), size, set.get());
  if (status != 0) return fail_os(status, "cannot pin the thread to its core");
  return {};
}

void name_this_thread(std::string_view name) noexcept {
  std::array<char, 16> text{};
  const std::size_t size = std::min(name.size(), text.size() - 1);
  std::copy_n(name.data(), size, text.data());
  pthread_setname_np(pthread_self(), text.data());
}

}  // namespace zc
