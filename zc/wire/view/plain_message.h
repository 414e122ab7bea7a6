// zc/wire/view/plain_message.h - values of a fixed layout, sent as they lie in memory.
//
//     [ header, 32 bytes: magic | byte order | version | element size, count | layout hash ]
//     [ T ][ T ][ T ] ...
//
// For programs of one kind that talk to each other or to themselves: shared memory, state files, a
// benchmark and its sink. Not a format for strangers: another compiler's layout is refused, not
// understood.
//
//     struct point { std::uint64_t at; double value; };
//     ZC_PLAIN_LAYOUT(point, 1, at, value)                        // version, every field, in order
//
//     const plain_message<point> m(p);  send(m.view());           // no serialisation
//     result<std::span<const point>> all = view_plain<point>(received);   // no parsing, no copy
//
// What may be sent is decided when it is compiled: trivially copyable, standard layout, no pointer,
// no padding (indeterminate bytes would leak), every field listed. A field is an integer, an
// enumeration, float or double, a std::array or built-in array of those, or a type with a layout of
// its own.
//
// Ownership  view_plain() looks into the caller's bytes, which must outlive it and not change:
//            what a stranger can write to while it is read has to be copied first (copy_plain).
// Threads    Any; pure functions.
// Cost       view: a few comparisons, whatever the size. copy_plain: counted in the ledger.
// Errors     unsupported: another byte order, version or layout, or bytes that are not aligned for
//            T. malformed: not of this format. truncated: shorter than the header says. The offset
//            is that of the field of the header that told.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "zc/base/check.h"
#include "zc/base/ledger.h"
#include "zc/base/lifetime.h"
#include "zc/base/result.h"

namespace zc {

// What ZC_PLAIN_LAYOUT says about a type.
struct plain_layout {
  std::uint16_t version = 0;
  std::uint64_t hash = 0;
  std::size_t bytes = 0;  // of all fields together
  bool in_order = true;   // each behind the one before, without a gap
  bool plain = true;      // every field is of a kind that may be sent
};

namespace detail {

template <class T>
concept layout_declared = requires { zc_plain_layout(static_cast<const T*>(nullptr)); };

// What a field is, as a text that goes into the hash: kind and size.
template <class Field>
constexpr std::uint64_t kind_of() noexcept {
  if constexpr (std::is_enum_v<Field>) {
    return kind_of<std::underlying_type_t<Field>>() ^ 0x65;
    // NOLINTNEXTLINE(bugprone-branch-clone): a bool is an integer, and must not get that far
  } else if constexpr (std::is_same_v<Field, bool> || std::is_pointer_v<Field>) {
    return 0;  // not every byte is a bool, and no address means anything elsewhere
  } else if constexpr (std::is_integral_v<Field>) {
    return (std::is_signed_v<Field> ? 0x100 : 0x200) + sizeof(Field);
  } else if constexpr (std::is_same_v<Field, float> || std::is_same_v<Field, double>) {
    return 0x300 + sizeof(Field);
  } else if constexpr (std::is_array_v<Field>) {
    const std::uint64_t inner = kind_of<std::remove_extent_t<Field>>();
    return inner == 0 ? 0 : inner * 31 + std::extent_v<Field> + 0x400;
  } else if constexpr (layout_declared<Field>) {
    return zc_plain_layout(static_cast<const Field*>(nullptr)).hash | 1;
  } else if constexpr (requires(Field f) {
                         typename Field::value_type;
                         std::tuple_size<Field>::value;
                         f.data();
                       }) {
    const std::uint64_t inner = kind_of<typename Field::value_type>();
    return inner == 0 ? 0 : inner * 31 + std::tuple_size<Field>::value + 0x400;
  } else {
    return 0;
  }
}

class layout_builder {
 public:
  constexpr layout_builder(std::string_view names, std::size_t alignment) noexcept {
    for (const char c : names) {
      if (c != ' ') mix(static_cast<unsigned char>(c));
    }
    mix(alignment);
  }
  template <class Field>
  constexpr layout_builder& field(std::size_t offset) noexcept {
    const std::uint64_t kind = kind_of<Field>();
    if (kind == 0) layout_.plain = false;
    if (offset != layout_.bytes) layout_.in_order = false;
    layout_.bytes += sizeof(Field);
    mix(offset);
    mix(sizeof(Field));
    mix(kind);
    return *this;
  }
  constexpr plain_layout done(std::uint16_t version) const noexcept {
    plain_layout l = layout_;
    l.version = version;
    l.hash = hash_;
    return l;
  }

