// What must hold of the readers: one golden message per wire feature and per trap, and `reader` and
// `chain_reader` give one answer however the bytes are cut. Every case runs through both, at every
// cut into two pieces and byte by byte. Random bytes are reader_fuzz.cc.

#include "zc/wire/protobuf/reader.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "zc/wire/protobuf/chain_reader.h"
#include "zc/wire/protobuf/writer.h"

namespace zc::pb {
namespace {

using namespace std::string_view_literals;

struct seen_field {
  std::uint32_t number;
  wire type;
  std::uint64_t value;   // scalars
  std::size_t at, size;  // where the field lies
  std::string payload;   // length-delimited
  bool operator==(const seen_field&) const = default;
};
struct outcome {
  std::vector<seen_field> fields;
  bool ok = true;
  errc code{};
  std::string reason;
  std::size_t offset = 0;
  bool operator==(const outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const outcome& o) {
  out << o.fields.size() << " fields";
  if (!o.ok) out << ", " << o.reason << " at " << o.offset;
  return out;
}

std::span<const std::byte> as_span(std::string_view text) {
  return std::as_bytes(std::span(text));
}

bool is_scalar(wire t) {
  return t != wire::bytes && t != wire::group;
}

template <class Reader>
void finish(outcome& o, const Reader& r) {
  o.ok = r.ok();
  if (o.ok) return;
  o.code = r.failure().code;
  o.reason = r.failure().reason;
  o.offset = r.failure().offset;
}

outcome read_whole(std::string_view message, unsigned groups = depth_max) {
  outcome o;
  reader r(as_span(message), 0, groups);
  while (r.next()) {
    o.fields.push_back({r.number(), r.type(), is_scalar(r.type()) ? r.value() : 0, r.field_at(),
                        r.raw().size(),
                        r.type() == wire::bytes ? std::string(r.text()) : std::string()});
  }
  EXPECT_FALSE(r.next());  // and stays there
  finish(o, r);
  return o;
}

outcome read_chain(const bytes_chain& message, unsigned groups = depth_max,
                   bool read_payload = true) {
  outcome o;
  chain_cursor at(message);
  chain_reader r(at, message.size(), groups);
  while (r.next()) {
    std::string payload;
    if (r.type() == wire::bytes && read_payload) {
      payload.resize(r.size());
      at.read_copy(std::as_writable_bytes(std::span(payload)));
    }
    o.fields.push_back({r.number(), r.type(), is_scalar(r.type()) ? r.value() : 0, r.field_at(),
                        r.field_end() - r.field_at(), payload});
  }
  EXPECT_FALSE(r.next());
  finish(o, r);
  return o;
}

bytes_chain cut_every(std::string_view text, std::size_t n) {
  bytes_chain chain;
  for (std::size_t at = 0; at < text.size(); at += n) {
    chain.append(
        bytes::copy_of(text.substr(at, n)));  // copies of their own, so that pieces never join
  }
  return chain;
}

// Reads every way there is and insists on one answer.
outcome read(std::string_view message, unsigned groups = depth_max) {
  const outcome whole = read_whole(message, groups);
  for (std::size_t n : {1u, 2u, 3u, 7u})
    EXPECT_EQ(read_chain(cut_every(message, n), groups), whole) << n;
  for (std::size_t at = 0; at <= message.size() && message.size() < 400; ++at) {
    bytes_chain two(bytes::copy_of(message.substr(0, at)));
    two.append(bytes::copy_of(message.substr(at)));
    EXPECT_EQ(read_chain(two, groups), whole) << "cut at " << at;
  }
  outcome skipping = read_chain(cut_every(message, 1), groups, false);
  EXPECT_EQ(skipping.fields.size(), whole.fields.size());
  EXPECT_EQ(skipping.offset, whole.offset);
  return whole;
}

void expect_refused(std::string_view message, errc code, std::string_view reason,
                    std::size_t offset) {
  const outcome o = read(message);
  EXPECT_FALSE(o.ok);
  EXPECT_EQ(o.code, code) << o.reason;
  EXPECT_EQ(o.reason, reason);
  EXPECT_EQ(o.offset, offset);
}

TEST(ReaderTest, EmptyMessageHasNoFields) {
  EXPECT_EQ(read("").fields.size(), 0u);
  EXPECT_TRUE(read("").ok);
}

TEST(ReaderTest, ReadsEveryWireType) {
  const outcome o = read(
      "\x08\x96\x01"                          // 1: varint 150
      "\x11\x01\x02\x03\x04\x05\x06\x07\x08"  // 2: fixed64
      "\x1a\x03"
      "abc"                       // 3: bytes
      "\x23\x08\x01\x24"          // 4: group { 1: 1 }
      "\x2d\x01\x02\x03\x04"sv);  // 5: fixed32
  ASSERT_TRUE(o.ok) << o.reason;
  ASSERT_EQ(o.fields.size(), 5u);
  EXPECT_EQ(o.fields[0], (seen_field{1, wire::varint, 150, 0, 3, ""}));
  EXPECT_EQ(o.fields[1], (seen_field{2, wire::fixed64, 0x0807060504030201, 3, 9, ""}));
  EXPECT_EQ(o.fields[2], (seen_field{3, wire::bytes, 0, 12, 5, "abc"}));
  EXPECT_EQ(o.fields[3], (seen_field{4, wire::group, 0, 17, 4, ""}));
  EXPECT_EQ(o.fields[4], (seen_field{5, wire::fixed32, 0x04030201, 21, 5, ""}));
}

TEST(ReaderTest, ViewsPointIntoTheMessage) {
  const auto message = as_span("\x0a\x02hi\x13\x08\x07\x14"sv);
  reader r(message, 100);
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.view().data(), message.data() + 2);
  EXPECT_EQ(r.value_at(), 102u);
  EXPECT_EQ(r.raw().size(), 4u);
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.type(), wire::group);
  EXPECT_EQ(r.view().data(), message.data() + 5);  // the inside of the group
  EXPECT_EQ(r.view().size(), 2u);
  EXPECT_EQ(r.field_at(), 104u);
}

TEST(ReaderTest, ValuesAreReadAsTheirTypesWant) {
  std::string text;
  string_writer w(text);
  w.signed_varint(1, -5);
  w.zigzag_varint(2, -5);
  w.float64(3, 2.5);
  reader r(as_span(text));
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.signed_value(), -5);
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.zigzag_value(), -5);
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.double_value(), 2.5);
}

