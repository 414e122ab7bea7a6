// Two builders on one memory would write over each other.
#include <utility>

#include "zc/mem/builder.h"

zc::bytes_builder probe(zc::bytes_builder& b) {
#if ZC_MUST_FAIL
  return b;
#else
  return std::move(b);
#endif
}
