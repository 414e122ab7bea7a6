// What must hold of head_writer: what it writes parses, and no value can break out of its line.

#include "zc/wire/http1/head_writer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "zc/wire/http1/head.h"

namespace zc::http1 {
namespace {

TEST(HeadWriterTest, WritesAResponse) {
  const bytes head =
      head_writer::response(503).field("Content-Length", 12).field("Retry-After", "3").finish();
  EXPECT_EQ(head.text(),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 12\r\nRetry-After: 3\r\n\r\n");
}

TEST(HeadWriterTest, WritesARequest) {
  EXPECT_EQ(head_writer::request("POST", "/v1/logs").lines("Host: a\r\n").text(),
            "POST /v1/logs HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head_writer::request("GET", "").text(), "GET / HTTP/1.1\r\n\r\n");
}

TEST(HeadWriterTest, NothingBreaksOutOfItsLine) {
  const std::string text = head_writer::request("GET", "/a b\r\nX: y")
                               .field("Host", std::string_view("a\r\nEvil: 1\0\x7f", 13))
                               .text();
  std::vector<field> fields;
  const auto head = parse_request(text, fields);
  ASSERT_TRUE(head) << text;
  EXPECT_EQ(head->path, "/a%20b%0D%0AX:%20y");
  ASSERT_EQ(fields.size(), 1u);
  EXPECT_EQ(fields[0].value, "a  Evil: 1");
}

TEST(HeadWriterTest, StatusesAreAlwaysThreeDigits) {
  EXPECT_EQ(head_writer::response(7).text().substr(0, 12), "HTTP/1.1 500");
  EXPECT_EQ(head_writer::response(299).text(), "HTTP/1.1 299 Status\r\n\r\n");
}

}  // namespace
}  // namespace zc::http1
