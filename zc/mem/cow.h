// zc/mem/cow.h - a value that is borrowed until somebody must change it, and owned from then on.
//
//     cow_text shown(std::string_view raw);      most text needs no escaping: then nothing is
//                                                copied, and view() is `raw` itself
//
//     cow_text    std::string_view  or  std::string       short-lived: lives no longer than what it
//                                                         borrows
//     cow_bytes   bytes (shared)    or  bytes_builder     may be kept: it pins what it shares
//
// A cow_bytes whose bytes nobody else has any more is changed where it lies: a message that comes
// back when it was sent is written again without a copy.
//
// Ownership  A borrowed cow_text owns nothing; clang refuses it where it outlives its source, and
//            every compiler refuses to borrow a temporary. A cow_bytes holds a reference, or its
//            own block.
// Threads    One per object. What a cow_bytes shares may be shared with other threads.
// Cost       borrow, share, view: free of allocation and copy. to_mut() and into_owned() copy once,
//            if still borrowed: counted in the ledger as copy_of. try_own() copies into a pool.
// Errors     Copying to the heap may throw std::bad_alloc, and a pool may have no block; the value
//            is unchanged then.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "zc/base/ledger.h"
#include "zc/base/lifetime.h"
#include "zc/mem/builder.h"
#include "zc/mem/bytes.h"

namespace zc {

// `View` looks at what `Owned` owns: View(owned) works, and Owned(view) copies. A view has data()
// and size().
template <class View, class Owned>
class [[nodiscard]] cow {
 public:
  static_assert(std::is_trivially_copyable_v<View>, "a view owns nothing");

  cow() noexcept(std::is_nothrow_default_constructible_v<View>) = default;  // borrows nothing
  static cow borrow(View from ZC_LIFETIMEBOUND) noexcept { return cow(from); }
  template <class T>
    requires std::is_same_v<std::remove_const_t<T>, Owned>
  static cow borrow(T&& from) = delete;  // a temporary would be gone
  static cow own(Owned&& mine) noexcept { return cow(std::in_place, std::move(mine)); }

  cow(cow&& other) noexcept = default;
  cow& operator=(cow&& other) noexcept = default;
  // Copying an owned value would be a copy without a name.
  cow(const cow&) = delete;
  cow& operator=(const cow&) = delete;

  bool is_borrowed() const noexcept { return !owned_; }
  bool is_owned() const noexcept { return owned_.has_value(); }

  // Valid until this is changed or goes, and when borrowed as long as the source.
  View view() const& noexcept ZC_LIFETIMEBOUND { return owned_ ? View(*owned_) : borrowed_; }
  View view() const&& = delete;
  std::size_t size() const noexcept { return view().size(); }
  bool empty() const noexcept { return size() == 0; }

  // To be changed in place; copied first (counted) if it is borrowed.
  Owned& to_mut() & ZC_LIFETIMEBOUND {
    if (!owned_) make_own();
    return *owned_;
  }
  Owned into_owned() && {
    if (!owned_) make_own();
    return std::move(*owned_);
  }

  friend bool operator==(const cow& a, const cow& b) noexcept { return same(a.view(), b.view()); }
  friend bool operator==(const cow& a, View b) noexcept { return same(a.view(), b); }

 private:
  explicit cow(View from) noexcept : borrowed_(from) {}
  cow(std::in_place_t, Owned&& mine) noexcept : owned_(std::move(mine)) {}

  static bool same(View a, View b) noexcept {
    return std::equal(a.data(), a.data() + a.size(), b.data(), b.data() + b.size());
  }
  void make_own() {
    owned_.emplace(borrowed_.begin(), borrowed_.end());
    ledger::count(ledger::reason::copy_of, borrowed_.size() * sizeof(*borrowed_.data()));
    borrowed_ = View();
  }

  View borrowed_{};
  std::optional<Owned> owned_;
};

using cow_text = cow<std::string_view, std::string>;

class pool;

// Shared bytes that are copied when somebody must write, if somebody else has them too. Unlike
// cow_text it may outlive everything: sharing pins.
class [[nodiscard]] cow_bytes {
 public:
  cow_bytes() noexcept = default;  // empty, shares nothing
  static cow_bytes share(bytes from) noexcept { return cow_bytes(std::move(from)); }
  // What a builder has and nobody took; its spare room is there to grow into.
  static cow_bytes own(bytes_builder&& mine) noexcept { return cow_bytes(std::move(mine)); }

  cow_bytes(cow_bytes&&) noexcept = default;
  cow_bytes& operator=(cow_bytes&&) noexcept = default;
  cow_bytes(const cow_bytes&) = delete;
  cow_bytes& operator=(const cow_bytes&) = delete;

  bool is_borrowed() const noexcept { return !own_; }
  bool is_owned() const noexcept { return static_cast<bool>(own_); }

  std::span<const std::byte> view() const& noexcept ZC_LIFETIMEBOUND {
    return own_ ? mine_ : shared_.view();
  }
  std::span<const std::byte> view() const&& = delete;
  std::size_t size() const noexcept { return own_ ? mine_.size() : shared_.size(); }
  bool empty() const noexcept { return size() == 0; }

  // To be changed in place, size() bytes; copied to the heap first (counted) if others share them
  // or the memory is read-only. Valid until this is moved, frozen or goes.
  std::span<std::byte> to_mut() & ZC_LIFETIMEBOUND {
    if (!own_ && !try_take_over()) make_own();
    return mine_;
  }
  // Before to_mut(), where memory is counted: a copy that is needed goes into a block of `from`.
  // False when it has none; then nothing has changed.
  [[nodiscard]] bool try_own(pool& from);
  // Without a copy, whatever it was: the shared handle, or what was changed.
  bytes into_bytes() && {
    if (!own_) return std::move(shared_);
    mine_ = {};
    return std::exchange(own_, bytes_builder()).freeze();
  }
  // The bytes alone in their block: a counted copy unless they were changed already.
  bytes into_owned() && {
    if (!own_) make_own();
    return std::move(*this).into_bytes();
  }

 private:
  explicit cow_bytes(bytes&& from) noexcept : shared_(std::move(from)) {}
  // Nobody else has these bytes, and the builder will not move them.
  explicit cow_bytes(bytes_builder&& mine) noexcept
      : own_(std::move(mine)), mine_(own_.written()) {}
  // The sole holder of memory that may be written has no need of a copy.
  bool try_take_over() noexcept {
    auto mine = std::move(shared_).try_unfreeze();
    if (mine) {
      *this = cow_bytes(std::move(*mine));
    } else {
      shared_ = std::move(mine).error();
    }
    return is_owned();
  }
  void make_own() {
    bytes_builder fresh = bytes_builder::with_capacity(std::max<std::size_t>(shared_.size(), 1));
    fresh.append_copy(shared_.view());
    *this = cow_bytes(std::move(fresh));
  }

  bytes shared_;
  bytes_builder own_;
  std::span<std::byte> mine_;  // in own_
};

}  // namespace zc
