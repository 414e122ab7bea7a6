// What must hold of the memory of head parsing: what it returns lies in the bytes that came, it
// allocates nothing, and nobody has to own a string to call it.

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "zc/testing/allocations.h"
#include "zc/wire/http1/head.h"
#include "zc/wire/http1/head_writer.h"

namespace zc::http1 {
namespace {

// A parameter that became an owning string would not take a view: this file would not compile.
static_assert(std::invocable<decltype(parse_request), std::string_view, std::vector<field>&>);
static_assert(
    std::invocable<decltype(parse_response), std::string_view, std::vector<field>&, bool>);
static_assert(std::invocable<decltype(name_is), std::string_view, std::string_view>);
static_assert(std::invocable<decltype(find), std::span<const field>, std::string_view>);
static_assert(std::invocable<decltype(list_has), std::string_view, std::string_view>);
static_assert(std::same_as<decltype(field::name), std::string_view>);
static_assert(std::same_as<decltype(field::value), std::string_view>);

const std::string text =
    "POST /v1/traces?tenant=a-tenant-with-a-name-too-long-for-a-small-string HTTP/1.1\r\n"
    "Host: telemetry.example.com:4318\r\n"
    "Authorization:   Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzaG9wIn0.c2lnbmF0dXJl  \r\n"
    "Content-Type: application/x-protobuf\r\n"
    "Content-Length: 12\r\n\r\n";

bool inside(std::string_view part) {
  return part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size();
}

TEST(HeadMemoryTest, EveryViewLiesInTheBytesThatCame) {
  std::vector<field> fields;
  const auto head = parse_request(text, fields);
  ASSERT_TRUE(head);
  for (const std::string_view part : {head->method, head->target, head->path, head->query}) {
    EXPECT_FALSE(part.empty());
    EXPECT_TRUE(inside(part)) << part;
  }
  ASSERT_EQ(head->fields.size(), 4u);
  for (const field& f : head->fields) {
    EXPECT_TRUE(inside(f.name)) << f.name;
    EXPECT_TRUE(inside(f.value)) << f.value;
  }
  EXPECT_EQ(find(head->fields, "host").data(), text.data() + text.find("telemetry"));
}

TEST(HeadMemoryTest, ParsingAndLookingUpAllocateNothing) {
  std::vector<field> fields;
  ASSERT_TRUE(parse_request(text, fields));  // the list grows
  if (!testing::allocations_are_counted) GTEST_SKIP() << "this sanitizer counts allocations itself";
  const auto before = testing::allocations();
  const auto head = parse_request(text, fields);
  const std::string_view type = find(head->fields, "content-type");
  const std::string_view token = find(head->fields, "authorization");
  const auto after = testing::allocations();
  EXPECT_EQ(after.times, before.times);
  EXPECT_EQ(type, "application/x-protobuf");
  EXPECT_TRUE(token.starts_with("Bearer ey") && token.ends_with("dXJl"));
  const std::string owned(token);
  EXPECT_EQ(owned, token);
  EXPECT_GT(testing::allocations().times, after.times) << "nobody counts: the test proves nothing";
}

}  // namespace
}  // namespace zc::http1
