// zc/mem/linked_list.h - a list whose links lie in its elements: no node, no allocation.
//
// Ownership  None: elements derive from list_link, belong to somebody else, are in one list at most
//            and must be taken out before they go (checked). They need not be movable.
// Threads    One.
// Cost       Everything O(1) but for_each. size() is a plain number.
#pragma once

#include <cstddef>

#include "zc/base/check.h"
#include "zc/base/lifetime.h"

namespace zc {

template <class T>
class linked_list;

class list_link {
 public:
  list_link() noexcept = default;
  list_link(const list_link&) = delete;
  list_link& operator=(const list_link&) = delete;
  bool linked() const noexcept { return next_ != nullptr; }

 protected:
  ~list_link() { ZC_REQUIRES(!linked(), "list_link: take an element out before it goes"); }

 private:
  template <class T>
  friend class linked_list;
  list_link* next_ = nullptr;  // a ring with the list's anchor in it; null: in no list
  list_link* previous_ = nullptr;
};

template <class T>
class linked_list {
 public:
  linked_list() noexcept {
    root().next_ = &anchor_;
    root().previous_ = &anchor_;
  }
  linked_list(const linked_list&) = delete;
  linked_list& operator=(const linked_list&) = delete;
  ~linked_list() {
    ZC_REQUIRES(empty(), "linked_list: take the elements out before the list goes");
    root().next_ = nullptr;
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  // Requires: not empty.
  T& front() noexcept ZC_LIFETIMEBOUND {
    ZC_REQUIRES(!empty(), "linked_list::front requires an element");
    return static_cast<T&>(*root().next_);
  }

  // Requires: the element is in no list.
  void push_back(T& element) noexcept {
    list_link& e = element;
    ZC_REQUIRES(!e.linked(), "linked_list::push_back requires an element that is in no list");
    e.next_ = &anchor_;
    e.previous_ = root().previous_;
    root().previous_->next_ = &e;
    root().previous_ = &e;
    size_ += 1;
  }
  // Requires: the element is in this list.
  void erase(T& element) noexcept {
    list_link& e = element;
    ZC_REQUIRES(e.linked() && size_ > 0, "linked_list::erase requires an element of the list");
    e.previous_->next_ = e.next_;
    e.next_->previous_ = e.previous_;
    e.next_ = nullptr;
    e.previous_ = nullptr;
    size_ -= 1;
  }
  // Moves an element of `from` to the end of this list.
  void take_from(linked_list& from, T& element) noexcept {
    from.erase(element);
    push_back(element);
  }
  // Calls `each` for every element, first to last; it may take the element it got out of the list
  // and let it go, but no other.
  template <class Each>
  void for_each(Each each) {
    for (list_link* at = root().next_; at != &anchor_;) {
      list_link* const next = at->next_;
      each(static_cast<T&>(*at));
      at = next;
    }
  }

 private:
  struct anchor final : list_link {};
  list_link& root() noexcept { return anchor_; }

  anchor anchor_;
  std::size_t size_ = 0;
};

}  // namespace zc
