// Unfreezing takes the handle: it is asked for by name.
#include <utility>

#include "zc/mem/builder.h"

bool probe(zc::bytes b) {
#if ZC_MUST_FAIL
  return b.try_unfreeze().has_value();
#else
  return std::move(b).try_unfreeze().has_value();
#endif
}
