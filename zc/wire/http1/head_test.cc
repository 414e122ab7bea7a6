// What must hold of head parsing: it accepts what clients send, and refuses everything that two
// parsers might understand differently.

#include "zc/wire/http1/head.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace zc::http1 {
namespace {

class HeadTest : public ::testing::Test {
 protected:
  result<request_head> request(std::string_view text) {
    kept_ = text;
    return parse_request(kept_, fields_);
  }
  result<response_head> response(std::string_view text, bool to_head = false) {
    kept_ = text;
    return parse_response(kept_, fields_, to_head);
  }
  // A POST with these further lines.
  result<request_head> post(std::string_view lines) {
    return request("POST /v1/logs HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n");
  }

 private:
  std::string kept_;
  std::vector<field> fields_;
};

TEST_F(HeadTest, AnOrdinaryRequestIsUnderstood) {
  const auto head = request(
      "POST /v1/traces?x=1&y HTTP/1.1\r\n"
      "Host: collector:4318\r\n"
      "CONTENT-type:  application/x-protobuf \t\r\n"
      "Content-Length: 1234\r\n"
      "X-Empty:\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->path, "/v1/traces");
  EXPECT_EQ(head->query, "x=1&y");
  EXPECT_EQ(head->minor, 1);
  EXPECT_EQ(head->body, framing::length);
  EXPECT_EQ(head->length, 1234u);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_FALSE(head->expect_continue);
  EXPECT_EQ(find(head->fields, "content-type"), "application/x-protobuf");
  EXPECT_EQ(find(head->fields, "x-empty"), "");
  EXPECT_EQ(find(head->fields, "missing"), "");
  EXPECT_EQ(head->fields.size(), 4u);
}

TEST_F(HeadTest, TargetsOfEveryFormHaveAPath) {
  const struct {
    std::string_view target, path, query;
  } cases[] = {
      {"/", "/", ""},
      {"/a?b?c", "/a", "b?c"},
      {"http://host:80/v1/logs?q", "/v1/logs", "q"},
      {"https://host", "/", ""},
      {"http://host?q=1", "/", "q=1"},
      {"*", "*", ""},
      {"//double", "//double", ""},
      {"host:443", "host:443", ""},
      {"/x?", "/x", ""},
  };
  for (const auto& c : cases) {
    const auto head = request("GET " + std::string(c.target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(head) << c.target;
    EXPECT_EQ(head->path, c.path) << c.target;
    EXPECT_EQ(head->query, c.query) << c.target;
  }
}

TEST_F(HeadTest, ConnectionAndVersionDecideAboutKeepAlive) {
  EXPECT_FALSE(post("Connection: close\r\n")->keep_alive);
  EXPECT_FALSE(post("Connection: Foo, CLOSE\r\n")->keep_alive);
  EXPECT_TRUE(post("Connection: keep-alive\r\n")->keep_alive);
  EXPECT_TRUE(post("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")->keep_alive);
  EXPECT_FALSE(request("GET / HTTP/1.0\r\n\r\n")->keep_alive);
  EXPECT_TRUE(request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")->keep_alive);
  EXPECT_FALSE(
      request("GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n")->keep_alive);
  EXPECT_FALSE(post("Connection: closed\r\n")->keep_alive == false);
}

TEST_F(HeadTest, ExpectContinueCountsOnlyWithABodyAndHttp11) {
  EXPECT_TRUE(post("Content-Length: 1\r\nExpect: 100-Continue\r\n")->expect_continue);
  EXPECT_TRUE(post("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n")->expect_continue);
  EXPECT_FALSE(post("Expect: 100-continue\r\n")->expect_continue);
  EXPECT_FALSE(post("Content-Length: 1\r\nExpect: something\r\n")->expect_continue);
  EXPECT_FALSE(request("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
                   ->expect_continue);
}

TEST_F(HeadTest, EmptyLinesBeforeARequestAreSkipped) {
  EXPECT_TRUE(request("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

TEST_F(HeadTest, BodiesAreFramedByLengthOrChunks) {
  EXPECT_EQ(post("")->body, framing::none);
  EXPECT_EQ(post("Content-Length: 0\r\n")->body, framing::length);
  EXPECT_EQ(post("Transfer-Encoding: Chunked\r\n")->body, framing::chunked);
  EXPECT_EQ(post("Content-Length: 18446744073709551615\r\n")->length, UINT64_MAX);
}

struct bad_lines {
  const char* what;
  std::string_view lines;
  int status;
};

class BadHeadTest : public HeadTest, public ::testing::WithParamInterface<bad_lines> {};

TEST_P(BadHeadTest, IsRefused) {
  const auto head = post(GetParam().lines);
  ASSERT_FALSE(head);
  EXPECT_EQ(error_status(head.error()), GetParam().status) << head.error().reason;
}

INSTANTIATE_TEST_SUITE_P(
    Smuggling, BadHeadTest,
    ::testing::Values(
        bad_lines{"BlankBeforeColon", "Content-Length : 5\r\n", 400},
        bad_lines{"TabBeforeColon", "Content-Length\t: 5\r\n", 400},
        bad_lines{"FoldedLine", "A: b\r\n c\r\n", 400},
        bad_lines{"FoldedByTab", "A: b\r\n\tTransfer-Encoding: chunked\r\n", 400},
        bad_lines{"BareCrInValue", "A: b\rContent-Length: 5\r\n", 400},
        bad_lines{"BareCrAtLineEnd", "A: b\r\r\n", 400},
        bad_lines{"BareLf", "A: b\nContent-Length: 5\r\n", 400},
        bad_lines{"NulInValue", std::string_view("A: b\0c\r\n", 8), 400},
        bad_lines{"DeleteInValue", "A: b\x7f\r\n", 400},
        bad_lines{"NoColon", "Transfer-Encoding chunked\r\n", 400},
        bad_lines{"EmptyName", ": x\r\n", 400},
        bad_lines{"BlankInName", "Content Length: 5\r\n", 400},
        bad_lines{"TwoDifferentLengths", "Content-Length: 5\r\nContent-Length: 6\r\n", 400},
        bad_lines{"TwoEqualLengths", "Content-Length: 5\r\nContent-length: 5\r\n", 400},
        bad_lines{"ListOfLengths", "Content-Length: 5, 5\r\n", 400},
        bad_lines{"LengthWithPlus", "Content-Length: +5\r\n", 400},
        bad_lines{"NegativeLength", "Content-Length: -5\r\n", 400},
        bad_lines{"HexLength", "Content-Length: 0x5\r\n", 400},
        bad_lines{"EmptyLength", "Content-Length:\r\n", 400},
        bad_lines{"BlankInLength", "Content-Length: 5 5\r\n", 400},
        bad_lines{"LengthBeyond64Bits", "Content-Length: 18446744073709551616\r\n", 413},
        bad_lines{"LengthAndChunked", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400},
        bad_lines{"ChunkedAndLength", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400},
        bad_lines{"TwoTransferEncodings",
                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
        bad_lines{"ChunkedNotLast", "Transfer-Encoding: chunked, identity\r\n", 400},
        bad_lines{"GzipThenChunked", "Transfer-Encoding: gzip, chunked\r\n", 501},
        bad_lines{"ChunkedInDisguise", "Transfer-Encoding: xchunked\r\n", 501},
        bad_lines{"ChunkedWithVerticalTab",
                  "Transfer-Encoding: \x0b"
                  "chunked\r\n",
                  400},
        bad_lines{"Identity", "Transfer-Encoding: identity\r\n", 400},
        bad_lines{"EmptyTransferEncoding", "Transfer-Encoding:\r\n", 400},
        bad_lines{"SecondHost", "Host: b\r\n", 400}),
    [](const auto& one) { return one.param.what; });

TEST_F(HeadTest, BadRequestLinesAreRefused) {
  const struct {
    std::string_view line;
    int status;
  } cases[] = {
      {"GET /", 400},
      {"GET", 400},
      {"GET  / HTTP/1.1", 400},
      {"GET / x HTTP/1.1", 400},
      {" GET / HTTP/1.1", 400},
      {"G(T / HTTP/1.1", 400},
      {"GET /\x01 HTTP/1.1", 400},
      {"GET /\xc3\xa9 HTTP/1.1", 400},
      {"GET /\tx HTTP/1.1", 400},
      {"GET / HTTP/1.1 ", 400},
      {"GET / http/1.1", 400},
      {"GET / HTTP/11", 400},
      {"GET / HTTP/2.0", 505},
      {"GET / HTTP/0.9", 505},
  };
  for (const auto& c : cases) {
    const auto head = request(std::string(c.line) + "\r\nHost: a\r\n\r\n");
    ASSERT_FALSE(head) << c.line;
    EXPECT_EQ(error_status(head.error()), c.status) << c.line;
  }
  EXPECT_FALSE(request("\r\n\r\n"));
  EXPECT_FALSE(request(""));
}

TEST_F(HeadTest, ErrorsSayWhereTheyAre) {
  const std::string line = "GET / HTTP/1.1\r\n";
  const std::pair<std::string, std::size_t> cases[] = {
      {line + "A:  \t b\x01c\r\n\r\n", line.size() + 7},
      {line + "Host: a\r\nB c: d\r\n\r\n", line.size() + 10},
      {line + "Host: a\r\n\r\nmore\r\n\r\n", line.size() + 11},
      {line + "Host: a\r\n", line.size() + 9},
      {line + "Host: a\n\r\n", line.size()},  // the line's
      {"GET /\x01 HTTP/1.1\r\n\r\n", 4},
      {"\r\n\r\nGET /\x01 HTTP/1.1\r\n\r\n", 8},
  };
  for (const auto& [text, offset] : cases) {
    const auto head = request(text);
    ASSERT_FALSE(head) << text;
    EXPECT_EQ(head.error().offset, offset) << text << ": " << head.error().reason;
  }
  const auto reason = response("\r\nHTTP/1.1 200 O\x01K\r\n\r\n");
  ASSERT_FALSE(reason);
  EXPECT_EQ(reason.error().offset, 16u);
}

TEST_F(HeadTest, AsManyFieldsAsTheScannerLetsThroughAreRead) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 1'000; ++i) text += "A: b\r\n";
  const auto head = request(text + "\r\n");
  ASSERT_TRUE(head) << head.error().reason;
  EXPECT_EQ(head->fields.size(), 1'001u);
}

TEST_F(HeadTest, Http11NeedsAHostAndHttp10CannotBeChunked) {
  EXPECT_FALSE(request("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(request("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_FALSE(request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_TRUE(request("GET / HTTP/1.7\r\nHost:\r\n\r\n"));
}

TEST_F(HeadTest, NoCutOfAHeadIsAHead) {
  const std::string whole =
      "POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nA: b\r\n\r\n";
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(request(whole.substr(0, n))) << n;
  EXPECT_TRUE(request(whole));
  EXPECT_FALSE(request(whole + "x"));
}

TEST_F(HeadTest, ResponsesAreUnderstood) {
  const auto ok = response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(ok);
  EXPECT_EQ(ok->status, 200);
  EXPECT_EQ(ok->reason, "OK");
  EXPECT_EQ(ok->body, framing::length);
  EXPECT_TRUE(ok->keep_alive);
  EXPECT_EQ(response("HTTP/1.1 503 Service Unavailable\r\n\r\n")->reason, "Service Unavailable");
  EXPECT_EQ(response("HTTP/1.1 200 \r\n\r\n")->reason, "");
  EXPECT_EQ(response("HTTP/1.1 200\r\n\r\n")->status, 200);
}

TEST_F(HeadTest, ResponsesWithoutFramingEndWithTheConnection) {
  const auto head = response("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(head->body, framing::until_close);
  EXPECT_FALSE(head->keep_alive);
  EXPECT_EQ(response("HTTP/1.1 204 No Content\r\n\r\n")->body, framing::none);
  EXPECT_TRUE(response("HTTP/1.1 204 No Content\r\n\r\n")->keep_alive);
  EXPECT_EQ(response("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")->body,
            framing::none);
  EXPECT_EQ(response("HTTP/1.1 100 Continue\r\n\r\n")->body, framing::none);
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true)->body, framing::none);
}

TEST_F(HeadTest, BadResponsesAreRefused) {
  for (const std::string_view bad :
       {"HTTP/1.1 20 OK", "HTTP/1.1 2000", "HTTP/1.1 abc", "HTTP/1.1  200", "HTTP/1.1 099 x",
        "HTTP/2.0 200 OK", "ICY 200 OK", "220 smtp.example ESMTP", "HTTP/1.1 200 O\x01K", ""}) {
    EXPECT_FALSE(response(std::string(bad) + "\r\n\r\n")) << bad;
  }
  EXPECT_FALSE(response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"));
  EXPECT_FALSE(
      response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

TEST(HeadWordsTest, NamesAndListsIgnoreCaseAndBlanks) {
  EXPECT_TRUE(name_is("Content-TYPE", "content-type"));
  EXPECT_FALSE(name_is("content-typ", "content-type"));
  EXPECT_TRUE(list_has(" a,\tB , c", "b"));
  EXPECT_FALSE(list_has("ab, bc", "b"));
  EXPECT_FALSE(list_has("", "b"));
  EXPECT_EQ(trim(" \t x y \t"), "x y");
  EXPECT_EQ(trim(" "), "");
}

}  // namespace
}  // namespace zc::http1
