// What must hold of a draft: it writes the protobuf wire format, and it knows where its changeable
// words lie, however deep they are put.
#include "gate/rig/draft.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gate/rig/identity.h"
#include "zc/testing/expect_copies.h"
#include "zc/wire/protobuf/writer.h"

namespace sluice::rig {
namespace {

using namespace std::string_literals;

TEST(DraftTest, WritesTheBytesOfTheFormat) {
  draft d;
  d.number(1, 300);
  d.text(2, "ab");
  d.fixed32(16, 257);
  d.real(4, 1.0);
  EXPECT_EQ(std::move(d).freeze(),
            "\x08\xac\x02\x12\x02"s
            "ab\x85\x01\x01\x01\0\0\x21\0\0\0\0\0\0\xf0\x3f"s);
}

TEST(DraftTest, WritesAttributes) {
  draft d;
  d.attribute(9, "k", "v");
  d.attribute(9, "n", -1);
  d.attribute(9, "b", true);
  d.attribute(9, "l", std::vector<std::string>{"x"});
  d.attribute(9, "r", 1.0);
  EXPECT_EQ(std::move(d).freeze(),
            "\x4a\x08\x0a\x01k\x12\x03\x0a\x01v"s
            "\x4a\x10\x0a\x01n\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s
            "\x4a\x07\x0a\x01"s
            "b\x12\x02\x10\x01"s
            "\x4a\x0c\x0a\x01l\x12\x07\x2a\x05\x0a\x03\x0a\x01x"s
            "\x4a\x0e\x0a\x01r\x12\x09\x21\0\0\0\0\0\0\xf0\x3f"s);
}

TEST(DraftTest, LongAttributesAreThoseOfAnyOtherWriter) {
  for (const std::size_t size : {100u, 120u, 127u, 128u, 16'383u, 16'384u}) {
    const std::string value(size, 'v');
    std::string want;
    zc::pb::string_writer w(want);
    const auto any = [&] { w.text(1, value); };
    w.message(9, [&] {
      w.text(1, "key");
      w.message(2, any);
    });
    w.message(9, [&] {
      w.text(1, "list");
      w.message(2, [&] {
        w.message(5, [&] {
          w.message(1, any);
          w.message(1, any);
        });
      });
    });
    draft d;
    d.attribute(9, "key", value);
    d.attribute(9, "list", std::vector<std::string>{value, value});
    EXPECT_TRUE(std::move(d).freeze() == want) << size;
  }
}

void draw_marked(draft& d) {
  d.trace_id(1, 0x0102030405060708, 0x1112131415161718);
  d.span_id(2, 0xaabb);
  d.time(7, 42);
  d.identity(9);
}

// Their places in a frozen draft.
void expect_marks(std::string_view b, const std::vector<mark>& marks) {
  const identity_text nobody = encode({});
  for (const mark& m : marks) {
    switch (m.what) {
      case spot::trace:
        EXPECT_EQ(b.substr(m.offset - 2, 3), "\x0a\x10\x08"s);
        break;
      case spot::span:
        EXPECT_EQ(b.substr(m.offset - 2, 4), "\x12\x08\xbb\xaa"s);
        break;
      case spot::time:
        EXPECT_EQ(b.substr(m.offset - 1, 2), "\x39\x2a"s);
        break;
      case spot::identity:
        EXPECT_EQ(b.substr(m.offset, identity_size), std::string(nobody.data(), nobody.size()));
        break;
    }
  }
}

// The closed message is moved up by one byte or two, and so is what it holds; what lies in front
// of it is not.
TEST(DraftTest, MarksMoveWithTheMessageTheyAreIn) {
  for (const std::size_t more : {0u, 1u, 200u, 20'000u}) {
    draft request;
    draw_marked(request);
    for (int twice = 0; twice < 2; ++twice) {
      request.message(1, [&] {
        request.text(3, std::string(more, 's'));
        request.message(2, [&] {
          draw_marked(request);
          request.text(5, std::string(more, 't'));
        });
        draw_marked(request);
      });
    }
    ASSERT_EQ(request.marks().size(), 4u * 5);
    const std::vector<mark> marks = request.marks();
    const zc::bytes frozen = std::move(request).freeze();
    expect_marks(frozen.text(), marks);
  }
}

TEST(DraftTest, AMessageOfKnownSizeIsTheSameAndIsNotMoved) {
  draft paper;
  draw_marked(paper);
  paper.text(5, std::string(300, 't'));
  draft open, known;
  const auto draw = [](draft& d) {
    draw_marked(d);
    d.text(5, std::string(300, 't'));
  };
  open.message(2, [&] { draw(open); });
  known.message(2, paper.size(), [&] { draw(known); });
  const std::vector<mark> marks = known.marks();
  const zc::bytes frozen = std::move(known).freeze();
  EXPECT_EQ(frozen, std::move(open).freeze());
  ASSERT_EQ(marks.size(), 4u);
  expect_marks(frozen.text(), marks);
}

TEST(DraftTest, WhatIsFrozenLiesWhereItWasDrawn) {
  EXPECT_USER_COPIES(0) {
    draft d(2'000);
    d.number(1, 1);
    const std::byte* const at = d.written().data();
    d.message(2, [&] { d.attribute(9, "key", std::string(1'500, 'v')); });
    const zc::bytes frozen = std::move(d).freeze();
    EXPECT_EQ(frozen.data(), at);
  }
}

TEST(DraftTest, AClearedDraftIsWrittenAgainInTheSameMemory) {
  draft d(256);
  draw_marked(d);
  const std::byte* const at = d.written().data();
  d.clear();
  EXPECT_EQ(d.size(), 0u);
  EXPECT_TRUE(d.marks().empty());
  d.text(1, "again");
  EXPECT_EQ(d.written().data(), at);
  EXPECT_EQ(std::move(d).freeze(),
            "\x0a\x05"
            "again"s);
}

TEST(DraftDeathTest, AMessageIsAsLongAsItWasSaidToBe) {
  draft d;
  EXPECT_DEATH(d.message(1, 3, [&] { d.number(1, 1); }), "size");
}

TEST(DraftTest, PackedFieldsAreOneLengthAndItsWords) {
  draft d;
  d.packed(6, std::vector<std::uint64_t>{1, 2});
  EXPECT_EQ(std::move(d).freeze(), "\x32\x10\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"s);
}

}  // namespace
}  // namespace sluice::rig
