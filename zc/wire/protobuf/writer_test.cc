// What must hold of the writer: golden bytes per field kind, exact lengths of nested messages at
// every size where the length grows, and a full room that is said and never overrun.

#include "zc/wire/protobuf/writer.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "zc/mem/builder.h"
#include "zc/mem/pool.h"
#include "zc/mem/quota.h"
#include "zc/testing/expect_copies.h"
#include "zc/wire/protobuf/reader.h"

namespace zc::pb {
namespace {

using namespace std::string_view_literals;

template <class Fill>
std::string written(Fill&& fill) {
  std::string out;
  string_writer w(out);
  fill(w);
  EXPECT_EQ(w.size(), out.size());
  return out;
}

TEST(WriterTest, EveryKindOfFieldHasItsGoldenBytes) {
  EXPECT_EQ(written([](auto& w) { w.varint(1, 150); }), "\x08\x96\x01"sv);
  EXPECT_EQ(written([](auto& w) { w.signed_varint(3, -1); }),
            "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv);
  EXPECT_EQ(written([](auto& w) { w.zigzag_varint(6, -2); }), "\x30\x03"sv);
  EXPECT_EQ(written([](auto& w) { w.boolean(2, true); }), "\x10\x01"sv);
  EXPECT_EQ(written([](auto& w) { w.fixed32(16, 0x101); }), "\x85\x01\x01\x01\x00\x00"sv);
  EXPECT_EQ(written([](auto& w) { w.fixed64(7, 1); }), "\x39\x01\x00\x00\x00\x00\x00\x00\x00"sv);
  EXPECT_EQ(written([](auto& w) { w.float64(4, 1.0); }), "\x21\x00\x00\x00\x00\x00\x00\xf0\x3f"sv);
  EXPECT_EQ(written([](auto& w) { w.text(5, "GET"); }), "\x2a\x03GET"sv);
  EXPECT_EQ(written([](auto& w) { w.text(5, ""); }), "\x2a\x00"sv);
  const std::array<std::uint64_t, 3> values{1, 300, 0};
  EXPECT_EQ(written([&](auto& w) { w.packed_varints(2, values); }), "\x12\x04\x01\xac\x02\x00"sv);
  const std::array<std::uint64_t, 1> one{5};
  EXPECT_EQ(written([&](auto& w) { w.packed_fixed64(6, one); }),
            "\x32\x08\x05\x00\x00\x00\x00\x00\x00\x00"sv);
  const std::array<double, 1> real{1.0};
  EXPECT_EQ(written([&](auto& w) { w.packed_float64(7, real); }),
            "\x3a\x08\x00\x00\x00\x00\x00\x00\xf0\x3f"sv);
}

TEST(WriterTest, NestedMessagesGetTheirShortestLength) {
  for (const std::size_t size : {0u, 1u, 127u, 128u, 129u, 16383u, 16384u, 2097151u, 2097152u}) {
    const std::string content(size, 'x');
    const std::string nested = written([&](auto& w) {
      w.varint(1, 1);
      w.message(2, [&] { w.raw(std::as_bytes(std::span(content))); });
      w.varint(3, 3);
    });
    const std::string flat = written([&](auto& w) {
      w.varint(1, 1);
      w.text(2, content);
      w.varint(3, 3);
    });
    EXPECT_TRUE(nested == flat) << size;
    EXPECT_EQ(nested.size(), 4 + bytes_field_size(2, size));
  }
}

TEST(WriterTest, MessagesNestInMessages) {
  const std::string long_text(300, 'a');
  const std::string out = written([&](auto& w) {
    w.message(1, [&] {
      w.message(2, [&] { w.text(3, long_text); });
      w.varint(4, 9);
    });
  });
  reader outer(std::as_bytes(std::span(out)));
  ASSERT_TRUE(outer.next());
  EXPECT_FALSE(reader(outer).next());
  reader middle(outer.view());
  ASSERT_TRUE(middle.next());
  reader inner(middle.view());
  ASSERT_TRUE(inner.next());
  EXPECT_EQ(inner.text(), long_text);
  EXPECT_FALSE(inner.next());
  ASSERT_TRUE(middle.next());
  EXPECT_EQ(middle.value(), 9u);
  EXPECT_FALSE(middle.next());
}

TEST(WriterTest, WhatTheStringHeldBeforeStays) {
  std::string out = "head";
  string_writer w(out);
  w.message(1, [&] { w.text(2, std::string(200, 'b')); });
  EXPECT_EQ(out.substr(0, 4), "head");
  EXPECT_EQ(out.size(), 4 + w.size());
  EXPECT_EQ(w.size(), bytes_field_size(1, bytes_field_size(2, 200)));
}

TEST(WriterTest, WritesIntoABuilderWithoutACopy) {
  bytes_builder block = bytes_builder::with_capacity(64);
  room_writer w(block.spare());
  w.message(1, [&] { w.text(2, "abc"); });
  ASSERT_FALSE(w.full());
  block.commit(w.size());
  EXPECT_EQ(block.take(),
            "\x0a\x05\x12\x03"
            "abc"_bytes);
}

TEST(WriterTest, AFullRoomIsSaidAndNeverOverrun) {
  const auto fill = [](auto& w) {
    w.varint(1, 1);
    w.message(2, [&] {
      w.text(3, std::string(130, 'c'));
      w.fixed64(4, 4);
    });
  };
  const std::string right = written(fill);
  for (std::size_t room = 0; room <= right.size(); ++room) {
    std::vector<std::byte> memory(room + 8, std::byte{0x5a});
    room_writer w(std::span<std::byte>(memory).first(room));
    fill(w);
    EXPECT_EQ(w.full(), room < right.size()) << room;
    for (std::size_t i = room; i < memory.size(); ++i) EXPECT_EQ(memory[i], std::byte{0x5a});
  }
}

// A message of a few levels; the lengths of the outer ones take more than one byte.
template <class Writer>
void nest(Writer& w) {
  w.message(1, [&] {
    for (std::uint64_t i = 0; i < 10; ++i) {
      w.message(2, [&] {
        w.text(3, std::string(200, 'd'));
        w.varint(4, i);
      });
    }
  });
}

TEST(BuilderWriterTest, WhatIsFrozenLiesWhereItWasWritten) {
  const std::string right = written([](auto& w) { nest(w); });
  EXPECT_USER_COPIES(0) {
    bytes_builder block = bytes_builder::with_capacity(right.size());
    const std::byte* const at = block.spare().data();
    builder_writer w(block);
    nest(w);
    EXPECT_FALSE(w.full());
    EXPECT_EQ(w.size(), right.size());
    const bytes frozen = std::move(block).freeze();
    EXPECT_EQ(frozen.data(), at);
    EXPECT_EQ(frozen, std::string_view(right));
  }
}

TEST(BuilderWriterTest, WithoutRoomTheBuilderGrowsAndItsCopiesAreCounted) {
  const std::string right = written([](auto& w) { nest(w); });
  const ledger::scope growing;
  bytes_builder none;
  builder_writer w(none);
  nest(w);
  EXPECT_FALSE(w.full());
  const bytes frozen = std::move(none).freeze();
  EXPECT_EQ(frozen, std::string_view(right));
  EXPECT_GT(growing.copied(), 0u);
  EXPECT_LT(growing.copied(), 2 * right.size());  // at least doubled each time
}

TEST(BuilderWriterTest, WhatTheBuilderHeldBeforeStaysAndWhatWasTakenIsNotTouched) {
  bytes_builder block = bytes_builder::with_capacity(8);
  block.append_copy("taken");
  const bytes taken = block.take();
  block.append_copy("head");
  builder_writer w(block);
  w.message(1, [&] { w.text(2, std::string(200, 'b')); });
  EXPECT_EQ(w.size(), bytes_field_size(1, bytes_field_size(2, 200)));
  EXPECT_EQ(taken, "taken"sv);
  const bytes frozen = std::move(block).freeze();
  EXPECT_EQ(frozen.size(), 4 + bytes_field_size(1, bytes_field_size(2, 200)));
  EXPECT_EQ(frozen.text().substr(0, 4), "head");
}

// A pool's block is as large as its class: what is written first leaves the room that is wanted.
TEST(BuilderWriterTest, APoolsBlockIsNotLeftButSaidToBeFull) {
  quota limits(1 << 20);
  pool memory(limits);
  const std::string right = written([](auto& w) { nest(w); });
  for (const std::size_t missing : {std::size_t{0}, std::size_t{1}, right.size() / 2}) {
    bytes_builder block = memory.take(4'096);
    ASSERT_TRUE(block);
    const std::size_t capacity = block.capacity();
    block.append_fill(capacity - right.size() + missing, std::byte{0});
    const std::byte* const at = block.spare().data();
    builder_writer w(block);
    testing::expect_user_copies(0, [&] { nest(w); });
    EXPECT_EQ(w.full(), missing > 0) << missing;
    EXPECT_EQ(block.capacity(), capacity);
    EXPECT_EQ(block.written().data() + capacity - right.size() + missing, at);
  }
}

}  // namespace
}  // namespace zc::pb
