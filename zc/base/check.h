// zc/base/check.h - contracts: a bug of ours stops the program, in release builds too.
//
// Bad input never reaches a check: it is a value (see result.h). A failed check prints the
// expression and its place to standard error and aborts.
#pragma once

namespace zc {

[[noreturn, gnu::cold]] void check_failed(const char* expression, const char* file,
                                          int line) noexcept;

}  // namespace zc

#define ZC_CHECK(condition) \
  (__builtin_expect(!!(condition), 1) ? void() : ::zc::check_failed(#condition, __FILE__, __LINE__))

// For checks too dear for release builds: on unless NDEBUG is defined.
#ifdef NDEBUG
#define ZC_DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define ZC_DCHECK(condition) ZC_CHECK(condition)
#endif
