// A cursor does not outlive its chain (lifetimebound: clang only).
#include "zc/mem/cursor.h"

#if ZC_MUST_FAIL
zc::chain_cursor probe(zc::bytes_chain chain) {
  return zc::chain_cursor(chain);
}
#else
zc::chain_cursor probe(const zc::bytes_chain& chain) {
  return zc::chain_cursor(chain);
}
#endif
