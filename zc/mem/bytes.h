// zc/mem/bytes.h - a shared, read-only run of contiguous memory.
//
//     owner   [ refs | free | . . . . . payload . . . . . ]
//                               ^              ^
//     bytes a  (data, size) ----'              |      two handles, one owner, no copy
//     bytes b  (data, size) -------------------'
//
// Ownership  A handle holds one reference on its owner. The last handle to go gives the memory
//            back, on whichever thread that is. Holding a handle keeps its bytes alive and
//            unchanged. What is behind the owner (heap, pool, mapped file, shared memory, foreign)
//            makes no difference once the handle is there.
// Threads    The payload never changes, so handles on one owner may be used from many threads.
//            One handle is not synchronised: treat it as you would a std::shared_ptr.
// Cost       copy and slice: one relaxed increment; letting go: one decrement, for a handle that
//            was never shared a load (owner_ref.h). move and view: free. Cutting into k pieces: one
//            increment for all of them. Functions with `copy` in their name copy payload, allocate,
//            and count in the ledger; no other function here copies any.
// Errors     What allocates throws std::bad_alloc and leaves everything as it was. Breaking a
//            "Requires" stops the program in every build and names the contract.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "zc/base/lifetime.h"
#include "zc/mem/content_hash.h"
#include "zc/mem/foreign.h"
#include "zc/mem/owner_ref.h"

namespace zc {

class bytes_builder;

// When a handle keeps so much more memory than it shows that a copy is the better deal: its block
// is more than `ratio` times its size, and at least `waste_min` bytes lie idle.
struct compact_policy {
  std::size_t ratio = 2;
  std::size_t waste_min = 4096;

  bool wasteful(std::size_t size, std::size_t retained) const noexcept {
    return retained > size && retained - size >= waste_min && size < retained / ratio;
  }
};

class [[nodiscard]] bytes {
 public:
  using value_type = std::byte;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using iterator = const std::byte*;
  using const_iterator = const std::byte*;

  // Up to this size a copy costs about what a counted reference costs (a pair of atomic updates is
  // as dear as copying 1.5 KiB that are in cache), and it pins no larger block.
  static constexpr std::size_t copy_small_max = 512;

  bytes() noexcept = default;  // empty, and pins nothing

  // A fresh heap copy of `source`, counted in the ledger.
  static bytes copy_of(std::span<const std::byte> source);
  static bytes copy_of(std::string_view source) {
    return copy_of(std::as_bytes(std::span(source)));
  }

  // Takes over the caller's reference on `from`, which must keep `region` valid and unchanged.
  // Every kind of memory enters by this door.
  static bytes adopt(owner& from, std::span<const std::byte> region) noexcept {
    if (!region.empty()) return {owner_ref::first(from), region.data(), region.size()};
    owner::release(&from);  // an empty handle pins nothing
    return {};
  }
  // Adds a reference on `from`, which must keep `region` valid and unchanged.
  static bytes share(owner& from, std::span<const std::byte> region) noexcept {
    if (region.empty()) return {};
    return {owner_ref(owner::acquire(&from)), region.data(), region.size()};
  }
  // Foreign memory: `give_back` is called once, with the region or with nothing, when the last
  // handle goes; at once when the region is empty or no memory is left for the claim.
  // `retained` is the memory it keeps from other use.
  template <region_deleter F>
  static bytes adopt(std::span<const std::byte> region, F give_back, std::size_t retained);
  template <region_deleter F>
  static bytes adopt(std::span<const std::byte> region, F give_back) {
    return adopt(region, std::move(give_back), region.size());
  }
  // A container that is moved in stays what it is; its elements are the payload.
  template <class C>
    requires byte_container<C>
  static bytes from_container(C&& taken);  // rvalues only
  static bytes from_string(std::string&& text);

  // Memory that outlives every handle: literals, tables. No owner, no counting.
  static bytes from_static(std::string_view text) noexcept {
    return {owner_ref(), reinterpret_cast<const std::byte*>(text.data()), text.size()};
  }
  static bytes from_static(std::span<const std::byte> table) noexcept {
    return {owner_ref(), table.data(), table.size()};
  }

