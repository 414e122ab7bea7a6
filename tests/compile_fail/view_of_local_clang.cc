// A view of a local handle does not leave the function (lifetimebound: clang only).
#include <span>

#include "zc/mem/bytes.h"

#if ZC_MUST_FAIL
std::span<const std::byte> probe() {
  zc::bytes local = zc::bytes::copy_of("x");
  return local.view();
}
#else
zc::bytes probe() {
  zc::bytes local = zc::bytes::copy_of("x");
  return local;
}
#endif
