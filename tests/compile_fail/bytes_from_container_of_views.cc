// A view moved in would leave its elements behind.
#include <string>
#include <string_view>

#include "zc/mem/bytes.h"

zc::bytes probe(const std::string& text) {
#if ZC_MUST_FAIL
  return zc::bytes::from_container(std::string_view(text));
#else
  return zc::bytes::from_container(std::string(text));
#endif
}