  bytes(const bytes& b) noexcept : bytes(b.owner_.share(), b.data_, b.size_) {}
  bytes(bytes&& b) noexcept
      : owner_(std::exchange(b.owner_, owner_ref())),
        data_(std::exchange(b.data_, nullptr)),
        size_(std::exchange(b.size_, 0)) {}  // leaves `b` empty
  bytes& operator=(const bytes& b) noexcept {
    bytes kept(b);
    swap(kept);
    return *this;
  }
  bytes& operator=(bytes&& b) noexcept {
    bytes taken(std::move(b));
    swap(taken);
    return *this;
  }
  ~bytes() { owner_.release(); }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::byte operator[](std::size_t at) const {  // Requires: at < size()
    ZC_REQUIRES(at < size_, "bytes[at] requires at < size()");
    return data_[at];
  }

  // These borrow; valid while this handle lives and is not changed. Refused on a temporary, which
  // would dangle. A handle is a contiguous range, and as it owns what it shows no borrowed one.
  const std::byte* data() const& noexcept ZC_LIFETIMEBOUND { return data_; }
  const std::byte* data() && = delete;
  const std::byte* begin() const& noexcept ZC_LIFETIMEBOUND { return data_; }
  const std::byte* begin() && = delete;
  const std::byte* end() const& noexcept ZC_LIFETIMEBOUND { return data_ + size_; }
  const std::byte* end() && = delete;
  std::span<const std::byte> view() const& noexcept ZC_LIFETIMEBOUND { return {data_, size_}; }
  std::span<const std::byte> view() && = delete;
  std::string_view text() const& noexcept ZC_LIFETIMEBOUND {
    return {reinterpret_cast<const char*>(data_), size_};
  }
  std::string_view text() && = delete;
  // NOLINTNEXTLINE(google-explicit-constructor): a view is what functions take
  operator std::span<const std::byte>() const& noexcept ZC_LIFETIMEBOUND { return view(); }
  // The same: or span's own constructor for ranges would be the better match, and GCC says so.
  operator std::span<const std::byte>() & noexcept ZC_LIFETIMEBOUND { return view(); }
  operator std::span<const std::byte>() && = delete;
  // Explicit: that the bytes are text is for the caller to know.
  explicit operator std::string_view() const& noexcept ZC_LIFETIMEBOUND { return text(); }
  explicit operator std::string_view() && = delete;

  // The `count` bytes from `offset`, on the same owner. O(1). An empty slice pins nothing.
  // Requires: offset <= size() and count <= size() - offset.
  bytes slice(std::size_t offset, std::size_t count) const& {
    require_within(offset, count);
    if (count == 0) return {};
    return {owner_.share(), data_ + offset, count};
  }
  bytes slice(std::size_t offset, std::size_t count) && {  // reuses this reference
    require_within(offset, count);
    bytes taken(std::move(*this));
    if (count == 0) return {};
    taken.data_ += offset;
    taken.size_ = count;
    return taken;
  }
  // Copy small, share large: a slice of at most copy_small_max bytes of a block that is at least
  // twice as large as a copy would be is copied and pins nothing; any other is shared.
  bytes slice_or_copy(std::size_t offset, std::size_t count) const;

  // An owning handle for a view into this one: what a parser found. An empty view gives an empty
  // handle. Requires: contains(part).
  bytes slice_of(std::span<const std::byte> part) const {
    if (part.empty()) return {};
    ZC_REQUIRES(contains(part), "bytes::slice_of requires a view inside the handle");
    return {owner_.share(), part.data(), part.size()};
  }
  bytes slice_of(std::string_view part) const { return slice_of(std::as_bytes(std::span(part))); }
  bool contains(std::span<const std::byte> part) const noexcept {
    // As numbers: only pointers into one array may be compared as pointers.
    const auto first = reinterpret_cast<std::uintptr_t>(data_);
    const auto from = reinterpret_cast<std::uintptr_t>(part.data());
    return from >= first && from - first <= size_ && part.size() <= size_ - (from - first);
  }

