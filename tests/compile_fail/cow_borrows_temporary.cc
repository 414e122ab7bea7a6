// A borrowed value of a temporary string would dangle at once.
#include "zc/mem/cow.h"

std::size_t probe() {
#if ZC_MUST_FAIL
  const zc::cow_text c = zc::cow_text::borrow(std::string("gone"));
#else
  const std::string kept = "kept";
  const zc::cow_text c = zc::cow_text::borrow(kept);
#endif
  return c.size();
}
