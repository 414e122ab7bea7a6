// Scopes end in order, so they live on the stack.
#include "zc/mem/scratch.h"

void probe() {
#if ZC_MUST_FAIL
  delete new zc::scratch_scope;
#else
  const zc::scratch_scope mine;
#endif
}
