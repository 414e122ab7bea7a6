// zc/base/sendable.h - what may be handed to another thread, and what must stay on its own.
//
// A type that belongs to one thread says so inside of its class:
//
//     using thread_bound = std::true_type;      // counted without atomics: stays on its shard
//
// and then neither it, nor what derives from it, nor a pair, optional, vector, unique_ptr, ... of
// it, nor a struct (aggregate) with such a member or base can be handed over: the functions of zc
// that take a value to another thread static_assert is_sendable_v.
//
// Looked at  The class itself, the type arguments of templates, the members of aggregates (all
//            levels), elements of arrays. `thread_bound = std::false_type` vouches for a class and
//            ends the search, for a handle that is safe although an argument is not, or for a
//            recursive struct.
// Not seen   What is private to a class that says nothing, what a lambda has captured, and what a
//            raw pointer points to. hand_over() makes a call of what is checked, for executors that
//            take any callable.
// Cost       None at run time.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace zc {

template <class T>
struct sendable_trait;

// Whether a value of type T may be used by another thread than the one that made it.
template <class T>
inline constexpr bool is_sendable_v = sendable_trait<std::remove_cv_t<T>>::value;

template <class T>
concept sendable = is_sendable_v<T>;

namespace detail {

template <class T>
concept declared_for_threads = requires { typename T::thread_bound; };

// Converts to every member of an aggregate, or only to those that must stay.
struct any_member {
  template <class M>
  operator M() const {  // NOLINT(google-explicit-constructor): never called
    __builtin_unreachable();
  }
};
struct staying_member {
  template <class M>
    requires(!is_sendable_v<M>)
  operator M() const {  // NOLINT(google-explicit-constructor): never called
    __builtin_unreachable();
  }
};

template <std::size_t>
using any_member_at = any_member;

// T{any, any, ..., staying}: the member behind `Before` others is one that must stay.
template <class T, std::size_t... Before>
constexpr bool stays_at(std::index_sequence<Before...>) {
  return requires { T{any_member_at<Before>{}..., staying_member{}}; };
}
template <class T, std::size_t... Before>
constexpr bool reaches(std::index_sequence<Before...>) {
  return requires { T{any_member_at<Before>{}..., any_member{}}; };
}

inline constexpr std::size_t members_max = 64;  // of an aggregate that is looked through

template <class T, std::size_t At = 0>
constexpr bool has_staying_member() {
  if constexpr (At == members_max) {  // NOLINT(bugprone-branch-clone): each asks for less
    return false;
  } else if constexpr (stays_at<T>(std::make_index_sequence<At>())) {
    return true;
  } else if constexpr (!reaches<T>(std::make_index_sequence<At>())) {
    return false;
  } else {
    return has_staying_member<T, At + 1>();
  }
}

template <class T>
constexpr bool class_is_sendable() {
  if constexpr (declared_for_threads<T>) {
    return !T::thread_bound::value;
  } else if constexpr (std::is_aggregate_v<T>) {
    return !has_staying_member<T>();
  } else {
    return true;
  }
}

template <class T>
struct arguments_are_sendable : std::true_type {};
template <template <class...> class Template, class... Arguments>
struct arguments_are_sendable<Template<Arguments...>>
    : std::bool_constant<(... && is_sendable_v<Arguments>)> {};

}  // namespace detail

// Not to be specialised: a class says it itself.
template <class T>
struct sendable_trait : std::true_type {};  // numbers, pointers, void, functions
template <class T>
  requires(std::is_class_v<T> || std::is_union_v<T>)
struct sendable_trait<T> : std::bool_constant<detail::class_is_sendable<T>() &&
                                              (detail::declared_for_threads<T> ||
                                               detail::arguments_are_sendable<T>::value)> {};
template <class T>
struct sendable_trait<T[]> : sendable_trait<std::remove_cv_t<T>> {};
template <class T, std::size_t N>
struct sendable_trait<T[N]> : sendable_trait<std::remove_cv_t<T>> {};

// A call that may go to another thread: `call` itself captures nothing, everything it works with is
// an argument, moved in and checked.
//
//     other.post(zc::hand_over([](zc::bytes b, sink* to) { to->take(std::move(b)); }, part, to));
//
// Runs once: the arguments are moved out.
template <class Call, class... Arguments>
auto hand_over(Call call, Arguments&&... with) {
  static_assert(std::is_empty_v<Call> || std::is_pointer_v<Call>,
                "hand_over: the call must capture nothing; give it arguments instead");
  static_assert((... && is_sendable_v<std::decay_t<Arguments>>),
                "hand_over: a value that stays on its thread cannot be handed to another");
  static_assert(std::is_invocable_v<Call, std::decay_t<Arguments>...>);
  return [call, kept = std::tuple<std::decay_t<Arguments>...>(
                    std::forward<Arguments>(with)...)]() mutable -> decltype(auto) {
    return std::apply(
        [&](auto&... each) -> decltype(auto) { return std::invoke(call, std::move(each)...); },
        kept);
  };
}

}  // namespace zc
