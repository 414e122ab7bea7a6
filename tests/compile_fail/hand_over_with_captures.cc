// What a lambda captures cannot be looked at, so a call that is handed over captures nothing.
#include "zc/base/sendable.h"

int probe(int n) {
#if ZC_MUST_FAIL
  return zc::hand_over([n] { return n; })();
#else
  return zc::hand_over([](int given) { return given; }, n)();
#endif
}