 private:
  constexpr void mix(std::uint64_t v) noexcept {
    for (int i = 0; i < 8; ++i) {
      hash_ = (hash_ ^ (v >> (8 * i) & 0xff)) * 0x100000001b3U;  // FNV-1a
    }
  }
  plain_layout layout_;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}  // namespace detail

// Lists every field of a struct, in order. Behind the struct, in its namespace.
#define ZC_PLAIN_LAYOUT(Type, version, ...)                                                   \
  [[maybe_unused]] constexpr ::zc::plain_layout zc_plain_layout(const Type*) noexcept {       \
    ::zc::detail::layout_builder b(#__VA_ARGS__, alignof(Type));                              \
    ZC_LAYOUT_EACH(Type, __VA_ARGS__)                                                         \
    return b.done(version);                                                                   \
  }                                                                                           \
  static_assert(std::is_trivially_copyable_v<Type> && std::is_standard_layout_v<Type>,        \
                #Type " is not plain: it must be trivially copyable with standard layout");   \
  static_assert(zc_plain_layout(static_cast<const Type*>(nullptr)).plain,                     \
                #Type " is not plain: a field is a pointer, a bool, or has no layout");       \
  static_assert(zc_plain_layout(static_cast<const Type*>(nullptr)).in_order &&                \
                    zc_plain_layout(static_cast<const Type*>(nullptr)).bytes == sizeof(Type), \
                #Type " is not plain: it has padding, or not every field is listed in order")

#define ZC_LAYOUT_FIELD(Type, name) b.field<decltype(Type::name)>(offsetof(Type, name));
// For every field: the preprocessor's way to loop, up to 64 of them.
#define ZC_LAYOUT_PARENS ()
#define ZC_LAYOUT_EXPAND(...) \
  ZC_LAYOUT_EXPAND3(ZC_LAYOUT_EXPAND3(ZC_LAYOUT_EXPAND3(ZC_LAYOUT_EXPAND3(__VA_ARGS__))))
#define ZC_LAYOUT_EXPAND3(...) \
  ZC_LAYOUT_EXPAND2(ZC_LAYOUT_EXPAND2(ZC_LAYOUT_EXPAND2(ZC_LAYOUT_EXPAND2(__VA_ARGS__))))
#define ZC_LAYOUT_EXPAND2(...) \
  ZC_LAYOUT_EXPAND1(ZC_LAYOUT_EXPAND1(ZC_LAYOUT_EXPAND1(ZC_LAYOUT_EXPAND1(__VA_ARGS__))))
#define ZC_LAYOUT_EXPAND1(...) __VA_ARGS__
#define ZC_LAYOUT_EACH(Type, ...) __VA_OPT__(ZC_LAYOUT_EXPAND(ZC_LAYOUT_STEP(Type, __VA_ARGS__)))
#define ZC_LAYOUT_STEP(Type, name, ...) \
  ZC_LAYOUT_FIELD(Type, name)           \
  __VA_OPT__(ZC_LAYOUT_AGAIN ZC_LAYOUT_PARENS(Type, __VA_ARGS__))
#define ZC_LAYOUT_AGAIN() ZC_LAYOUT_STEP

template <class T>
concept plain = detail::layout_declared<T>;

template <plain T>
inline constexpr plain_layout layout_of = zc_plain_layout(static_cast<const T*>(nullptr));

// Before the elements. In the sender's byte order, but for the magic.
struct plain_header {
  static constexpr std::array<char, 4> magic_bytes{'z', 'c', 'P', 'M'};
  static constexpr std::uint16_t order_mark = 0xfe01;  // 0x01fe: the other byte order

  std::array<char, 4> magic = magic_bytes;
  std::uint16_t order = order_mark;
  std::uint16_t version = 0;
  std::uint32_t element_bytes = 0;
  std::uint32_t reserved = 0;
  std::uint64_t count = 0;
  std::uint64_t hash = 0;

  template <plain T>
  static constexpr plain_header of(std::uint64_t count) noexcept {
    plain_header h;
    h.version = layout_of<T>.version;
    h.element_bytes = sizeof(T);
    h.count = count;
    h.hash = layout_of<T>.hash;
    return h;
  }
};
static_assert(sizeof(plain_header) == 32 && std::has_unique_object_representations_v<plain_header>);

namespace detail {
// The elements' place in `message`, or why not. Does not look at the alignment.
result<std::span<const std::byte>> check_plain(std::span<const std::byte> message,
                                               const plain_header& wanted) noexcept;
}  // namespace detail

// One value with its header, ready to be sent as it lies.
template <plain T>
class alignas(std::max(alignof(T), alignof(plain_header))) plain_message {
 public:
  explicit plain_message(const T& value) noexcept : value_(value) {}
  T& value() noexcept ZC_LIFETIMEBOUND { return value_; }
  const T& value() const noexcept ZC_LIFETIMEBOUND { return value_; }
  std::span<const std::byte> view() const& noexcept ZC_LIFETIMEBOUND {
    return {reinterpret_cast<const std::byte*>(this), sizeof(plain_header) + sizeof(T)};
  }
  std::span<const std::byte> view() const&& = delete;

 private:
  plain_header header_ = plain_header::of<T>(1);
  T value_;
  static_assert(sizeof(plain_header) % alignof(T) == 0, "the value follows the header directly");
};

// The elements where they lie. `message` may be longer than what its header announces; what follows
// is the caller's.
template <plain T>
result<std::span<const T>> view_plain(
    std::span<const std::byte> message ZC_LIFETIMEBOUND) noexcept {
  const auto elements = detail::check_plain(message, plain_header::of<T>(0));
  if (!elements) return std::unexpected(elements.error());
  if (reinterpret_cast<std::uintptr_t>(elements->data()) % alignof(T) != 0) {
    return fail(errc::unsupported, "the elements are not aligned", sizeof(plain_header));
  }
  return std::span<const T>(reinterpret_cast<const T*>(elements->data()),
                            elements->size() / sizeof(T));
}

// Exactly one value, copied out (counted): for memory that is not aligned or may change.
template <plain T>
result<T> copy_plain(std::span<const std::byte> message) noexcept {
  const auto elements = detail::check_plain(message, plain_header::of<T>(0));
  if (!elements) return std::unexpected(elements.error());
  if (elements->size() != sizeof(T)) {
    return fail(errc::malformed, "not one value", offsetof(plain_header, count));
  }
  T value;
  std::memcpy(&value, elements->data(), sizeof(T));
  ledger::count(ledger::reason::copy_of, sizeof(T));
  return value;
}

}  // namespace zc