  // Cuts the first `count` bytes off and returns them. Requires: count <= size().
  bytes split_to(std::size_t count) {
    ZC_REQUIRES(count <= size_, "bytes::split_to requires count <= size()");
    if (count == size_) return std::move(*this);
    if (count == 0) return {};
    bytes front(owner_.share(), data_, count);
    data_ += count;
    size_ -= count;
    return front;
  }
  // Keeps the first `at` bytes and returns the others. Requires: at <= size().
  bytes split_off(std::size_t at) {
    ZC_REQUIRES(at <= size_, "bytes::split_off requires at <= size()");
    if (at == 0) return std::move(*this);
    if (at == size_) return {};
    bytes back(owner_.share(), data_ + at, size_ - at);
    size_ = at;
    return back;
  }

  // Many pieces for one update of the count. Each is written to `out`, in order; returns the
  // iterator behind the last. When `out` throws, nothing is lost or leaked.
  // split_each: pieces of `piece` bytes, the last one what is left. Requires: piece > 0.
  template <std::output_iterator<bytes> Out>
  Out split_each(std::size_t piece, Out out) const;
  // split_at: cuts.size() + 1 pieces, which end at the cuts and at the end; empty ones pin nothing.
  // Requires: cuts ascend and are <= size().
  template <std::output_iterator<bytes> Out>
  Out split_at(std::span<const std::size_t> cuts, Out out) const;

  // Empties all handles, with one update of the count per run of handles on one owner.
  static void release_all(std::span<bytes> handles) noexcept;

  // Drops bytes at the front or keeps only the front; no reference changes hands unless it becomes
  // empty.
  void advance(std::size_t count) {  // Requires: count <= size()
    ZC_REQUIRES(count <= size_, "bytes::advance requires count <= size()");
    if (count == size_) return clear();
    data_ += count;
    size_ -= count;
  }
  void truncate(std::size_t count) noexcept {  // no effect when count >= size()
    if (count == 0) return clear();
    if (count < size_) size_ = count;
  }
  void clear() noexcept { bytes gone(std::move(*this)); }

  // Extends this handle over `next` when both lie side by side on one owner. Returns whether it
  // did.
  bool try_join(const bytes& next) noexcept {
    if (!continued_by(next)) return false;
    size_ += next.size_;
    return true;
  }

  // A builder on the same memory, to write it again without a copy, when this is the only handle
  // and the memory may be written; else gives itself back. Include zc/mem/builder.h.
  std::expected<bytes_builder, bytes> try_unfreeze() &&;

  bool shares_owner_with(const bytes& b) const noexcept { return owner_ == b.owner_; }
  bool unique() const noexcept { return owner_ && owner_->unique(); }
  backing from() const noexcept { return owner_ ? owner_->from() : backing::static_storage; }
  // Memory that this handle keeps from other use: the whole block, not the slice.
  std::size_t retained_size() const noexcept { return owner_ ? owner_->retained() : 0; }
  bool wasteful(const compact_policy& policy = {}) const noexcept {
    return policy.wasteful(size_, retained_size());
  }
  // The same content in a block of its own size when this one is wasteful, else this handle.
  bytes compact_copy(const compact_policy& policy = {}) const& {
    return wasteful(policy) ? copy_of(view()) : *this;
  }
  bytes compact_copy(const compact_policy& policy = {}) && {
    return wasteful(policy) ? copy_of(view_of_self()) : std::move(*this);
  }

