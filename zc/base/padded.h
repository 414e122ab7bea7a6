// zc/base/padded.h - a value with its cache lines to itself.
//
// Two cores that write different values in one line (or in two neighbours, which are prefetched
// together) slow each other down as if they wrote the same. padded<T> starts on a boundary of
// destructive_size and fills up to the next, also as an element of an array or a deque.
//
// Cost  Up to 127 bytes of memory. A class is used as it is (padded<T> derives from T); a number is
//       in `value`.
#pragma once

#include <type_traits>
#include <utility>

#include "zc/base/units.h"

namespace zc {

template <class T>
struct padded;

template <class T>
  requires(std::is_class_v<T> && !std::is_final_v<T>)
struct alignas(destructive_size) padded<T> : T {
  using T::T;
  padded() = default;
};

template <class T>
  requires(!std::is_class_v<T> || std::is_final_v<T>)
struct alignas(destructive_size) padded<T> {
  T value{};
};

static_assert(sizeof(padded<char>) == destructive_size);

}  // namespace zc
