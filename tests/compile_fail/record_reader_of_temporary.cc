// Records are views: the bytes must be somebody's.
#include "zc/wire/view/record_view.h"

bool probe() {
  const auto how = zc::length_prefix::varint;
#if ZC_MUST_FAIL
  zc::record_reader r(zc::bytes::copy_of("x"), how, 100);
#else
  const zc::bytes kept = zc::bytes::copy_of("x");
  zc::record_reader r(kept, how, 100);
#endif
  return r.next();
}
