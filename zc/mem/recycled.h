// zc/mem/recycled.h - a class whose objects' memory is kept for the next one, per thread.
//
//     class payload final : public zc::recycled<payload> { ... };     new and delete as ever
//
// For objects that come and go with every request, wherever they are made: `new`, make_unique and
// make_local find the memory of one that went before. Unlike object_pool the object itself is
// destroyed.
//
// Ownership  As with new and delete.
// Threads    Any: memory stays with the thread that deletes. Each thread keeps its own.
// Cost       A few plain loads and stores; the system is asked only when nothing is kept.
// Bounds     `Kept` objects' memory per thread and class; it goes back when the thread ends.
// Errors     new throws std::bad_alloc. Under AddressSanitizer kept memory is poisoned.
#pragma once

#include <cstddef>
#include <new>

#include "zc/mem/poison.h"

namespace zc {

template <class T, std::size_t Kept = 256>
class recycled {
 public:
  static void* operator new(std::size_t size) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    static_assert(sizeof(T) >= sizeof(free_node));
    // Derived classes and arrays are none of our business.
    if (size != sizeof(T) || kept_.first == nullptr) return ::operator new(size);
    free_node* const one = kept_.first;
    unpoison(one, sizeof(T));
    kept_.first = one->next;
    kept_.count -= 1;
    return one;
  }
  static void operator delete(void* at, std::size_t size) noexcept {
    if (size != sizeof(T) || kept_.count == Kept || over_) return ::operator delete(at, size);
    kept_.first = ::new (at) free_node{kept_.first};
    kept_.count += 1;
    poison(at, sizeof(T));
  }
  // What this thread keeps now, for tests.
  static std::size_t kept_here() noexcept { return kept_.count; }

 protected:
  recycled() noexcept = default;
  ~recycled() = default;

 private:
  struct free_node {
    free_node* next;
  };
  struct keeper {
    free_node* first = nullptr;
    std::size_t count = 0;
    ~keeper() {
      over_ = true;
      while (first != nullptr) {
        free_node* const one = first;
        unpoison(one, sizeof(T));
        first = one->next;
        ::operator delete(static_cast<void*>(one), sizeof(T));
      }
      count = 0;
    }
  };
  static inline thread_local keeper kept_;
  static inline thread_local bool over_ = false;  // objects may go after the keeper has
};

}  // namespace zc
