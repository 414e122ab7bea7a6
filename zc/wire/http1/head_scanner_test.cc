// What must hold of head_scanner: it finds the same end however the bytes are cut, and its limits
// are exact.

#include "zc/wire/http1/head_scanner.h"

#include <string>

#include <gtest/gtest.h>

namespace zc::http1 {
namespace {

constexpr std::string_view head = "POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";

TEST(HeadScannerTest, FindsTheEmptyLineAndLeavesTheBody) {
  head_scanner s({});
  const auto end = s.feed(std::string(head) + "body");
  ASSERT_TRUE(end && *end);
  EXPECT_EQ(**end, head.size());
}

TEST(HeadScannerTest, EveryPairOfCutsFindsTheSameEnd) {
  const std::string stream = "\r\n" + std::string(head) + "bo\r\n\r\ndy";
  const std::size_t end_at = head.size() + 2;
  for (std::size_t a = 0; a <= end_at; ++a) {
    for (std::size_t b = a; b <= stream.size(); ++b) {
      head_scanner s({});
      std::size_t fed = 0;
      std::size_t found = 0;
      for (const std::string_view part :
           {std::string_view(stream).substr(0, a), std::string_view(stream).substr(a, b - a),
            std::string_view(stream).substr(b)}) {
        const auto end = s.feed(part);
        ASSERT_TRUE(end) << a << ' ' << b;
        if (*end) {
          found = fed + **end;
          break;
        }
        fed += part.size();
      }
      ASSERT_EQ(found, end_at) << a << ' ' << b;
    }
  }
}

TEST(HeadScannerTest, EmptyLinesAloneDoNotBeginAHead) {
  head_scanner s({});
  EXPECT_FALSE(s.begun());
  ASSERT_TRUE(s.feed("\r\n\r\n"));
  EXPECT_FALSE(s.begun());
  ASSERT_TRUE(s.feed("P"));
  EXPECT_TRUE(s.begun());
  s.reset();
  EXPECT_FALSE(s.begun());
}

TEST(HeadScannerTest, LinesWithoutCrAreMalformed) {
  for (const std::string_view bad :
       {"GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nA: b\n\n", "\n", "a\r\n\n"}) {
    for (std::size_t cut = 0; cut <= bad.size(); ++cut) {
      head_scanner s({});
      const auto first = s.feed(bad.substr(0, cut));
      const bool ok = first && s.feed(bad.substr(cut));
      EXPECT_FALSE(ok) << bad << cut;
    }
  }
}

TEST(HeadScannerTest, TheLimitOfBytesIsExact) {
  head_scanner enough({.bytes_max = head.size(), .fields_max = 2});
  EXPECT_TRUE(enough.feed(head).value());
  for (std::size_t cut = 0; cut < head.size(); ++cut) {
    head_scanner less({.bytes_max = head.size() - 1, .fields_max = 2});
    const auto first = less.feed(head.substr(0, cut));
    const auto second = first ? less.feed(head.substr(cut)) : first;
    ASSERT_FALSE(second) << cut;
    EXPECT_EQ(second.error().code, errc::too_large);
  }
}

TEST(HeadScannerTest, ALineWithoutEndIsCutOffByTheLimit) {
  head_scanner s({.bytes_max = 1'000, .fields_max = 10});
  const std::string drip(100, 'a');
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(s.feed(drip));
  EXPECT_FALSE(s.feed("a"));
  head_scanner blanks({.bytes_max = 1'000, .fields_max = 10});
  bool refused = false;
  for (int i = 0; i < 501 && !refused; ++i) refused = !blanks.feed("\r\n");
  EXPECT_TRUE(refused);
}

TEST(HeadScannerTest, TheLimitOfFieldsIsExact) {
  head_scanner one({.bytes_max = 1'000, .fields_max = 1});
  const auto refused = one.feed(head);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::too_large);
}

}  // namespace
}  // namespace zc::http1
