// writer, reader and chain_reader against a tree of std structs: what is written is read, by the
// one where it lies and by the other however it is cut; and a writer with too little room says so.
// RapidCheck makes the trees and shrinks those that fail.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "zc/mem/bytes.h"
#include "zc/mem/chain.h"
#include "zc/mem/cursor.h"
#include "zc/wire/protobuf/chain_reader.h"
#include "zc/wire/protobuf/reader.h"
#include "zc/wire/protobuf/writer.h"

namespace zc::pb {
namespace {

enum class kind : std::uint8_t {
  varint,
  signed_varint,
  zigzag_varint,
  boolean,
  fixed32,
  fixed64,
  float64,
  text,
  head_and_raw,
  packed_varints,
  packed_fixed64,
  packed_float64,
  message,
  opened,  // a message too, by open() and close()
};

struct item {
  std::uint32_t number = 1;
  kind what = kind::varint;
  std::uint64_t value = 0;            // scalars; of a double its bits
  std::string text;                   // text, head_and_raw
  std::vector<std::uint64_t> values;  // packed
  std::vector<item> inner;            // message, opened
};
using tree = std::vector<item>;

// Of the whole range from the first case on: a range grows with the size of a case.
template <class T>
rc::Gen<T> whole(rc::Gen<T> range) {
  return rc::gen::resize(rc::kNominalSize, std::move(range));
}
std::size_t up_to(std::size_t most) {
  return *whole(rc::gen::inRange<std::size_t>(0, most + 1));
}

// Of every length in bytes.
std::uint64_t some_value() {
  return *whole(rc::gen::arbitrary<std::uint64_t>()) >> (63 - up_to(63));
}

tree some_tree(std::size_t depth) {
  tree made(up_to(8));
  for (item& one : made) {
    one.number = *rc::gen::weightedOneOf<std::uint32_t>(
        {{4, rc::gen::inRange<std::uint32_t>(1, 20)},
         {1, whole(rc::gen::inRange<std::uint32_t>(1, field_max))},
         {1, rc::gen::just(field_max)}});
    const auto last = depth > 0 ? kind::opened : kind::packed_float64;
    one.what = static_cast<kind>(up_to(static_cast<std::size_t>(last)));
    one.value = some_value();
    if (one.what == kind::boolean) one.value &= 1;
    if (one.what == kind::fixed32) one.value &= 0xffff'ffff;
    if (one.what == kind::text || one.what == kind::head_and_raw) {
      // Around 128 and 16384, too, where a length takes a byte more.
      const auto least = *rc::gen::weightedElement<std::size_t>({{8, 0}, {2, 120}, {1, 16376}});
      one.text.assign(least + up_to(16), static_cast<char>('a' + up_to(25)));
    }
    if (one.what >= kind::packed_varints && one.what <= kind::packed_float64) {
      one.values.resize(up_to(20));
      for (std::uint64_t& v : one.values) v = some_value();
    }
    if (one.what >= kind::message) one.inner = some_tree(depth - 1);
  }
  return made;
}

std::span<const std::byte> as_span(std::string_view text) {
  return std::as_bytes(std::span(text));
}

template <class Writer>
void write(Writer& w, const tree& all) {
  for (const item& one : all) {
    switch (one.what) {
      case kind::varint:
        w.varint(one.number, one.value);
        break;
      case kind::signed_varint:
        w.signed_varint(one.number, static_cast<std::int64_t>(one.value));
        break;
      case kind::zigzag_varint:
        w.zigzag_varint(one.number, static_cast<std::int64_t>(one.value));
        break;
      case kind::boolean:
        w.boolean(one.number, one.value != 0);
        break;
      case kind::fixed32:
        w.fixed32(one.number, static_cast<std::uint32_t>(one.value));
        break;
      case kind::fixed64:
        w.fixed64(one.number, one.value);
        break;
      case kind::float64:
        w.float64(one.number, std::bit_cast<double>(one.value));
        break;
      case kind::text:
        w.text(one.number, one.text);
        break;
      case kind::head_and_raw:
        w.head(one.number, one.text.size());
        w.raw(as_span(one.text));
        break;
      case kind::packed_varints:
        w.packed_varints(one.number, one.values);
        break;
      case kind::packed_fixed64:
        w.packed_fixed64(one.number, one.values);
        break;
      case kind::packed_float64: {
        std::vector<double> doubles;
        for (const std::uint64_t v : one.values) doubles.push_back(std::bit_cast<double>(v));
        w.packed_float64(one.number, doubles);
        break;
      }
      case kind::message:
        w.message(one.number, [&] { write(w, one.inner); });
        break;
      case kind::opened: {
        const std::size_t mark = w.open(one.number);
        write(w, one.inner);
        w.close(mark);
      }
    }
  }
}

// The shortest that a tree can be, by the rules of the format and nothing else.
std::size_t digits_of(std::uint64_t value) {
  std::size_t n = 1;
  for (; value >= 128; value /= 128) n += 1;
  return n;
}
std::size_t size_of(const tree& all);
std::size_t payload_of(const item& one) {
  std::size_t sum = 0;
  switch (one.what) {
    case kind::text:
    case kind::head_and_raw:
      return one.text.size();
    case kind::packed_varints:
      for (const std::uint64_t v : one.values) sum += digits_of(v);
      return sum;
    case kind::packed_fixed64:
    case kind::packed_float64:
      return 8 * one.values.size();
    default:
      return size_of(one.inner);
  }
}
std::size_t size_of(const tree& all) {
  std::size_t sum = 0;
  for (const item& one : all) {
    sum += digits_of(std::uint64_t{one.number} * 8);
    if (one.what >= kind::text) {
      sum += digits_of(payload_of(one)) + payload_of(one);
    } else if (one.what == kind::zigzag_varint) {
      const bool negative = one.value >> 63 != 0;
      sum += digits_of(negative ? ~one.value * 2 + 1 : one.value * 2);
    } else if (one.what <= kind::boolean) {
      sum += digits_of(one.value);
    } else {
      sum += one.what == kind::fixed32 ? 4 : 8;
    }
  }
  return sum;
}

wire type_of(kind what) {
  if (what <= kind::boolean) return wire::varint;
  if (what == kind::fixed32) return wire::fixed32;
  return what <= kind::float64 ? wire::fixed64 : wire::bytes;
}

void check_packed(const item& one, std::span<const std::byte> payload) {
  const std::byte* at = payload.data();
  const std::byte* const end = at + payload.size();
  for (const std::uint64_t v : one.values) {
    if (one.what == kind::packed_varints) {
      const decoded_varint d = decode_varint(at, end);
      RC_ASSERT(d.size > 0u);
      RC_ASSERT(d.value == v);
      at += d.size;
      continue;
    }
    std::uint64_t little = 0;
    RC_ASSERT(end - at >= 8);
    for (unsigned i = 0; i < 8; ++i) little |= std::to_integer<std::uint64_t>(*at++) << 8 * i;
    RC_ASSERT(little == v);
  }
  RC_ASSERT(at == end);
}
void check_payload(const item& one, std::span<const std::byte> payload) {
  if (one.what <= kind::head_and_raw) {
    RC_ASSERT(bytes::copy_of(payload) == one.text);
  } else {
    check_packed(one, payload);
  }
}

// What both readers say of a field before its payload is looked at.
template <class Reader>
void check_field(const item& one, Reader& r) {
  RC_ASSERT(r.next());
  RC_ASSERT(r.is(one.number, type_of(one.what)));
  if (one.what == kind::zigzag_varint) {
    RC_ASSERT(unzigzag(r.value()) == static_cast<std::int64_t>(one.value));
  } else if (one.what < kind::text) {
    RC_ASSERT(r.value() == one.value);
  }
}
template <class Reader>
void check_end(Reader& r) {
  RC_ASSERT(!r.next());
  RC_ASSERT(r.ok());
}

void check_whole(const tree& all, std::span<const std::byte> message) {
  reader r(message);
  for (const item& one : all) {
    check_field(one, r);
    if (one.what >= kind::message) {
      check_whole(one.inner, r.view());
    } else if (one.what >= kind::text) {
      check_payload(one, r.view());
    }
  }
  check_end(r);
}

// Every other payload is passed over, so that the reader has to find its way without help.
void check_cut(const tree& all, chain_cursor& at, std::size_t size, bool look) {
  chain_reader r(at, size);
  for (const item& one : all) {
    check_field(one, r);
    look = !look;
    if (look || one.what < kind::text) continue;
    if (one.what >= kind::message) {
      check_cut(one.inner, at, r.size(), look);
    } else {
      std::vector<std::byte> payload(r.size());
      at.read_copy(payload);
      check_payload(one, payload);
    }
  }
  check_end(r);
}

bytes_chain cut_anywhere(std::string_view text) {
  bytes_chain c;
  const std::size_t most = *rc::gen::element<std::size_t>(1, 4, 40, 4000);
  for (std::size_t at = 0; at < text.size();) {
    // Copies of their own, so that pieces never join.
    const bytes piece = bytes::copy_of(text.substr(at, 1 + up_to(most - 1)));
    at += piece.size();
    c.append(piece);
    if (c.pieces() > 200) {
      c.append(bytes::copy_of(text.substr(at)));
      break;
    }
  }
  return c;
}

TEST(ModelTest, WhatIsWrittenIsReadHoweverItIsCut) {
  const auto property = [] {
    const tree all = some_tree(3);
    std::string out = "before";
    string_writer w(out);
    write(w, all);
    const std::string_view message = std::string_view(out).substr(6);
    RC_ASSERT(w.size() == message.size());
    RC_ASSERT(message.size() == size_of(all));
    check_whole(all, as_span(message));
    const bytes_chain cut = cut_anywhere(message);
    for (const bool look : {false, true}) {
      chain_cursor at(cut);
      check_cut(all, at, cut.size(), look);
    }
  };
  EXPECT_TRUE(rc::check("what is written is read", property));
}

TEST(ModelTest, ARoomThatIsTooSmallIsFullAndOneThatFitsIsNot) {
  const auto property = [] {
    const tree all = some_tree(2);
    std::string right;
    string_writer by_string(right);
    write(by_string, all);
    std::vector<std::byte> memory(right.size() + 8);
    // Every smaller room; of long messages some, and those that nearly fit.
    const std::size_t step = 1 + right.size() / (200 + up_to(50));
    for (std::size_t missing = 0; missing <= right.size(); missing += missing < 12 ? 1 : step) {
      const std::size_t room = right.size() - missing;
      const auto behind = std::span(memory).subspan(room, 8);
      std::ranges::fill(behind, std::byte{0x5a});
      room_writer w(std::span<std::byte>(memory).first(room));
      write(w, all);
      RC_ASSERT(w.full() == (missing > 0));
      RC_ASSERT(w.size() <= room);
      for (const std::byte b : behind) RC_ASSERT(b == std::byte{0x5a});
      if (missing == 0) RC_ASSERT(bytes::copy_of(std::span(memory).first(room)) == right);
    }
  };
  EXPECT_TRUE(rc::check("a room that is too small is full", property));
}

}  // namespace
}  // namespace zc::pb
