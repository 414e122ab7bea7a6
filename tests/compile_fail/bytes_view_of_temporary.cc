// A view of a temporary handle would outlive what it looks at.
#include "zc/mem/bytes.h"

std::size_t probe() {
#if ZC_MUST_FAIL
  return zc::bytes::copy_of("x").view().size();
#else
  const zc::bytes kept = zc::bytes::copy_of("x");
  return kept.view().size();
#endif
}
