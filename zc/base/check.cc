#include "zc/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace zc {

void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
  std::abort();
}

void requirement_failed(const char* contract, const char* expression, const char* file,
                        int line) noexcept {
  std::fprintf(stderr, "%s:%d: contract broken by the caller: %s [%s]\n", file, line, contract,
               expression);
  std::abort();
}

}  // namespace zc
