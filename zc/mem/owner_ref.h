// zc/mem/owner_ref.h - one reference on an owner, in one word; the handle's side of the count.
//
//     [ owner * ........................ | first ]      `first`: the one the owner was born with
//
// Whoever lets go of the first reference looks whether it is the last, as it is for what was never
// shared, and then saves the read-modify-write. One made by sharing does not look: mostly it is not
// the last, and a load between two updates of one count costs a quarter as much as an update; of a
// count that other cores use it moves the cache line twice. It is a hint: a wrong one costs that.
//
// Ownership  None by itself: a plain word, copied and dropped without counting. share() takes a
//            reference, release() lets go of one; who holds the word sees to it.
// Threads    As owner: any.
// Cost       share: one relaxed increment. release: one decrement, for the first and last reference
//            one load.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zc/mem/owner.h"

namespace zc {

class owner_ref {
 public:
  constexpr owner_ref() noexcept = default;  // none: memory that nobody has to give back
  // A reference that the caller has, or null.
  explicit owner_ref(owner* shared) noexcept : word_(reinterpret_cast<std::byte*>(shared)) {}
  static owner_ref first(owner& born) noexcept {
    owner_ref r(&born);
    r.word_ += first_bit;
    return r;
  }

  owner* get() const noexcept { return reinterpret_cast<owner*>(word_ - bit()); }
  owner* operator->() const noexcept { return get(); }
  explicit operator bool() const noexcept { return word_ != nullptr; }
  bool is_first() const noexcept { return bit() != 0; }
  // On the same owner, whichever references they are.
  friend bool operator==(owner_ref a, owner_ref b) noexcept { return a.get() == b.get(); }

  owner_ref share() const noexcept { return owner_ref(owner::acquire(get())); }
  void release() const noexcept {
    if (is_first())
      owner::release_likely_last(get());
    else
      owner::release(reinterpret_cast<owner*>(word_));
  }

 private:
  static constexpr std::size_t first_bit = 1;  // owners are aligned to 8
  std::size_t bit() const noexcept { return reinterpret_cast<std::uintptr_t>(word_) & first_bit; }

  std::byte* word_ = nullptr;  // not a number: a pointer made of one would be nobody's
};

static_assert(alignof(owner) > 1 && sizeof(owner_ref) == sizeof(owner*));

}  // namespace zc
