// The pieces of a temporary chain go with it.
#include "zc/mem/chain.h"

std::size_t probe(const zc::bytes_chain& chain) {
#if ZC_MUST_FAIL
  return chain.slice(0, 1).view().size();
#else
  const zc::bytes_chain part = chain.slice(0, 1);
  return part.view().size();
#endif
}
