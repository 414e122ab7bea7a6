// What must hold of a draft: it writes the protobuf wire format, and it knows where its changeable
// words lie, however deep they are put.
#include "gate/rig/draft.h"

#include <string>

#include <gtest/gtest.h>

#include "gate/rig/identity.h"

namespace sluice::rig {
namespace {

using namespace std::string_literals;

TEST(DraftTest, WritesTheBytesOfTheFormat) {
  draft d;
  d.number(1, 300);
  d.text(2, "ab");
  d.fixed32(16, 257);
  d.real(4, 1.0);
  EXPECT_EQ(d.bytes(),
            "\x08\xac\x02\x12\x02"s
            "ab\x85\x01\x01\x01\0\0\x21\0\0\0\0\0\0\xf0\x3f"s);
}

TEST(DraftTest, WritesAttributes) {
  draft d;
  d.attribute(9, "k", "v");
  d.attribute(9, "n", -1);
  d.attribute(9, "b", true);
  d.attribute(9, "l", std::vector<std::string>{"x"});
  EXPECT_EQ(d.bytes(),
            "\x4a\x08\x0a\x01k\x12\x03\x0a\x01v"s
            "\x4a\x10\x0a\x01n\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s
            "\x4a\x07\x0a\x01"s
            "b\x12\x02\x10\x01"s
            "\x4a\x0c\x0a\x01l\x12\x07\x2a\x05\x0a\x03\x0a\x01x"s);
}

TEST(DraftTest, MarksMoveWithTheMessageTheyAreIn) {
  draft span;
  span.trace_id(1, 0x0102030405060708, 0x1112131415161718);
  span.span_id(2, 0xaabb);
  span.time(7, 42);
  span.identity(9);
  draft scope;
  scope.text(3, "schema");
  scope.message(2, span);
  draft request;
  request.message(1, scope);
  request.message(1, scope);

  ASSERT_EQ(request.marks().size(), 8u);
  const std::string& b = request.bytes();
  const identity_text nobody = encode({});
  for (const mark& m : request.marks()) {
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

TEST(DraftTest, PackedFieldsAreOneLengthAndItsWords) {
  draft d;
  d.packed(6, std::vector<std::uint64_t>{1, 2});
  EXPECT_EQ(d.bytes(), "\x32\x10\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"s);
}

}  // namespace
}  // namespace sluice::rig
