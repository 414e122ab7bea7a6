// What must hold of message_assembler: however the stream is cut, the message comes out the same;
// limits are decided from the prefix; a second message is never mistaken for padding.

#include "zc/wire/grpc/framing.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"

namespace zc::grpc {
namespace {

std::string framed(std::string_view message, bool compressed = false) {
  const auto prefix = encode_prefix(message.size(), compressed);
  std::string out(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  return out.append(message);
}

std::string text_of(const bytes_chain& chain) {
  std::string all;
  for (const bytes& piece : chain) all += piece.text();
  return all;
}

bytes piece(std::string text) {
  return bytes::from_string(std::move(text));
}

TEST(GrpcFramingTest, PrefixIsAFlagAndABigEndianLength) {
  EXPECT_EQ(framed("abc"), std::string("\0\0\0\0\3abc", 8));
  EXPECT_EQ(encode_prefix(0x01020304, true),
            (std::array{std::byte{1}, std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}}));
  EXPECT_EQ(text_of(prefix_piece(0, false)), std::string("\0\0\0\0\0", 5));
  EXPECT_EQ(text_of(prefix_piece(258, true)), std::string("\1\0\0\1\2", 5));
}

TEST(GrpcFramingTest, AMessageInOnePieceIsASliceOfIt) {
  const auto before = ledger::read().copied();
  message_assembler in(100);
  const bytes whole = piece(framed("hello", true));
  ASSERT_TRUE(in.feed(whole));
  EXPECT_TRUE(in.complete());
  EXPECT_TRUE(in.compressed());
  EXPECT_EQ(in.expected(), 5u);
  ASSERT_TRUE(in.finish());
  const bytes_chain message = in.take();
  EXPECT_EQ(text_of(message), "hello");
  EXPECT_EQ(message.begin()->data(), whole.data() + 5);
  EXPECT_EQ(ledger::read().copied(), before);
}

TEST(GrpcFramingTest, EveryPairOfCutsGivesTheSameMessage) {
  const std::string stream = framed("a message of some length");
  for (std::size_t a = 0; a <= stream.size(); ++a) {
    for (std::size_t b = a; b <= stream.size(); ++b) {
      message_assembler in(100);
      ASSERT_TRUE(in.feed(piece(stream.substr(0, a))));
      EXPECT_EQ(in.complete(), a == stream.size());
      ASSERT_TRUE(in.feed(piece(stream.substr(a, b - a))));
      EXPECT_EQ(in.finish().has_value(), b == stream.size());
      ASSERT_TRUE(in.feed(piece(stream.substr(b))));
      ASSERT_TRUE(in.finish());
      EXPECT_EQ(text_of(in.take()), "a message of some length");
    }
  }
}

TEST(GrpcFramingTest, AnEmptyMessageIsAMessage) {
  message_assembler in(100);
  EXPECT_FALSE(in.started());
  ASSERT_TRUE(in.feed(piece(framed(""))));
  EXPECT_TRUE(in.complete());
  EXPECT_TRUE(in.take().empty());
  EXPECT_TRUE(in.feed(bytes()));  // nothing more is no second message
}

TEST(GrpcFramingTest, TooLargeIsDecidedFromThePrefix) {
  message_assembler in(100);
  const auto refused = in.feed(piece(std::string("\0\0\0\0\x65", 5)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::too_large);
  EXPECT_EQ(refused.error().offset, 101u);
  message_assembler exact(100);
  EXPECT_TRUE(exact.feed(piece(std::string("\0\0\0\0\x64", 5))));
  message_assembler huge(100);
  EXPECT_EQ(huge.feed(piece("\1\xff\xff\xff\xff more")).error().offset, 0xffffffffu);
}

TEST(GrpcFramingTest, AFlagAboveOneIsMalformedAtOnce) {
  message_assembler in(100);
  const auto refused = in.feed(piece("\2"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::malformed);
}

TEST(GrpcFramingTest, BytesBehindTheMessageAreMalformed) {
  for (const std::string& tail : {std::string("x"), framed(""), framed("second")}) {
    message_assembler at_once(100);
    EXPECT_EQ(at_once.feed(piece(framed("first") + tail)).error().code, errc::malformed);
    message_assembler later(100);
    ASSERT_TRUE(later.feed(piece(framed("first"))));
    const auto refused = later.feed(piece(tail));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::malformed);
    EXPECT_EQ(refused.error().offset, 10u);
  }
}

TEST(GrpcFramingTest, AStreamThatEndsEarlyIsTruncated) {
  message_assembler in(100);
  EXPECT_EQ(in.finish().error().code, errc::truncated);
  ASSERT_TRUE(in.feed(piece(std::string("\0\0", 2))));
  EXPECT_EQ(in.finish().error().offset, 2u);
  ASSERT_TRUE(in.feed(piece(std::string("\0\0\3a", 4))));
  EXPECT_EQ(in.finish().error().offset, 6u);
}

TEST(GrpcFramingTest, AMessageOfOneBytePiecesMakesFewPieces) {
  quota limits(16_MiB);
  pool blocks(limits);
  message_assembler in(1'000'000, &blocks);
  std::string message(300'000, '\0');
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<char>(i * 7);
  for (const char c : framed(message)) ASSERT_TRUE(in.feed(piece(std::string(1, c))));
  const bytes_chain whole = in.take();
  EXPECT_LT(whole.pieces(), 30u);
  EXPECT_EQ(text_of(whole), message);
}

TEST(GrpcFramingTest, WithoutMemorySmallPiecesAreRefused) {
  quota limits(64);
  pool blocks(limits);
  message_assembler in(100, &blocks);
  ASSERT_TRUE(in.feed(piece(framed("abcdef").substr(0, 7))));
  const auto refused = in.feed(piece("c"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::exhausted);
}

}  // namespace
}  // namespace zc::grpc
