// zc/mem/foreign.h - claims on memory that somebody else allocated: a container that was moved in,
// or a region with a function that gives it back. `bytes` makes them; nobody else needs to.
//
// Ownership  The claim owns the container or the function; both die when the last handle goes.
// Threads    That is the thread of the last handle, whichever it is.
// Cost       One allocation.
#pragma once

#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>

#include "zc/mem/owner.h"

namespace zc {

// Gives a region back: called once, with the region or with nothing. It must not throw.
template <class F>
concept region_deleter = std::move_constructible<F> &&
                         (std::invocable<F&> || std::invocable<F&, std::span<const std::byte>>);

// What can be moved in: it owns its elements, they lie side by side, and their bytes are their
// value. A view, a span or an initializer list would leave the elements behind.
template <class C>
concept byte_container =
    !std::is_reference_v<C> && !std::is_const_v<C> && std::move_constructible<C> &&
    std::ranges::contiguous_range<C> && std::ranges::sized_range<C> &&
    !std::ranges::borrowed_range<C> && !std::ranges::view<C> &&
    !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<C>>> &&
    std::is_trivially_copyable_v<std::ranges::range_value_t<C>>;

namespace detail {

template <region_deleter F>
void give_back(F& deleter, std::span<const std::byte> region) noexcept {
  if constexpr (std::invocable<F&, std::span<const std::byte>>)
    deleter(region);
  else
    deleter();
}

template <region_deleter F>
class foreign_region final : public owner {
 public:
  foreign_region(std::span<const std::byte> region, F&& deleter,
                 std::size_t retained) noexcept(std::is_nothrow_move_constructible_v<F>)
      : owner(&free_region, retained), region_(region), deleter_(std::move(deleter)) {}

 private:
  static void free_region(owner* self) noexcept {
    auto* claim = static_cast<foreign_region*>(self);
    give_back(claim->deleter_, claim->region_);
    delete claim;
  }
  std::span<const std::byte> region_;
  F deleter_;
};

template <byte_container C>
class moved_container final : public owner {
 public:
  explicit moved_container(C&& taken)
      : owner(&free_container, sizeof(moved_container) + beside(taken),
              {.from = backing::foreign, .writable = true, .header = 0, .slack = 0}),
        held_(std::move(taken)) {}

  // Asked for only here, where the container has come to rest: a short string lies inside of it.
  std::span<const std::byte> region() const noexcept {
    return std::as_bytes(std::span(std::ranges::data(held_), std::ranges::size(held_)));
  }

 private:
  // Memory that the container keeps beside its own object.
  static std::size_t beside(const C& held) noexcept {
    if constexpr (requires { held.capacity(); })
      return held.capacity() * sizeof(std::ranges::range_value_t<C>);
    else
      return 0;
  }
  static void free_container(owner* self) noexcept { delete static_cast<moved_container*>(self); }
  C held_;
};

}  // namespace detail
}  // namespace zc
