// What is shared is read-only.
#include "zc/mem/shared_array.h"

int probe() {
  zc::shared_array<int> a{1, 2};
#if ZC_MUST_FAIL
  a[0] = 3;
  return a[0];
#else
  auto mine = std::move(a).to_mut();
  mine[0] = 3;
  return mine[0];
#endif
}
