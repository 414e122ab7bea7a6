// A string does not become bytes by itself: that would be a copy without a name.
#include <string>

#include "zc/mem/bytes.h"

zc::bytes probe(const std::string& text) {
#if ZC_MUST_FAIL
  return text;
#else
  return zc::bytes::copy_of(text);
#endif
}
