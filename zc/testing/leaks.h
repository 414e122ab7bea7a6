// zc/testing/leaks.h - for tests of code that is broken on purpose: what it leaks is no finding.
//
//     const leaks_expected here;     until the end of the block, on this thread
//
// Without a leak checker this is nothing.
#pragma once

#include "zc/mem/poison.h"

#ifdef ZC_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

namespace zc::testing {

class [[nodiscard]] leaks_expected {
 public:
#ifdef ZC_ADDRESS_SANITIZER
  leaks_expected() noexcept { __lsan_disable(); }
  ~leaks_expected() { __lsan_enable(); }
#else
  leaks_expected() noexcept {}
  ~leaks_expected() {}
#endif
  leaks_expected(const leaks_expected&) = delete;
  leaks_expected& operator=(const leaks_expected&) = delete;
};

}  // namespace zc::testing
