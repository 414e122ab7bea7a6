// A temporary handle does not turn into a span: the memory would go with the handle.
#include <span>

#include "zc/mem/bytes.h"

std::size_t probe() {
#if ZC_MUST_FAIL
  const std::span<const std::byte> dangling = zc::bytes::copy_of("x");
  return dangling.size();
#else
  const zc::bytes kept = zc::bytes::copy_of("x");
  const std::span<const std::byte> good = kept;
  return good.size();
#endif
}
