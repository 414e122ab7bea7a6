// A copy has a name: a cow is moved, or made anew.
#include "zc/mem/cow.h"

std::size_t probe(zc::cow_text given) {
#if ZC_MUST_FAIL
  const zc::cow_text two = given;
#else
  const zc::cow_text two = std::move(given);
#endif
  return two.size();
}
