// What an algorithm finds in a temporary handle would dangle: std::ranges says so by its type.
#include <algorithm>

#include "zc/mem/bytes.h"

bool probe() {
#if ZC_MUST_FAIL
  const std::byte* found = std::ranges::find(zc::bytes::copy_of("x"), std::byte{'x'});
  return found != nullptr;
#else
  const zc::bytes kept = zc::bytes::copy_of("x");
  const std::byte* found = std::ranges::find(kept, std::byte{'x'});
  return found != kept.end();
#endif
}
