// zc/base/lifetime.h - marks what is borrowed, so that the compiler refuses it when it outlives
// its source.
//
// Behind a parameter: the result may point into that argument. Behind a member function: into the
// object. Clang warns of the dangling use (-Wdangling, an error in our builds); for GCC the
// function's `&&` overload is deleted as well, where it matters.
#pragma once

#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define ZC_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#ifndef ZC_LIFETIMEBOUND
#define ZC_LIFETIMEBOUND
#endif
