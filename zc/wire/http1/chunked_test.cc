// What must hold of chunked_decoder: payload comes out as slices, the same however the body is cut;
// framing is strict and bounded.

#include "zc/wire/http1/chunked.h"

#include <string>

#include <gtest/gtest.h>

#include "zc/base/ledger.h"

namespace zc::http1 {
namespace {

struct decoded {
  std::string payload;
  std::string rest;
  bool done = false;
  bool failed = false;
  errc why = errc::malformed;
};

void feed(chunked_decoder& d, std::string_view text, decoded& into) {
  bytes input = bytes::from_string(std::string(text));
  while (!input.empty() && !d.done() && !into.failed) {
    const auto part = d.next(input);
    if (!part) {
      into.failed = true;
      into.why = part.error().code;
      return;
    }
    into.payload += part->text();
  }
  into.done = d.done();
  into.rest += input.text();
}

decoded decode(std::string_view text) {
  chunked_decoder d;
  decoded out;
  feed(d, text, out);
  return out;
}

TEST(ChunkedTest, PayloadIsSlicesOfTheInput) {
  const auto before = ledger::read().copied();
  chunked_decoder d;
  bytes input = "5\r\nhello\r\n0\r\n\r\n"_bytes;
  const bytes kept = input;
  const auto part = d.next(input);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->data(), kept.data() + 3);
  EXPECT_EQ(part->size(), 5u);
  EXPECT_FALSE(d.done());
  EXPECT_TRUE(d.next(input)->empty());
  EXPECT_TRUE(d.done());
  EXPECT_EQ(d.payload(), 5u);
  EXPECT_EQ(ledger::read().copied(), before);
}

TEST(ChunkedTest, EveryPairOfCutsGivesTheSameBody) {
  const std::string body =
      "5\r\nhello\r\n1;ext=\"x y\"\r\n \r\n00A ;a=b\r\n0123456789\r\n0;last\r\nTrailer: x\r\nB: "
      "c\r\n\r\n";
  const std::string stream = body + "GET /";
  for (std::size_t a = 0; a <= body.size(); ++a) {
    for (std::size_t b = a; b <= stream.size(); ++b) {
      chunked_decoder d;
      decoded out;
      feed(d, stream.substr(0, a), out);
      feed(d, stream.substr(a, b - a), out);
      feed(d, stream.substr(b), out);
      ASSERT_FALSE(out.failed) << a << ' ' << b;
      ASSERT_TRUE(out.done);
      ASSERT_EQ(out.payload, "hello 0123456789");
      ASSERT_EQ(out.rest, "GET /");
    }
  }
}

TEST(ChunkedTest, BadFramingIsMalformed) {
  for (const std::string_view bad : {"\r\n",
                                     "x\r\n",
                                     "-1\r\n",
                                     "+1\r\na\r\n",
                                     " 1\r\na\r\n",
                                     "0x1\r\na\r\n",
                                     "1\na\r\n",
                                     "1\r\na\n",
                                     "1\r\nab\r\n",
                                     "1\r\na\r\r\n",
                                     "1\r\na\r\n\r\n",
                                     "1\rx",
                                     "1;a\rb\r\n",
                                     "1;a\nb\r\n",
                                     "1g\r\n",
                                     "0\r\nA: b\n\r\n",
                                     "0\r\nA: b\rC\r\n\r\n",
                                     "0\r\n\rx",
                                     "0\r\n\n",
                                     ";\r\n",
                                     "1;\x01\r\n"}) {
    const decoded out = decode(bad);
    EXPECT_TRUE(out.failed) << bad;
    EXPECT_EQ(out.why, errc::malformed) << bad;
  }
}

TEST(ChunkedTest, ErrorsSayWhere) {
  chunked_decoder d;
  bytes input = "3\r\nabcX"_bytes;
  ASSERT_TRUE(d.next(input));
  EXPECT_EQ(d.next(input).error().offset, 6u);
}

TEST(ChunkedTest, SizesBeyond64BitsAreTooLarge) {
  chunked_decoder d;
  decoded out;
  feed(d, "ffffffffffffffff\r\nabc", out);
  EXPECT_FALSE(out.failed);  // a promise only: the limit of the body is the caller's
  EXPECT_EQ(out.payload, "abc");
  EXPECT_EQ(decode("10000000000000000\r\n").why, errc::too_large);
  EXPECT_EQ(decode(std::string(2'000, '0') + "1\r\n").why, errc::too_large);
}

TEST(ChunkedTest, ExtensionsOfOneLineAreBounded) {
  const std::string fits(chunked_decoder::line_bytes_max - 2, 'e');
  EXPECT_TRUE(decode("1;" + fits + "\r\na\r\n0\r\n\r\n").done);
  EXPECT_EQ(decode("1;" + fits + "e\r\na\r\n0\r\n\r\n").why, errc::too_large);
}

TEST(ChunkedTest, ExtensionsOfAllChunksAreBounded) {
  std::string body;
  for (int i = 0; i < 100; ++i) body += "1;" + std::string(500, 'e') + "\r\na\r\n";
  const decoded out = decode(body);
  EXPECT_TRUE(out.failed);
  EXPECT_EQ(out.why, errc::too_large);
  std::string signed_body;  // a fair share beside real payload is fine, for ever
  for (int i = 0; i < 400; ++i) {
    signed_body += "200;" + std::string(100, 'e') + "\r\n" + std::string(512, 'x') + "\r\n";
  }
  EXPECT_FALSE(decode(signed_body).failed);
}

TEST(ChunkedTest, TrailersAreBounded) {
  std::string body = "0\r\n";
  for (int i = 0; i < 100; ++i) body += "Name: " + std::string(100, 'v') + "\r\n";
  const decoded out = decode(body);
  EXPECT_TRUE(out.failed);
  EXPECT_EQ(out.why, errc::too_large);
}

}  // namespace
}  // namespace zc::http1
