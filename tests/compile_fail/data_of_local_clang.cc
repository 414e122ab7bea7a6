// A pointer into a local handle does not leave the function (lifetimebound: clang only).
#include "zc/mem/bytes.h"

#if ZC_MUST_FAIL
const std::byte* probe() {
  zc::bytes local = zc::bytes::copy_of("x");
  return local.data();
}
#else
const std::byte* probe(const zc::bytes& kept) {
  return kept.data();
}
#endif
