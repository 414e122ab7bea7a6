// An address means nothing to whoever receives it.
#include "zc/wire/view/plain_message.h"

struct record {
#if ZC_MUST_FAIL
  const char* a;
#else
  std::uint64_t a;
#endif
};
ZC_PLAIN_LAYOUT(record, 1, a);
