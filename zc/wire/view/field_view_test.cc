// What must hold of field views: they find what is there in any case and trim it, they copy
// nothing, and what two parties could read differently is refused with its place.
#include "zc/wire/view/field_view.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace zc {
namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

pairs fields_of(std::string_view block) {
  pairs all;
  field_reader r(block);
  while (r.next()) all.emplace_back(r.field().name, r.field().value);
  EXPECT_TRUE(r.ok()) << r.failure().reason;
  return all;
}
error error_of(std::string_view block) {
  field_reader r(block);
  while (r.next()) continue;
  EXPECT_FALSE(r.ok());
  return r.failure();
}
std::vector<std::string> members_of(std::string_view list) {
  std::vector<std::string> all;
  list_reader r(list);
  while (r.next()) all.emplace_back(r.member());
  return all;
}

TEST(FieldViewTest, ReadsFieldsWhereTheyLie) {
  const std::string block = "Host: a\r\nAccept:\t text/html \t\r\nEmpty:\r\n\r\nbody";
  EXPECT_EQ(fields_of(block), (pairs{{"Host", "a"}, {"Accept", "text/html"}, {"Empty", ""}}));
  field_reader r(block);
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.field().name.data(), block.data());
  EXPECT_TRUE(r.field().is("host"));
  EXPECT_FALSE(r.field().is("hos"));
  while (r.next()) continue;
  EXPECT_EQ(block.substr(r.consumed()), "body");
}

TEST(FieldViewTest, FindsTheFirstFieldOfAName) {
  EXPECT_EQ(*find_field("A: 1\r\nB: 2\r\nb: 3\r\n", "b"), "2");
  EXPECT_EQ(*find_field("A: 1\r\n", "b"), std::nullopt);
  EXPECT_FALSE(find_field("b: 1\r\nbroken", "b")) << "the whole block is checked";
}

TEST(FieldViewTest, LooseFormsAreRefusedWithTheirPlace) {
  const auto at = [](std::string_view block, errc code, std::size_t offset) {
    const error e = error_of(block);
    EXPECT_EQ(e.code, code) << block;
    EXPECT_EQ(e.offset, offset) << block;
  };
  at("A: 1", errc::truncated, 4);
  at("A: 1\n", errc::malformed, 4);
  at("A : 1\r\n", errc::malformed, 1);
  at(": 1\r\n", errc::malformed, 0);
  at("A: 1\r\n folded\r\n", errc::malformed, 6);
  at("A: 1\rB\r\n", errc::malformed, 4);
  at(std::string_view("A: \0\r\n", 6), errc::malformed, 3);
  std::string many;
  for (std::size_t i = 0; i <= field_reader::fields_max; ++i) many += "a: b\r\n";
  at(many, errc::too_large, 6 * field_reader::fields_max);
}

TEST(FieldViewTest, NothingIsAnEmptyBlock) {
  EXPECT_EQ(fields_of(""), pairs());
  EXPECT_EQ(fields_of("\r\nA: 1\r\n"), pairs());
  EXPECT_FALSE(is_token(""));
  EXPECT_TRUE(is_token("x-y"));
  EXPECT_FALSE(is_token("x y"));
}

