// zc/mem/local_ptr.h - a shared value of one thread: counted without atomics.
//
//     derived from local_counted   [ refs | value ]      one allocation either way; the handle is
//     anything else                [ refs ][ value ]     one pointer, to the value
//
// Ownership  make_local<T>(...) makes the value; the last handle destroys it.
// Threads    One: the thread that made the value. Debug builds check it at every copy, access and
//            release. local_ptr is no `sendable` (zc/base/sendable.h): channels and hand_over()
//            refuse it, and whatever contains one, when they are compiled.
// Cost       copy: one plain increment; move: free. A nanosecond a pair, where a count with atomics
//            costs seventeen.
// Errors     make_local may throw std::bad_alloc or what T's constructor throws; nothing leaks
//            then. A count that would wrap stops the program.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include "zc/base/check.h"
#include "zc/base/lifetime.h"
#if ZC_DCHECKS
#include <thread>
#endif

namespace zc {

template <class T>
class local_ptr;
namespace detail {
struct local_access;
}

// The count. Derive from it, publicly, to keep the count inside of the value.
class local_counted {
 public:
  using thread_bound = std::true_type;

  local_counted(const local_counted&) = delete;
  local_counted& operator=(const local_counted&) = delete;

  // Stops the program in debug builds when this is not the thread that made the value.
  void check_thread() const noexcept {
#if ZC_DCHECKS
    ZC_REQUIRES(made_on_ == std::this_thread::get_id(),
                "local_ptr: a value belongs to the thread that made it");
#endif
  }

 protected:
  local_counted() noexcept = default;
  ~local_counted() = default;

 private:
  friend struct detail::local_access;

  mutable std::uint32_t refs_ = 0;
#if ZC_DCHECKS
  std::thread::id made_on_ = std::this_thread::get_id();
#endif
};

namespace detail {

class local_header final : public local_counted {};

struct local_access {
  template <class T>
  static constexpr bool counts_itself = std::is_base_of_v<local_counted, T>;

  // Values that do not count themselves lie behind a header in the same block.
  template <class T>
  static constexpr std::size_t alignment = std::max(alignof(T), alignof(local_header));
  template <class T>
  static constexpr std::size_t offset =
      (sizeof(local_header) + alignment<T> - 1) / alignment<T> * alignment<T>;

  template <class T>
  static const local_counted& count_of(const T& value) noexcept {
    if constexpr (counts_itself<T>) {
      return value;
    } else {
      const auto* at = reinterpret_cast<const std::byte*>(&value) - sizeof(local_header);
      return *std::launder(reinterpret_cast<const local_header*>(at));
    }
  }
  template <class T>
  static void acquire(const T& value) noexcept {
    const local_counted& count = count_of(value);
    count.check_thread();
    ZC_CHECK(count.refs_ != refs_max);
    count.refs_ += 1;
  }
  template <class T>
  static void release(T& value) noexcept {
    const local_counted& count = count_of(value);
    count.check_thread();
    count.refs_ -= 1;
    if (count.refs_ == 0) destroy(&value);
  }
  template <class T>
  static std::uint32_t refs(const T& value) noexcept {
    return count_of(value).refs_;
  }
  // For tests of the bound.
  template <class T>
  static void force_refs(const T& value, std::uint32_t refs) noexcept {
    count_of(value).refs_ = refs;
  }
  static constexpr std::uint32_t refs_max = std::numeric_limits<std::uint32_t>::max();

  template <class T, class... Arguments>
  static T* make(Arguments&&... with) {
    if constexpr (counts_itself<T>) {
      return new T(std::forward<Arguments>(with)...);
    } else {
      struct block {  // gives the memory back when the constructor throws
        void* memory = ::operator new(offset<T> + sizeof(T), std::align_val_t{alignment<T>});
        ~block() {
          if (memory != nullptr) ::operator delete(memory, std::align_val_t{alignment<T>});
        }
      } raw;
      auto* at = static_cast<std::byte*>(raw.memory) + offset<T>;
      new (at - sizeof(local_header)) local_header;
      T* value = new (at) T(std::forward<Arguments>(with)...);
      raw.memory = nullptr;
      return value;
    }
  }

 private:
  // Not inlined: the compiler cannot count references, and would see later handles use what an
  // earlier one might have freed.
  template <class T>
  [[gnu::noinline]] static void destroy(T* value) noexcept {
    using plain = std::remove_cv_t<T>;
    if constexpr (counts_itself<plain>) {
      delete value;
    } else {
      auto* at = reinterpret_cast<std::byte*>(const_cast<plain*>(value));
      value->~T();
      ::operator delete(at - offset<plain>, std::align_val_t{alignment<plain>});
    }
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] local_ptr {
 public:
  using element_type = T;
  using thread_bound = std::true_type;

  local_ptr() noexcept = default;
  // One more handle on a value that make_local() made, or that counts itself and was made by new.
  explicit local_ptr(T* counted) noexcept : at_(counted) { acquire(); }
  local_ptr(const local_ptr& other) noexcept : at_(other.at_) { acquire(); }
  local_ptr(local_ptr&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
  // A handle that only reads.
  // NOLINTNEXTLINE(google-explicit-constructor): as T* converts to const T*
  local_ptr(const local_ptr<std::remove_const_t<T>>& other) noexcept
    requires std::is_const_v<T>
      : local_ptr(other.get()) {}
  local_ptr& operator=(const local_ptr& other) noexcept {
    local_ptr kept(other);
    swap(kept);
    return *this;
  }
  local_ptr& operator=(local_ptr&& other) noexcept {
    local_ptr taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~local_ptr() { release(); }

  explicit operator bool() const noexcept { return at_ != nullptr; }
  T* get() const noexcept ZC_LIFETIMEBOUND { return at_; }
  T& operator*() const noexcept ZC_LIFETIMEBOUND { return *checked(); }
  T* operator->() const noexcept ZC_LIFETIMEBOUND { return checked(); }
  bool unique() const noexcept { return use_count() == 1; }
  std::uint32_t use_count() const noexcept {
    return at_ == nullptr ? 0 : detail::local_access::refs(*at_);
  }
  void reset() noexcept { local_ptr().swap(*this); }
  void swap(local_ptr& other) noexcept { std::swap(at_, other.at_); }

  // The same value, not an equal one.
  friend bool operator==(const local_ptr& a, const local_ptr& b) noexcept = default;
  friend bool operator==(const local_ptr& a, std::nullptr_t) noexcept { return a.at_ == nullptr; }

 private:
  T* checked() const noexcept {
    ZC_DCHECK(at_ != nullptr);
    detail::local_access::count_of(*at_).check_thread();
    return at_;
  }
  void acquire() noexcept {
    if (at_ != nullptr) detail::local_access::acquire(*at_);
  }
  void release() noexcept {
    if (at_ != nullptr) detail::local_access::release(*at_);
  }

  T* at_ = nullptr;
};

template <class T, class... Arguments>
local_ptr<T> make_local(Arguments&&... with) {
  using plain = std::remove_cv_t<T>;
  return local_ptr<T>(detail::local_access::make<plain>(std::forward<Arguments>(with)...));
}

static_assert(sizeof(local_ptr<int>) == sizeof(void*));

}  // namespace zc

template <class T>
struct std::hash<zc::local_ptr<T>> {
  std::size_t operator()(const zc::local_ptr<T>& p) const noexcept {
    return std::hash<T*>{}(p.get());
  }
};
