// Text of a temporary handle would dangle, by name or by cast.
#include <string_view>

#include "zc/mem/bytes.h"

std::size_t probe() {
#if ZC_MUST_FAIL
  return std::string_view(zc::bytes::copy_of("x")).size();
#else
  const zc::bytes kept = zc::bytes::copy_of("x");
  return std::string_view(kept).size();
#endif
}
