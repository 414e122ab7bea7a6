// What a temporary owns is gone with it.
#include "zc/mem/cow.h"

std::size_t probe() {
#if ZC_MUST_FAIL
  return zc::cow_text::own("gone").view().size();
#else
  const zc::cow_text kept = zc::cow_text::own("kept");
  return kept.view().size();
#endif
}
