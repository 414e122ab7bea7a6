// A value that belongs to one thread must not be sent to another.
// Built twice: ZC_MUST_FAIL=0 has to compile (so the test cannot rot), ZC_MUST_FAIL=1 must not.
#include "zc/shard/channel.h"

struct counted_without_atomics {
  using thread_bound = std::true_type;
};
struct sound {};

bool probe() {
#if ZC_MUST_FAIL
  zc::channel<counted_without_atomics, zc::spsc> c({.items_max = 1});
#else
  zc::channel<sound, zc::spsc> c({.items_max = 1});
#endif
  return c.try_receive().has_value();
}