TEST(FieldViewTest, ListsPassEmptyMembersOverAndKeepQuotesWhole) {
  EXPECT_EQ(members_of("gzip, deflate ,\tzstd"),
            (std::vector<std::string>{"gzip", "deflate", "zstd"}));
  EXPECT_EQ(members_of(" , a,, b ,"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(members_of("\"a,b\";q=1, \"c\\\",d\""),
            (std::vector<std::string>{"\"a,b\";q=1", "\"c\\\",d\""}));
  EXPECT_EQ(members_of("\"open, to the end"), (std::vector<std::string>{"\"open, to the end"}));
  EXPECT_EQ(members_of("\"ends in a backslash\\"),
            (std::vector<std::string>{"\"ends in a backslash\\"}));
  EXPECT_TRUE(list_has("Keep-Alive , Close", "close"));
  EXPECT_FALSE(list_has("not-close", "close"));
}

TEST(FieldViewTest, ParametersAreNamedTexts) {
  parameter_reader r("text/html; charset=utf-8;; Title=\"a; \\\"b\\\"\" ; q=0.5;");
  EXPECT_EQ(r.value(), "text/html");
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.name(), "charset");
  EXPECT_EQ(r.text(), "utf-8");
  EXPECT_FALSE(r.quoted());
  ASSERT_TRUE(r.next());
  EXPECT_TRUE(is_ignoring_case(r.name(), "title"));
  EXPECT_TRUE(r.quoted());
  EXPECT_TRUE(unquoted(r.text()) == std::string_view("a; \"b\""));
  ASSERT_TRUE(r.next());
  EXPECT_EQ(r.name(), "q");
  EXPECT_FALSE(r.next());
  EXPECT_TRUE(r.ok());
  const std::string plain = "nothing to unquote in here";
  EXPECT_TRUE(unquoted(plain).is_borrowed());
}

TEST(FieldViewTest, BrokenParametersAreRefusedWithTheirPlace) {
  const auto at = [](std::string_view member, std::size_t offset) {
    parameter_reader r(member);
    while (r.next()) continue;
    EXPECT_FALSE(r.ok()) << member;
    EXPECT_EQ(r.failure().offset, offset) << member;
    EXPECT_FALSE(r.next());
  };
  at("a; b", 4);
  at("a; =c", 3);
  at("a; b=", 5);
  at("a; b=\"open", 5);
  at("a; b=c d", 7);
}

TEST(FieldViewTest, WeightsAreThousandths) {
  EXPECT_EQ(*weight_of("gzip"), 1000U);
  EXPECT_EQ(*weight_of("gzip;q=0.5"), 500U);
  EXPECT_EQ(*weight_of("gzip; Q=0.125"), 125U);
  EXPECT_EQ(*weight_of("gzip;q=0"), 0U);
  EXPECT_EQ(*weight_of("gzip;q=1.000"), 1000U);
  for (const char* bad : {"a;q=2", "a;q=1.001", "a;q=0.1234", "a;q=.5", "a;q=0x", "a;q=0,5"}) {
    EXPECT_FALSE(weight_of(bad)) << bad;
  }
}

TEST(FieldViewTest, MediaTypesAreComparedWithoutParametersBlanksAndCase) {
  EXPECT_TRUE(media_type_is("\tApplication/JSON ; charset=utf-8", "application/json"));
  EXPECT_FALSE(media_type_is("application/jsonx", "application/json"));
  EXPECT_FALSE(media_type_is("", "application/json"));
}

TEST(FieldViewTest, WhatIsWrittenIsRead) {
  const auto property = [] {
    const auto token = rc::gen::nonEmpty(
        rc::gen::container<std::string>(rc::gen::elementOf(std::string("aZ0-_"))));
    const auto value =
        rc::gen::container<std::string>(rc::gen::elementOf(std::string("aZ \t:,\"")));
    const auto all = *rc::gen::container<pairs>(rc::gen::pair(token, value));
    std::string block;
    pairs expected;
    for (const auto& [n, v] : all) {
      block += n + ": " + v + "\r\n";
      expected.emplace_back(n, trim_blanks(v));
      if (expected.size() == field_reader::fields_max) break;
    }
    RC_ASSERT(fields_of(block) == expected);
    for (const auto& [n, v] : expected) {
      std::string lower = n;
      std::ranges::transform(lower, lower.begin(), [](char c) { return c == 'Z' ? 'z' : c; });
      const auto same = [&](const auto& e) { return is_ignoring_case(e.first, lower); };
      RC_ASSERT(**find_field(block, lower) == std::ranges::find_if(expected, same)->second);
    }
  };
  EXPECT_TRUE(rc::check("fields round trip", property));
}

}  // namespace
}  // namespace zc
