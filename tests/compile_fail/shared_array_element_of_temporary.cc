// An element of an array that nobody keeps would dangle.
#include "zc/mem/shared_array.h"

int probe() {
#if ZC_MUST_FAIL
  return zc::shared_array<int>{1, 2}.view()[0];
#else
  const zc::shared_array<int> kept{1, 2};
  return kept.view()[0];
#endif
}
