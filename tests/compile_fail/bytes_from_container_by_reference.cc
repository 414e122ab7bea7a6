// A container is moved in or stays outside: taking it by reference would be a copy or would dangle.
#include <string>
#include <utility>

#include "zc/mem/bytes.h"

zc::bytes probe(std::string text) {
#if ZC_MUST_FAIL
  return zc::bytes::from_container(text);
#else
  return zc::bytes::from_container(std::move(text));
#endif
}
