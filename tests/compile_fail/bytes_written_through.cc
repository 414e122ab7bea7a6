// The payload is read-only, through a handle that is not const too.
#include "zc/mem/bytes.h"

void probe(zc::bytes b, std::byte& into) {
#if ZC_MUST_FAIL
  b.begin()[0] = into;
#else
  into = b.begin()[0];
#endif
}