TEST(ReaderTest, PaddedLengthsAndTagsAreLegal) {
  const outcome o = read("\x0a\x82\x80\x80\x80\x00hi\x8a\x80\x00\x01x"sv);
  ASSERT_TRUE(o.ok) << o.reason;
  ASSERT_EQ(o.fields.size(), 2u);
  EXPECT_EQ(o.fields[0].payload, "hi");
  EXPECT_EQ(o.fields[1].number, 1u);
  EXPECT_EQ(o.fields[1].payload, "x");
}

TEST(ReaderTest, TenByteVarintsAreReadAndElevenByteOnesRefused) {
  const outcome o = read("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv);
  ASSERT_TRUE(o.ok);
  EXPECT_EQ(o.fields[0].value, UINT64_MAX);
  expect_refused("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv, errc::malformed,
                 reasons::long_varint, 0);
  expect_refused("\x08\x01\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv, errc::malformed,
                 reasons::long_varint, 2);
  expect_refused("\x8a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv, errc::malformed,
                 reasons::long_varint, 0);
}

TEST(ReaderTest, FieldNumbersHaveTheirRange) {
  expect_refused("\x02\x00"sv, errc::malformed, reasons::bad_number, 0);
  expect_refused("\x08\x01\x00\x00"sv, errc::malformed, reasons::bad_number, 2);
  std::string last;
  string_writer(last).varint(field_max, 1);
  EXPECT_EQ(read(last).fields.at(0).number, field_max);
  expect_refused("\x80\x80\x80\x80\x10\x01"sv, errc::malformed, reasons::bad_number, 0);  // 2^29
  expect_refused("\x88\x80\x80\x80\x80\x01\x01"sv, errc::malformed, reasons::bad_number, 0);
}

TEST(ReaderTest, WireTypesSixAndSevenAreRefused) {
  expect_refused("\x0e\x00"sv, errc::malformed, reasons::bad_type, 0);
  expect_refused("\x08\x01\x0f\x00"sv, errc::malformed, reasons::bad_type, 2);
  expect_refused("\x0b\x0e\x0c"sv, errc::malformed, reasons::bad_type, 0);  // in a group
}

TEST(ReaderTest, EveryTruncationIsRefusedAtTheFieldItCuts) {
  const std::string_view message =
      "\x08\x96\x01\x11\x01\x02\x03\x04\x05\x06\x07\x08\x1a\x03"
      "abc\x23\x08\x01\x24\x2d\x01\x02\x03\x04"sv;
  const std::size_t starts[] = {0, 3, 12, 17, 21, message.size()};
  for (std::size_t size = 0; size < message.size(); ++size) {
    std::size_t cut = 0;
    for (const std::size_t s : starts) {
      if (s <= size) cut = s;
    }
    const outcome o = read(message.substr(0, size));
    EXPECT_EQ(o.ok, cut == size) << size;
    if (o.ok) continue;
    EXPECT_EQ(o.code, errc::truncated) << size;
    EXPECT_EQ(o.offset, cut) << size;
  }
}

TEST(ReaderTest, LengthsBeyondTheMessageAreRefused) {
  expect_refused(
      "\x0a\x04"
      "abc"sv,
      errc::truncated, reasons::cut, 0);
  expect_refused("\x0a\xff\xff\xff\xff\x07"sv, errc::truncated, reasons::cut, 0);
  expect_refused("\x0a\x80\x80\x80\x80\x08"sv, errc::malformed, reasons::long_length, 0);  // 2^31
  expect_refused("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv, errc::malformed,
                 reasons::long_length, 0);  // 2^64 - 1: any sum with it wraps
}

TEST(ReaderTest, ChainReaderStaysInsideItsMessage) {
  const bytes_chain body = cut_every("\x0a\x05hellorest"sv, 3);
  chain_cursor at(body);
  chain_reader r(at, 4);  // the message ends inside the payload
  EXPECT_FALSE(r.next());
  EXPECT_EQ(r.failure().code, errc::truncated);
}

TEST(ReaderTest, NestedChainReadersShareOneCursor) {
  const bytes_chain body = cut_every("\x0a\x04\x08\x07\x10\x09\x12\x01x"sv, 1);
  chain_cursor at(body);
  chain_reader outer(at, body.size());
  ASSERT_TRUE(outer.next());
  chain_reader inner(at, outer.size());
  ASSERT_TRUE(inner.next());
  EXPECT_EQ(inner.value(), 7u);
  ASSERT_TRUE(outer.next());  // leaves the inner message half read
  EXPECT_EQ(outer.number(), 2u);
  EXPECT_EQ(outer.field_at(), 6u);
  EXPECT_FALSE(outer.next());
  EXPECT_TRUE(outer.ok());
}

TEST(ReaderTest, GroupsNestAndMustEndWithTheirOwnNumber) {
  EXPECT_TRUE(read("\x0b\x13\x08\x01\x1a\x02hi\x14\x0c\x08\x01"sv).ok);
  expect_refused("\x0b\x14"sv, errc::malformed, reasons::stray_end, 0);
  expect_refused("\x0b\x13\x0c\x14"sv, errc::malformed, reasons::stray_end, 0);
  expect_refused("\x0c"sv, errc::malformed, reasons::stray_end, 0);
  expect_refused("\x08\x01\x0b\x08\x01"sv, errc::truncated, reasons::open_group, 2);
  expect_refused("\x0b"sv, errc::truncated, reasons::open_group, 0);
  expect_refused("\x0b\x1a\x05hi\x0c"sv, errc::truncated, reasons::cut, 0);
}

TEST(ReaderTest, GroupDepthHasALimit) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '\x0b') + std::string(depth, '\x0c');
  };
  EXPECT_TRUE(read(nested(depth_max)).ok);
  const outcome o = read(nested(depth_max + 1));
  EXPECT_EQ(o.code, errc::too_large);
  EXPECT_EQ(o.offset, 0u);
  EXPECT_TRUE(read(nested(3), 3).ok);
  EXPECT_FALSE(read(nested(4), 3).ok);
  EXPECT_FALSE(read(nested(1), 0).ok);
  EXPECT_EQ(read_whole(std::string(1'000'000, '\x0b')).code, errc::too_large);
}

}  // namespace
}  // namespace zc::pb
