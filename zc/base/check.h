// zc/base/check.h - contracts: a bug of ours stops the program, in release builds too.
//
// Bad input never reaches a check: it is a value (see result.h). A failed check prints the
// expression and its place to standard error and aborts; a broken contract of a public function
// prints the contract as well.
#pragma once

namespace zc {

[[noreturn, gnu::cold]] void check_failed(const char* expression, const char* file,
                                          int line) noexcept;
[[noreturn, gnu::cold]] void requirement_failed(const char* contract, const char* expression,
                                                const char* file, int line) noexcept;

}  // namespace zc

#define ZC_CHECK(condition) \
  (__builtin_expect(!!(condition), 1) ? void() : ::zc::check_failed(#condition, __FILE__, __LINE__))

// What a public function asks of its caller, named so that the caller finds it in the header:
//     ZC_REQUIRES(count <= size_, "bytes::split_to requires count <= size()");
#define ZC_REQUIRES(condition, contract) \
  (__builtin_expect(!!(condition), 1)    \
       ? void()                          \
       : ::zc::requirement_failed(contract, #condition, __FILE__, __LINE__))

// For checks too dear for release builds: on unless NDEBUG is defined.
#ifdef NDEBUG
#define ZC_DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define ZC_DCHECK(condition) ZC_CHECK(condition)
#endif
