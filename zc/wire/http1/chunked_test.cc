// What must hold of chunked_decoder: payload comes out as slices, the same however the body is cut;
// framing is strict and bounded.
//
// Method: examples; bodies that RapidCheck makes, spoils and cuts, against a decoder that has the
// whole at hand.

#include "zc/wire/http1/chunked.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

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

// The grammar as one would write it with the whole body at hand; its limits are tested below.
struct naive_body {
  std::string_view text;
  decoded out;

  static bool is_hex(char c) {
    return std::string_view("0123456789abcdefABCDEF").find(c) != std::string_view::npos;
  }
  static bool is_plain(char c) { return (c >= ' ' && c != 0x7f) || c == '\t' || (c & 0x80) != 0; }

  // Of what has come it must be the beginning.
  bool take(std::string_view expected) {
    const std::size_t n = std::min(expected.size(), text.size());
    if (text.substr(0, n) != expected.substr(0, n)) return fail();
    text.remove_prefix(n);
    return n == expected.size();
  }
  bool fail() {
    out.failed = true;
    return false;
  }
  // A line whose bytes are plain, without its CRLF; false while it is not whole.
  bool line(std::string_view& into) {
    const std::size_t n =
        static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
    into = text.substr(0, n);
    text.remove_prefix(n);
    return take("\r\n");
  }
  bool chunk(std::size_t& size) {
    std::size_t digits = 0;
    while (digits < text.size() && is_hex(text[digits])) ++digits;
    if (digits == 0 && !text.empty()) return fail();
    std::string number(text.substr(0, digits));
    text.remove_prefix(digits);
    number.erase(0, number.find_first_not_of('0'));
    if (number.size() > 16) return fail();
    size = number.empty() ? 0 : std::stoull(number, nullptr, 16);
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (!text.empty() && text[0] != ';' && text[0] != '\r') return fail();
    std::string_view extension;
    return line(extension);
  }
  void read() {
    for (std::size_t size = 0; chunk(size);) {
      if (size == 0) return trailers();
      out.payload += text.substr(0, size);
      const bool whole = size <= text.size();
      text.remove_prefix(std::min(size, text.size()));
      if (!whole || !take("\r\n")) return;
    }
  }
  void trailers() {
    for (std::string_view one; line(one);) {
      if (!one.empty()) continue;
      out.done = true;
      out.rest = text;
      return;
    }
  }
};

std::string some(const char* alphabet, int most) {
  return *rc::gen::resize(
      most, rc::gen::container<std::string>(rc::gen::elementOf(std::string(alphabet))));
}

std::string some_body() {
  std::string body;
  const std::size_t chunks = *rc::gen::inRange<std::size_t>(0, 6);
  for (std::size_t i = 0; i <= chunks; ++i) {
    const std::string payload = i < chunks ? "p" + some("ab\r\n0;", 40) : "";
    std::array<char, 20> digits{};
    std::snprintf(digits.data(), digits.size(), *rc::gen::element("%zx", "%zX", "00%zx"),
                  payload.size());
    body += digits.data();
    if (*rc::gen::inRange(0, 3) == 0) body += some(" \t", 3);
    if (*rc::gen::inRange(0, 3) == 0) body += ";" + some("a=\" ;", 9);
    body += "\r\n" + payload;
    if (i < chunks) body += "\r\n";
  }
  for (auto n = *rc::gen::inRange(0, 3); n > 0; --n) body += "T" + some("r: ", 9) + "\r\n";
  return body + "\r\n";
}

// In pieces of these sizes, over and over.
void check_agreement(std::string_view text, const std::vector<std::size_t>& pieces) {
  naive_body model{text, {}};
  model.read();
  chunked_decoder d;
  decoded out;
  std::size_t fed = 0;
  for (std::size_t i = 0; fed < text.size() && !out.failed && !d.done(); ++i) {
    const std::size_t n = std::min(pieces[i % pieces.size()], text.size() - fed);
    out.rest.clear();
    feed(d, text.substr(fed, n), out);
    fed += n;
  }
  RC_ASSERT(out.failed == model.out.failed);
  RC_ASSERT(out.done == model.out.done);
  RC_ASSERT(out.payload == model.out.payload);
  RC_ASSERT(d.payload() == model.out.payload.size());
  if (out.done) RC_ASSERT(out.rest + std::string(text.substr(fed)) == model.out.rest);
}

// As it is, with the next message behind it; and with a byte changed, added or lost at every place.
TEST(ChunkedTest, AnyBodyIsReadAsWithTheWholeAtHandHoweverItIsCut) {
  const auto property = [] {
    const std::string text = some_body() + some("GET /", 6);
    const auto pieces = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 50)));
    check_agreement(text, pieces);
    const char c = *rc::gen::elementOf(std::string("\r\n0aF;: \x01\x7f\xff", 11));
    for (std::size_t at = 0; at < text.size(); ++at) {
      std::string spoilt = text;
      spoilt[at] = c;
      check_agreement(spoilt, pieces);
      check_agreement(spoilt.erase(at, 1), pieces);
      spoilt = text;
      check_agreement(spoilt.insert(at, 1, c), pieces);
    }
  };
  EXPECT_TRUE(rc::check("chunked bodies", property));
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
                                     "1 5\r\nabcde\r\n",
                                     "1 \t x\r\na\r\n",
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
