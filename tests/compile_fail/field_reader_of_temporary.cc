// Fields are views: the text must be somebody's.
#include "zc/wire/view/field_view.h"

bool probe() {
#if ZC_MUST_FAIL
  zc::field_reader r(std::string("Host: gone\r\n"));
#else
  const std::string kept = "Host: a\r\n";
  zc::field_reader r(kept);
#endif
  return r.next();
}
