// What a reader has read is good as long as the reader lives: a reader that dies at the end of the
// line must not be read.
// Built twice: ZC_MUST_FAIL=0 has to compile (so the test cannot rot), ZC_MUST_FAIL=1 must not.
#include "zc/shard/snapshot.h"

int probe(const zc::snapshot<int>& live) {
#if ZC_MUST_FAIL
  return zc::snapshot<int>::reader(live).read();
#else
  zc::snapshot<int>::reader mine(live);
  return mine.read();
#endif
}
