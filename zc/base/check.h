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

// For checks too dear for release builds: on unless NDEBUG is defined. Members that exist only for
// such checks stand in `#if ZC_DCHECKS`, never in `#ifndef NDEBUG`: the installed package defines
// ZC_DCHECKS as the library was built, so a debug build of a user's own agrees with a release build
// of ours on where members lie.
#ifndef ZC_DCHECKS
#ifdef NDEBUG
#define ZC_DCHECKS 0
#else
#define ZC_DCHECKS 1
#endif
#endif
#if ZC_DCHECKS
#define ZC_DCHECK(condition) ZC_CHECK(condition)
#else
#define ZC_DCHECK(condition) static_cast<void>(sizeof(condition))
#endif
