// What must hold of a census: it finds identities wherever the format allows them to be, tells bad
// bytes from good ones at every cut, and joins neighbours to runs.
#include "gate/rig/census.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gate/rig/drafts_for_tests.h"
#include "gate/rig/scenery.h"

namespace sluice::rig {
namespace {

using for_tests::as_bytes;
using for_tests::drawing;
using for_tests::request_of;
using otlp::signal;

struct gathered final : census_visitor {
  void on_items(const identity& first, std::uint64_t count) override {
    runs.emplace_back(first, count);
  }
  std::vector<std::pair<identity, std::uint64_t>> runs;
};

std::string text_of(const identity& id) {
  const identity_text t = encode(id);
  return std::string(t.data(), t.size());
}

drawing span_with(const identity& id) {
  return [id](draft& span) {
    span.text(1, "0123456789abcdef");
    span.attribute(9, "other", "value");
    span.attribute(9, identity_key, text_of(id));
    span.number(6, 1);
  };
}

TEST(CensusTest, NeighboursBecomeOneRun) {
  gathered found;
  const auto c = take_census(
      signal::traces,
      as_bytes(request_of({span_with({1, 2, 5}), span_with({1, 2, 6}), span_with({1, 2, 8}),
                           span_with({1, 3, 9}), [](draft&) {}, span_with({1, 3, 10})})),
      found);
  ASSERT_TRUE(c.has_value());
  EXPECT_EQ(c->items, 6u);
  EXPECT_EQ(c->traced, 5u);
  const std::vector<std::pair<identity, std::uint64_t>> want{
      {{1, 2, 5}, 2}, {{1, 2, 8}, 1}, {{1, 3, 9}, 2}};
  EXPECT_EQ(found.runs, want);
}

TEST(CensusTest, EveryKindOfDataPointHasItsAttributes) {
  // field of Metric, field of the point's attributes
  const std::vector<std::pair<std::uint32_t, std::uint32_t>> kinds{
      {5, 7}, {7, 7}, {9, 9}, {10, 1}, {11, 7}};
  std::uint64_t n = 0;
  std::vector<drawing> all;
  for (const auto& kind : kinds) {
    all.push_back([&kind, id = identity{4, 5, n++}](draft& metric) {
      metric.text(1, "name");
      metric.message(kind.first, [&] {
        metric.message(1, [&] { metric.attribute(kind.second, identity_key, text_of(id)); });
        metric.number(2, 2);
      });
    });
  }
  gathered found;
  const auto c = take_census(signal::metrics, as_bytes(request_of(all)), found);
  ASSERT_TRUE(c.has_value());
  EXPECT_EQ(c->traced, kinds.size());
  ASSERT_EQ(found.runs.size(), 1u);
  EXPECT_EQ(found.runs[0].second, kinds.size());
}

TEST(CensusTest, ValueBeforeKeyAndUnknownFieldsAreRead) {
  std::string text = request_of({[](draft& span) {
    span.message(9, [&] {
      span.message(2, [&] { span.text(1, text_of({9, 9, 9})); });
      span.fixed32(15, 7);
      span.text(1, identity_key);
    });
    span.fixed(500, 1);
  }});
  text += "\xc3\x3e\x08\x01\xc4\x3e";  // a group, field 1000, with a varint in it
  gathered found;
  const auto c = take_census(signal::traces, as_bytes(text), found);
  ASSERT_TRUE(c.has_value()) << c.error().reason;
  EXPECT_EQ(c->traced, 1u);
}

TEST(CensusTest, ACutRequestIsTruncatedUnlessTheCutIsBetweenFields) {
  const std::string whole = request_of({span_with({1, 2, 3})});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    gathered found;
    const std::string cut = whole.substr(0, size);
    const auto c = take_census(signal::traces, as_bytes(cut), found);
    ASSERT_FALSE(c.has_value()) << size;
    EXPECT_EQ(c.error().code, zc::errc::truncated);
    EXPECT_LE(c.error().offset, size);
  }
}

TEST(CensusTest, BadBytesAreMalformed) {
  const std::vector<std::string> bad{
      std::string("\x00", 1),                              // field 0
      "\x0e",                                              // wire type 6
      "\x0c",                                              // an end without its group
      "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",      // 65 bits
      "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  // eleven bytes
      "\x0b\x14",                                          // a group that ends as another
  };
  for (const std::string& b : bad) {
    gathered found;
    const auto c = take_census(signal::logs, as_bytes(b), found);
    ASSERT_FALSE(c.has_value());
    EXPECT_EQ(c.error().code, zc::errc::malformed);
  }
  gathered found;
  const std::string deep(100, '\x0b');
  EXPECT_FALSE(take_census(signal::logs, as_bytes(deep), found).has_value());
}

TEST(CensusTest, AnEmptyRequestHasNobody) {
  gathered found;
  const auto c = take_census(signal::traces, {}, found);
  ASSERT_TRUE(c.has_value());
  EXPECT_EQ(c->items, 0u);
}

}  // namespace
}  // namespace sluice::rig
