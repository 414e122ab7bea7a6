// A cursor over a temporary chain would read freed memory.
#include "zc/mem/cursor.h"

std::size_t probe(zc::bytes_chain chain) {
#if ZC_MUST_FAIL
  return zc::chain_cursor(zc::bytes_chain(chain)).left();
#else
  return zc::chain_cursor(chain).left();
#endif
}
