// What must hold of head_writer: what it writes parses, and no value can break out of its line.

#include "zc/wire/http1/head_writer.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

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
                               .field("Host", std::string_view("a\r\nEvil: 1\0\x7f", 12))
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

using pairs = std::vector<std::pair<std::string, std::string>>;

// Any bytes: nothing that a value holds may change what stands around it.
pairs some_fields() {
  const auto name = rc::gen::nonEmpty(
      rc::gen::container<std::string>(rc::gen::elementOf(std::string("aZ0-_!~'"))));
  const auto value = rc::gen::container<std::string>(rc::gen::weightedOneOf<char>(
      {{3, rc::gen::arbitrary<char>()}, {2, rc::gen::elementOf(std::string("\r\n\t :,a"))}}));
  return *rc::gen::container<pairs>(rc::gen::pair(name, value));
}

std::string expected_value(std::string_view sent) {
  std::string shown(sent);
  for (char& c : shown) {
    const auto b = static_cast<unsigned char>(c);
    if ((b < 0x20 && c != '\t') || b == 0x7f) c = ' ';
  }
  const std::size_t first = shown.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return shown.substr(first, shown.find_last_not_of(" \t") - first + 1);
}

std::string decoded(std::string_view target) {
  std::string out;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] != '%') {
      out += target[i];
      continue;
    }
    out += static_cast<char>(std::stoi(std::string(target.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return out;
}

void check_fields(std::span<const field> real, const pairs& sent) {
  RC_ASSERT(real.size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    RC_ASSERT(real[i].name == sent[i].first);
    RC_ASSERT(real[i].value == expected_value(sent[i].second));
  }
}

// Written behind the fields of the property's choice; `length` is one that frames the body.
std::string finished(head_writer w, pairs& all, const std::optional<std::uint64_t>& length) {
  for (const auto& [name, value] : all) w.field(name, value);
  if (length) {
    w.field("Content-Length", *length);
    all.emplace_back("Content-Length", std::to_string(*length));
  }
  const std::size_t size = w.size();
  std::string text = w.text();
  RC_ASSERT(text.size() == size + 2);
  return text;
}

TEST(HeadWriterTest, AnyRequestIsParsedAsItWasWritten) {
  const auto property = [] {
    const auto method = *rc::gen::element<std::string>("GET", "POST", "M-SEARCH");
    // '%' is the caller's own: it stays as it is.
    const auto byte =
        rc::gen::suchThat(rc::gen::arbitrary<char>(), [](char c) { return c != '%' && c != '?'; });
    const auto path = "/" + *rc::gen::container<std::string>(byte);
    const auto query = *rc::gen::container<std::string>(byte);
    const auto length = *rc::gen::maybe(rc::gen::arbitrary<std::uint64_t>());
    pairs all = some_fields();
    all.insert(all.begin(), {"Host", "a"});
    const std::string text = finished(head_writer::request(method, path + "?" + query), all,
                                      length ? std::optional(*length) : std::nullopt);
    std::vector<field> fields;
    const auto head = parse_request(text, fields);
    RC_ASSERT(head.has_value());
    RC_ASSERT(head->method == method);
    RC_ASSERT(decoded(head->path) == path);
    RC_ASSERT(decoded(head->query) == query);
    RC_ASSERT(head->body == (length ? framing::length : framing::none));
    RC_ASSERT(head->length == (length ? *length : 0));
    RC_ASSERT(head->keep_alive);
    check_fields(head->fields, all);
  };
  EXPECT_TRUE(rc::check("requests", property));
}

TEST(HeadWriterTest, AnyResponseIsParsedAsItWasWritten) {
  const auto property = [] {
    const int status = *rc::gen::inRange(0, 1100);
    const int shown = status < 100 || status > 999 ? 500 : status;
    pairs all = some_fields();
    const auto length = *rc::gen::arbitrary<std::uint64_t>();
    const std::string text = finished(head_writer::response(status), all, length);
    std::vector<field> fields;
    const auto head = parse_response(text, fields);
    RC_ASSERT(head.has_value());
    RC_ASSERT(head->status == shown);
    RC_ASSERT(head->reason == reason_of(status));
    const bool bodiless = shown < 200 || shown == 204 || shown == 304;
    RC_ASSERT(head->body == (bodiless ? framing::none : framing::length));
    check_fields(head->fields, all);
  };
  EXPECT_TRUE(rc::check("responses", property));
}

}  // namespace
}  // namespace zc::http1
