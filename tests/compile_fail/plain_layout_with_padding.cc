// Padding would send bytes that nobody wrote.
#include "zc/wire/view/plain_message.h"

struct record {
  std::uint32_t a;
#if !ZC_MUST_FAIL
  std::uint32_t filler;
#endif
  std::uint64_t b;
};
#if ZC_MUST_FAIL
ZC_PLAIN_LAYOUT(record, 1, a, b);
#else
ZC_PLAIN_LAYOUT(record, 1, a, filler, b);
#endif
