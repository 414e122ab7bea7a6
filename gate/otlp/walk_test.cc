// What must hold of counting: it counts what the official classes would hold, refuses every wire
// trap with the right reason, and gives one answer however the bytes are cut. The oracle of real
// classes is tests/conformance/walk; random bytes are walk_fuzz.cc; checking and cutting are
// validate_test.cc and split_test.cc.

#include "gate/otlp/walk.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "gate/otlp/specimen.h"
#include "zc/wire/protobuf/reader.h"

namespace sluice::otlp {
namespace {

using namespace std::string_view_literals;
using specimen::shape;
using specimen::writer;
using zc::errc;

struct answer {
  bool ok;
  std::uint64_t items;
  errc code;
  std::string reason;
  std::size_t offset;
  bool operator==(const answer&) const = default;
};
std::ostream& operator<<(std::ostream& out, const answer& a) {
  return a.ok ? out << a.items << " items" : out << a.reason << " at " << a.offset;
}

answer as_answer(const zc::result<std::uint64_t>& r) {
  if (r) return {true, *r, {}, "", 0};
  return {false, 0, r.error().code, r.error().reason, r.error().offset};
}

answer fed(signal s, std::string_view text, std::size_t step) {
  item_counter counter(s);
  const auto body = std::as_bytes(std::span(text));
  for (std::size_t at = 0; at < body.size(); at += step) {
    if (!counter.feed(body.subspan(at, std::min(step, body.size() - at)))) break;
  }
  return as_answer(counter.finish());
}

// The answer, the same in every way of asking.
answer count(signal s, std::string_view text) {
  const answer whole = as_answer(count_items(s, zc::bytes::copy_of(text)));
  for (const std::size_t step : {1u, 2u, 3u, 5u, 64u}) EXPECT_EQ(fed(s, text, step), whole) << step;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    EXPECT_EQ(as_answer(count_items(s, specimen::cut(text, seed, 1 + 20 * seed))), whole);
  }
  for (std::size_t at = 0; at <= text.size() && text.size() < 200; ++at) {
    zc::bytes_chain two(zc::bytes::copy_of(text.substr(0, at)));
    two.append(zc::bytes::copy_of(text.substr(at)));
    EXPECT_EQ(as_answer(count_items(s, two)), whole) << "cut at " << at;
  }
  return whole;
}

std::uint64_t items(signal s, std::string_view text) {
  const answer a = count(s, text);
  EXPECT_TRUE(a.ok) << a;
  return a.items;
}

void expect_refused(signal s, std::string_view text, errc code, std::string_view reason,
                    std::size_t offset) {
  const answer a = count(s, text);
  EXPECT_FALSE(a.ok) << a;
  EXPECT_EQ(a.code, code) << a;
  EXPECT_EQ(a.reason, reason);
  EXPECT_EQ(a.offset, offset);
  // Whoever looks closer refuses it too.
  EXPECT_FALSE(validate_full(s, zc::bytes::copy_of(text)).has_value());
}

template <class Fill>
std::string built(Fill&& fill) {
  std::string out;
  writer w(out);
  fill(w);
  return out;
}

// A logs request whose one ScopeLogs holds `inside`.
std::string scope_logs(std::string_view inside) {
  return built([&](writer& w) { w.message(1, [&] { w.text(2, inside); }); });
}

TEST(WalkTest, EmptyRequestHoldsNothing) {
  for (const signal s : all_signals) EXPECT_EQ(items(s, ""), 0u);
}

TEST(WalkTest, CountsTheItemsOfEverySignal) {
  for (const signal s : all_signals) {
    for (const shape& of : {shape{}, shape{3, 2, 7, 4, 30}, shape{1, 1, 20, 1, 300}, shape{2, 1, 0},
                            shape{1, 1, 2, 3, 20'000}}) {
      EXPECT_EQ(items(s, specimen::request(s, of)), specimen::items_in(s, of)) << name_of(s);
    }
  }
}

TEST(WalkTest, EmptyItemsAreItems) {
  EXPECT_EQ(items(signal::logs, scope_logs("\x12\x00\x12\x00\x12\x00"sv)), 3u);
}

TEST(WalkTest, EveryTruncationIsRefused) {
  for (const signal s : all_signals) {
    const std::string text = specimen::request(s, {2, 1, 2, 2, 8});
    std::size_t second = 0;  // where the second top-level field begins
    std::size_t third = text.size();
    zc::pb::reader r(std::as_bytes(std::span(text)));
    (void)r.next();
    (void)r.next();
    second = r.field_at();
    if (r.next()) third = r.field_at();
    for (std::size_t size = 1; size < text.size(); ++size) {
      const std::string_view cut = std::string_view(text).substr(0, size);
      const answer a = fed(s, cut, 7);
      EXPECT_EQ(a, as_answer(count_items(s, zc::bytes::copy_of(cut))));
      EXPECT_EQ(a.ok, size == second || size == third) << size;
      if (a.ok) continue;
      EXPECT_EQ(a.code, errc::truncated);
      EXPECT_EQ(a.offset, size < second ? 0 : size < third ? second : third);
    }
  }
}

TEST(WalkTest, LengthsBeyondTheParentAreRefused) {
  // The ScopeLogs says 3 bytes where its ResourceLogs has 2 left.
  expect_refused(signal::logs, "\x0a\x04\x12\x03\x12\x00"sv, errc::truncated,
                 "field runs beyond its message", 2);
  // The record says 1 byte where its ScopeLogs has none left.
  expect_refused(signal::logs, "\x0a\x04\x12\x02\x12\x01"sv, errc::truncated,
                 "field runs beyond its message", 4);
  expect_refused(signal::logs, "\x0a\x09\x12\x07\x12\xff\xff\xff\xff\x07\x00"sv, errc::truncated,
                 "field runs beyond its message", 4);
  expect_refused(signal::logs, "\x0a\x0e\x12\x0c\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"sv,
                 errc::malformed, "length above 2 GiB", 4);
  // Scalars that run out of their parent.
  expect_refused(signal::logs, "\x0a\x02\x08\x80\x01"sv, errc::truncated,
                 "field runs beyond its message", 2);
  expect_refused(signal::logs, "\x0a\x01\x08\x01"sv, errc::truncated,
                 "field runs beyond its message", 2);
  expect_refused(signal::logs, "\x0a\x05\x19\x01\x02\x03\x04\x05\x06\x07\x08"sv, errc::truncated,
                 "field runs beyond its message", 2);
  expect_refused(signal::logs, "\x0a\x04\x1d\x01\x02\x03\x04"sv, errc::truncated,
                 "field runs beyond its message", 2);
  expect_refused(signal::logs, "\x0a\x01\x92\x01\x00"sv, errc::truncated,
                 "field runs beyond its message", 2);
}

TEST(WalkTest, VarintsHaveTenBytesAtMost) {
  EXPECT_EQ(
      items(signal::logs, scope_logs("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x00"sv)),
      1u);
  expect_refused(signal::logs, "\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv,
                 errc::malformed, "varint longer than ten bytes", 0);
  expect_refused(signal::logs, "\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv,
                 errc::malformed, "varint longer than ten bytes", 0);
  expect_refused(signal::logs, "\x8a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv,
                 errc::malformed, "varint longer than ten bytes", 0);
}

TEST(WalkTest, PaddedLengthsAndTagsAreLegal) {
  EXPECT_EQ(items(signal::logs,
                  "\x0a\x8a\x80\x80\x80\x00"
                  "\x12\x84\x80\x80\x80\x00\x12\x00\x12\x00"sv),
            2u);
  EXPECT_EQ(items(signal::logs, "\x8a\x80\x00\x06\x92\x80\x00\x02\x12\x00"sv), 1u);
}

TEST(WalkTest, FieldNumbersAndWireTypesHaveTheirRange) {
  expect_refused(signal::logs, "\x02\x00"sv, errc::malformed, "field number out of range", 0);
  expect_refused(signal::logs, "\x0a\x02\x00\x00"sv, errc::malformed, "field number out of range",
                 2);
  expect_refused(signal::logs, "\x80\x80\x80\x80\x10\x01"sv, errc::malformed,
                 "field number out of range", 0);
  expect_refused(signal::logs, "\x0e"sv, errc::malformed, "unknown wire type", 0);
  expect_refused(signal::logs, "\x0a\x02\x17\x00"sv, errc::malformed, "unknown wire type", 2);
}

TEST(WalkTest, GroupsArePassedOverAndMustMatch) {
  EXPECT_EQ(items(signal::logs, "\x1b\x23\x12\x00\x24\x1c"sv), 0u);
  EXPECT_EQ(
      items(signal::logs, scope_logs("\x12\x00\x43\x12\x02hi\x4b\x08\x80\x01\x4c\x44\x12\x00"sv)),
      2u);
  expect_refused(signal::logs, "\x1b\x24"sv, errc::malformed, "end of a group that was not open",
                 0);
  expect_refused(signal::logs, "\x1c"sv, errc::malformed, "end of a group that was not open", 0);
  expect_refused(signal::logs, "\x10\x01\x1b\x08\x01"sv, errc::truncated, "group without its end",
                 2);
  // The group's end lies outside the message that the group began in.
  expect_refused(signal::logs, "\x0a\x01\x1b\x1c"sv, errc::truncated, "group without its end", 2);
  expect_refused(signal::logs, "\x0a\x05\x1b\x22\x05\x1c\x00"sv, errc::truncated,
                 "field runs beyond its message", 2);
}

TEST(WalkTest, GroupsCountAsDepth) {
  const auto groups = [](std::size_t n) { return std::string(n, '\x1b') + std::string(n, '\x1c'); };
  EXPECT_TRUE(count(signal::logs, groups(depth_max)).ok);
  expect_refused(signal::logs, groups(depth_max + 1), errc::too_large, "nested too deeply", 0);
  EXPECT_TRUE(count(signal::logs, scope_logs(groups(depth_max - 2))).ok);
  EXPECT_EQ(count(signal::logs, scope_logs(groups(depth_max - 1))).code, errc::too_large);
  EXPECT_EQ(count(signal::logs, std::string(10'000, '\x1b')).code, errc::too_large);
}

TEST(WalkTest, UnknownFieldsAreLegalOnEveryLevel) {
  const auto unknown = [](writer& w) {
    w.varint(2000, UINT64_MAX);
    w.fixed32(77, 1);
    w.fixed64(78, 2);
    w.text(79, "\x12\x00\x12\x00"sv);
    w.raw(std::as_bytes(std::span("\x2b\x08\x01\x2c"sv)));
  };
  const std::string logs = built([&](writer& w) {
    unknown(w);
    w.message(1, [&] {
      unknown(w);
      w.message(2, [&] {
        unknown(w);
        w.message(2, [&] { unknown(w); });
        unknown(w);
      });
      unknown(w);
    });
    unknown(w);
  });
  EXPECT_EQ(items(signal::logs, logs), 1u);
  const std::string metrics = built([&](writer& w) {
    w.message(1, [&] {
      w.message(2, [&] {
        w.message(2, [&] {
          unknown(w);
          w.message(5, [&] {
            unknown(w);
            w.message(1, [&] { unknown(w); });
            unknown(w);
          });
          unknown(w);
        });
      });
    });
  });
  EXPECT_EQ(items(signal::metrics, metrics), 1u);
}

TEST(WalkTest, AKnownNumberWithAnotherWireTypeIsUnknown) {
  EXPECT_EQ(items(signal::logs, "\x08\x01"sv), 0u);  // request field 1 as varint
  EXPECT_EQ(items(signal::logs, scope_logs("\x10\x01\x12\x00\x13\x14"sv)),
            1u);  // as varint, as group
}

TEST(WalkTest, FieldOrderDoesNotMatter) {
  const std::string reversed = built([](writer& w) {
    w.message(1, [&] {
      w.text(3, "schema");
      w.message(2, [&] {
        w.text(3, "schema");
        w.text(2, "");
        w.message(1, [&] { w.text(1, "scope"); });
        w.text(2, "");
      });
      w.message(1, [&] { specimen::attribute(w, 1, "k", "v"); });
    });
  });
  EXPECT_EQ(items(signal::traces, reversed), 2u);
}

TEST(WalkTest, FormerLibraryListsAreNotCounted) {
  const std::string former = built([](writer& w) {
    w.message(1, [&] {
      w.message(1000, [&] { w.message(2, [&] { w.text(1, ""); }); });
      w.message(2, [&] { w.text(2, ""); });
    });
  });
  EXPECT_EQ(items(signal::logs, former), 1u);
}

// { gauge 2 points, gauge 1 point }: fragments of one member merge.
TEST(WalkTest, FragmentsOfAMetricsDataMerge) {
  const std::string merged = built([](writer& w) {
    w.message(1, [&] {
      w.message(2, [&] {
        w.message(2, [&] {
          w.text(5, "\x0a\x00\x0a\x00"sv);
          w.text(1, "name");
          w.text(5, "\x0a\x00"sv);
        });
      });
    });
  });
  EXPECT_EQ(items(signal::metrics, merged), 3u);
}

// { gauge 2, sum 1, gauge 1 }: a new member of the oneof discards the former.
TEST(WalkTest, TheLastMemberOfAMetricsDataWins) {
  const std::string replaced = built([](writer& w) {
    w.message(1, [&] {
      w.message(2, [&] {
        w.text(2, "\x2a\x02\x0a\x00"sv);
        w.message(2, [&] {
          w.text(5, "\x0a\x00\x0a\x00"sv);
          w.text(7, "\x0a\x00"sv);
          w.varint(9, 1);  // not a histogram: wrong wire type
          w.text(5, "\x0a\x00"sv);
        });
      });
    });
  });
  EXPECT_EQ(items(signal::metrics, replaced), 2u);
}

TEST(WalkTest, AFailedCounterStaysFailed) {
  item_counter counter(signal::logs);
  const auto bad = std::as_bytes(std::span("\x02\x00"sv));
  EXPECT_FALSE(counter.feed(bad));
  EXPECT_FALSE(counter.feed(std::as_bytes(std::span("\x0a\x00"sv))));
  EXPECT_EQ(counter.finish().error().code, errc::malformed);
}

TEST(WalkTest, AnEmptyPieceChangesNothing) {
  item_counter counter(signal::logs);
  EXPECT_TRUE(counter.feed({}));
  EXPECT_TRUE(counter.feed(std::as_bytes(std::span("\x0a"sv))));
  EXPECT_TRUE(counter.feed({}));
  EXPECT_TRUE(counter.feed(std::as_bytes(std::span("\x00"sv))));
  EXPECT_EQ(counter.finish().value(), 0u);
}

TEST(WalkTest, JoinedRequestsHoldTheItemsOfBoth) {
  const std::string a = specimen::request(signal::logs, {2, 1, 3});
  const std::string b = specimen::request(signal::logs, {1, 2, 5});
  zc::bytes_chain joined(zc::bytes::copy_of(a));
  join(joined, zc::bytes_chain(zc::bytes::copy_of(b)));
  EXPECT_EQ(specimen::text_of(joined), a + b);
  EXPECT_EQ(count_items(signal::logs, joined).value(), 16u);
}

TEST(WalkTest, RandomCutsNeverChangeTheAnswer) {
  for (const signal s : all_signals) {
    const std::string text = specimen::request(s, {2, 3, 5, 3, 200});
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const zc::bytes_chain chain = specimen::cut(text, seed, 1 + seed * seed);
      EXPECT_EQ(count_items(s, chain).value(), specimen::items_in(s, {2, 3, 5, 3, 200}));
    }
  }
}

}  // namespace
}  // namespace sluice::otlp