  void swap(bytes& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  friend void swap(bytes& a, bytes& b) noexcept { a.swap(b); }

  // By content, O(n); order as memcmp. Handles on different owners may be equal.
  friend bool operator==(const bytes& a, const bytes& b) noexcept {
    return equal(a.view(), b.view());
  }
  friend bool operator==(const bytes& a, std::span<const std::byte> b) noexcept {
    return equal(a.view(), b);
  }
  friend bool operator==(const bytes& a, std::string_view b) noexcept { return a.text() == b; }
  friend std::strong_ordering operator<=>(const bytes& a, const bytes& b) noexcept {
    return a.text() <=> b.text();
  }
  friend std::strong_ordering operator<=>(const bytes& a, std::string_view b) noexcept {
    return a.text() <=> b;
  }

 private:
  friend class bytes_builder;
  friend class bytes_chain;

  // References that were taken together and wait to be handed out one by one.
  class claims {
   public:
    claims(owner* from, std::size_t n);
    claims(const claims&) = delete;
    claims& operator=(const claims&) = delete;
    ~claims() { owner::release(from_, left_); }
    bytes hand_out(const std::byte* data, std::size_t size) noexcept {
      --left_;
      return {owner_ref(from_), data, size};
    }

   private:
    owner* from_;
    std::uint32_t left_;
  };

  bytes(owner_ref pinned, const std::byte* data, std::size_t size) noexcept
      : owner_(pinned), data_(data), size_(size) {}

  void require_within(std::size_t offset, std::size_t count) const {
    ZC_REQUIRES(offset <= size_, "bytes::slice requires offset <= size()");
    // Not offset + count: that sum can wrap.
    ZC_REQUIRES(count <= size_ - offset, "bytes::slice requires count <= size() - offset");
  }
  bool continued_by(const bytes& next) const noexcept {
    // Two literals may happen to touch; without an owner nothing says that they belong together.
    return owner_ && owner_ == next.owner_ && data_ + size_ == next.data_;
  }
  std::span<const std::byte> view_of_self() const noexcept { return {data_, size_}; }
  static bool equal(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
  }

  // For chains: `count` handles are made in raw memory at `to`, or destroyed, with one update of
  // the count per run on one owner.
  static void share_run(const bytes* from, std::size_t count, bytes* to) noexcept;
  static void drop_run(bytes* handles, std::size_t count) noexcept;
  // Writable memory right behind, or before, what this handle shows, when nobody else holds the
  // block; null when there are not `n` bytes of it.
  std::byte* room_behind(std::size_t n) const noexcept;
  std::byte* room_before(std::size_t n) const noexcept;

  owner_ref owner_;  // none for empty handles and for static storage
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// "abc"_bytes: static storage, no owner, no counting.
inline namespace literals {
inline bytes operator""_bytes(const char* text, std::size_t size) noexcept {
  return bytes::from_static({text, size});
}
}  // namespace literals

static_assert(sizeof(bytes) == 3 * sizeof(void*), "chains store handles inline; keep them small");

template <region_deleter F>
bytes bytes::adopt(std::span<const std::byte> region, F give_back, std::size_t retained) {
  if (region.empty()) {
    detail::give_back(give_back, region);
    return {};
  }
  owner* claim = nullptr;
  try {
    claim = new detail::foreign_region<F>(region, std::move(give_back), retained);
  } catch (...) {
    detail::give_back(give_back, region);
    throw;
  }
  return adopt(*claim, region);
}

template <class C>
  requires byte_container<C>
bytes bytes::from_container(C&& taken) {
  if (std::ranges::empty(taken)) return {};
  auto* claim = new detail::moved_container<C>(std::forward<C>(taken));
  return adopt(*claim, claim->region());
}

template <std::output_iterator<bytes> Out>
Out bytes::split_each(std::size_t piece, Out out) const {
  ZC_REQUIRES(piece > 0, "bytes::split_each requires piece > 0");
  claims shared(owner_.get(), size_ / piece + (size_ % piece != 0));
  const std::byte* at = data_;
  for (std::size_t left = size_; left > 0;) {
    const std::size_t here = left < piece ? left : piece;
    *out = shared.hand_out(at, here);
    ++out;
    at += here;
    left -= here;
  }
  return out;
}

template <std::output_iterator<bytes> Out>
Out bytes::split_at(std::span<const std::size_t> cuts, Out out) const {
  std::size_t from = 0;
  std::size_t pieces = 0;
  for (const std::size_t cut : cuts) {
    ZC_REQUIRES(from <= cut && cut <= size_, "bytes::split_at requires ascending cuts <= size()");
    pieces += cut != from;
    from = cut;
  }
  claims shared(owner_.get(), pieces + (size_ != from));
  from = 0;
  const auto emit = [&](std::size_t to) {
    *out = to == from ? bytes() : shared.hand_out(data_ + from, to - from);
    ++out;
    from = to;
  };
  for (const std::size_t cut : cuts) emit(cut);
  emit(size_);
  return out;
}

}  // namespace zc

template <>
struct std::hash<zc::bytes> {
  std::size_t operator()(const zc::bytes& b) const noexcept {
    return zc::content_hash::of(b.view());
  }
};
