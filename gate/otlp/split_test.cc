// What must hold of split: the parts hold the items of the whole, in order, byte for byte, each
// with the resource, scope and metric it had; nothing is lost or doubled; every part but the last
// is full; and payload is shared.
//
// Method: `items_of` lists a request as strings "resource | scope | metric | data | item" with a
// plain recursive reader that has nothing in common with the room's table.

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "gate/otlp/specimen.h"
#include "gate/otlp/walk.h"
#include "zc/base/ledger.h"
#include "zc/wire/protobuf/reader.h"

namespace sluice::otlp {
namespace {

using namespace std::string_view_literals;
using specimen::shape;
using specimen::writer;
using zc::errc;
using zc::pb::reader;
using zc::pb::wire;

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Splits a message into the payloads of field `number` and everything else, concatenated.
struct opened {
  std::vector<std::span<const std::byte>> inner;
  std::string rest;
};
opened open(std::span<const std::byte> message, std::uint32_t number, std::uint32_t ignored = 0) {
  opened o;
  reader r(message);
  while (r.next()) {
    if (r.is(number, wire::bytes)) {
      o.inner.push_back(r.view());
    } else if (r.number() != ignored) {
      o.rest += text(r.raw());
    }
  }
  EXPECT_TRUE(r.ok());
  return o;
}

void list_metric(const std::string& path, std::span<const std::byte> metric,
                 std::vector<std::string>& out) {
  constexpr auto is_data = [](const reader& r) {
    const auto n = r.number();
    return r.type() == wire::bytes && (n == 5 || n == 7 || n == 9 || n == 10 || n == 11);
  };
  std::uint32_t member = 0;
  for (reader r(metric); r.next();) member = is_data(r) ? r.number() : member;
  std::string rest;
  std::string data_rest;
  std::vector<std::string> points;
  for (reader r(metric); r.next();) {
    if (is_data(r) &&
        r.number() != member) {  // whatever it discards or is discarded by, count it as discarded
      rest += text(r.raw());
      for (const std::string& p : points) rest += p;
      points.clear();
      rest += data_rest;
      data_rest.clear();
    } else if (!is_data(r)) {
      rest += text(r.raw());
    } else {
      const opened data = open(r.view(), 1);
      data_rest += data.rest;
      for (const auto& p : data.inner) points.emplace_back(text(p));
    }
  }
  for (const std::string& p : points) {
    out.push_back(path + "|" + rest + "|" + std::to_string(member) + "|" + data_rest + "|" + p);
  }
}

std::vector<std::string> items_of(signal s, std::string_view request) {
  std::vector<std::string> out;
  for (const auto& resource : open(std::as_bytes(std::span(request)), 1).inner) {
    const opened r = open(resource, 2, 1000);
    for (const auto& scope : r.inner) {
      const opened c = open(scope, 2);
      for (const auto& item : c.inner) {
        const std::string path = r.rest + "|" + c.rest;
        if (s == signal::metrics) {
          list_metric(path, item, out);
        } else {
          out.push_back(path + "|" + std::string(text(item)));
        }
      }
    }
  }
  return out;
}

struct pools {
  zc::quota limit{64 << 20};
  zc::pool pool{limit};
};

std::vector<std::string> parts_of(signal s, const zc::bytes_chain& body, std::uint64_t items_max) {
  pools memory;
  const auto parts = split(s, body, items_max, memory.pool);
  EXPECT_TRUE(parts.has_value()) << (parts ? "" : parts.error().reason);
  std::vector<std::string> out;
  if (!parts) return out;
  for (const auto& part : *parts) out.push_back(specimen::text_of(part));
  return out;
}

// Cuts, checks everything that holds of every cut, and returns the parts.
std::vector<std::string> check(signal s, std::string_view request, std::uint64_t items_max) {
  const auto parts = parts_of(s, zc::bytes::copy_of(request), items_max);
  EXPECT_EQ(parts_of(s, specimen::cut(request, items_max, 60), items_max), parts);
  const std::uint64_t items = count_items(s, zc::bytes::copy_of(request)).value();
  EXPECT_EQ(parts.size(), std::max<std::uint64_t>(1, (items + items_max - 1) / items_max));
  const bool valid = validate_full(s, zc::bytes::copy_of(request)).has_value();
  std::vector<std::string> merged;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto count = count_items(s, zc::bytes::copy_of(parts[i]));
    EXPECT_TRUE(count.has_value()) << i;
    if (!count) continue;
    EXPECT_EQ(*count, i + 1 < parts.size() ? items_max : items - items_max * i);
    EXPECT_TRUE(!valid || validate_full(s, zc::bytes::copy_of(parts[i])).has_value()) << i;
    const auto held = items_of(s, parts[i]);
    EXPECT_EQ(held.size(), *count);
    merged.insert(merged.end(), held.begin(), held.end());
  }
  EXPECT_TRUE(merged == items_of(s, request));
  return parts;
}

template <class Fill>
std::string built(Fill&& fill) {
  std::string out;
  writer w(out);
  fill(w);
  return out;
}

TEST(SplitTest, ARequestThatFitsComesBackAsItIs) {
  pools memory;
  const zc::bytes body = zc::bytes::copy_of(specimen::request(signal::logs, {1, 2, 5}));
  for (const std::uint64_t max : {10u, 11u, 0u}) {
    const auto parts = split(signal::logs, body, max, memory.pool);
    ASSERT_TRUE(parts);
    ASSERT_EQ(parts->size(), 1u);
    EXPECT_TRUE(parts->front().begin()->shares_owner_with(body));
    EXPECT_EQ(parts->front().size(), body.size());
  }
  EXPECT_EQ(memory.pool.read().blocks_out, 0u);
}

TEST(SplitTest, EverySizeKeepsEveryItemInItsPlace) {
  for (const signal s : {signal::traces, signal::logs, signal::metrics}) {
    for (const shape& of :
         {shape{1, 1, 12, 3}, shape{3, 2, 4, 2}, shape{5, 1, 1, 7}, shape{2, 3, 6, 1, 900}}) {
      const std::string request = specimen::request(s, of);
      for (std::uint64_t max = 1; max <= specimen::items_in(s, of) + 1; ++max)
        check(s, request, max);
    }
  }
}

TEST(SplitTest, CutsALogsRequestIntoTheseBytes) {
  const std::string request = built([](writer& w) {
    w.message(1, [&] {
      w.text(1, "R");
      w.message(2, [&] {
        w.text(1, "S");
        w.text(2, "a");
        w.text(2, "b");
        w.text(2, "c");
        w.text(3, "u");
      });
      w.text(3, "v");
    });
  });
  const auto parts = parts_of(signal::logs, zc::bytes::copy_of(request), 2);
  ASSERT_EQ(parts.size(), 2u);
  // { R v { S u a b } } and { R v { S u c } }
  EXPECT_EQ(parts[0],
            "\x0a\x14\x0a\x01R\x1a\x01v\x12\x0c\x0a\x01S\x1a\x01u\x12\x01"
            "a\x12\x01"
            "b"sv);
  EXPECT_EQ(parts[1],
            "\x0a\x11\x0a\x01R\x1a\x01v\x12\x09\x0a\x01S\x1a\x01u\x12\x01"
            "c"sv);
}

TEST(SplitTest, WhatIsWholeKeepsItsBytes) {
  const std::string one = specimen::request(signal::traces, {1, 1, 3});
  const std::string request = one + one + one;
  const auto parts = check(signal::traces, request, 6);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0], one + one);
  EXPECT_EQ(parts[1], one);
}

TEST(SplitTest, UnknownTopLevelFieldsGoToTheFirstPartOnly) {
  const std::string one = specimen::request(signal::logs, {1, 1, 4});
  const std::string request = "\x7a\x01x" + one + "\x10\x07" + one + "\x1b\x1c";
  const auto parts = check(signal::logs, request, 3);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(open(std::as_bytes(std::span(parts[0])), 1).rest, "\x7a\x01x\x10\x07\x1b\x1c");
  EXPECT_EQ(open(std::as_bytes(std::span(parts[1])), 1).rest, "");
  EXPECT_EQ(open(std::as_bytes(std::span(parts[2])), 1).rest, "");
}

TEST(SplitTest, UnknownFieldsInsideAreRepeatedWithEachPart) {
  const std::string request = built([](writer& w) {
    w.message(1, [&] {
      w.varint(99, 1);
      w.message(2, [&] {
        for (int i = 0; i < 6; ++i) {
          w.text(2, std::to_string(i));
          w.varint(98, 2);
        }
        w.raw(std::as_bytes(std::span("\x2b\x08\x01\x2c"sv)));
      });
      w.fixed32(97, 3);
    });
  });
  EXPECT_EQ(check(signal::logs, request, 2).size(), 3u);
}

TEST(SplitTest, FormerLibraryListsGoToOnePartOnly) {
  const std::string request = built([](writer& w) {
    w.message(1, [&] {
      w.message(1000, [&] { w.text(2, "old"); });
      w.message(2, [&] {
        for (int i = 0; i < 4; ++i) w.text(2, "new");
      });
    });
  });
  const auto parts = check(signal::logs, request, 1);
  ASSERT_EQ(parts.size(), 4u);
  std::size_t found = 0;
  for (const auto& part : parts) found += part.find("old") != std::string::npos ? 1 : 0;
  EXPECT_EQ(found, 1u);
  EXPECT_NE(parts[0].find("old"), std::string::npos);
}

TEST(SplitTest, EmptyEnvelopesAreKeptAndNoneAreMade) {
  const std::string request = built([](writer& w) {
    w.message(1, [&] { w.text(1, "empty resource"); });
    w.message(1, [&] {
      w.message(2, [&] { w.text(1, "empty scope"); });
      w.message(2, [&] {
        for (int i = 0; i < 4; ++i) w.text(2, "x");
      });
      w.message(2, [&] { w.text(1, "empty end"); });
    });
    w.message(1, [&] { w.text(1, "empty last"); });
  });
  const auto parts = check(signal::logs, request, 2);
  ASSERT_EQ(parts.size(), 2u);
  const std::string all = parts[0] + parts[1];
  for (const auto name : {"empty resource"sv, "empty scope"sv, "empty end"sv, "empty last"sv}) {
    const auto at = all.find(name);
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_EQ(all.find(name, at + 1), std::string::npos) << name << " came twice";
  }
  std::size_t without_items = 0;
  for (const auto& part : parts) {
    for (const auto& resource : open(std::as_bytes(std::span(part)), 1).inner) {
      const opened r = open(resource, 2);
      without_items += r.inner.empty() ? 1 : 0;
      for (const auto& scope : r.inner) without_items += open(scope, 2).inner.empty() ? 1 : 0;
    }
  }
  EXPECT_EQ(without_items, 4u);
}

TEST(SplitTest, MetricsAreCutAtDataPoints) {
  const std::string request = built([](writer& w) {
    w.message(1, [&] {
      w.message(2, [&] {
        w.message(2, [&] {
          w.text(1, "requests");
          w.text(3, "1");
          w.message(7, [&] {
            for (int i = 0; i < 5; ++i)
              w.message(1, [&] { w.fixed64(3, static_cast<std::uint64_t>(i)); });
            w.varint(2, 2);
            w.boolean(3, true);
          });
          specimen::attribute(w, 12, "meta", "data");
        });
      });
    });
  });
  const auto parts = check(signal::metrics, request, 2);
  ASSERT_EQ(parts.size(), 3u);
  for (const auto& part : parts) {
    EXPECT_NE(part.find("\x0a\x08requests\x1a\x01"
                        "1"),
              std::string::npos);
    EXPECT_NE(part.find("\x10\x02\x18\x01"), std::string::npos);  // temporality, monotonic
  }
}

TEST(SplitTest, FragmentsOfAMetricsDataMergeBeforeTheyAreCut) {
  const std::string request = built([](writer& w) {
    w.message(1, [&] {
      w.message(2, [&] {
        w.message(2, [&] {
          w.text(7, "\x0a\x00\x0a\x01x\x10\x01"sv);
          w.text(1, "name");
          w.text(7, "\x10\x02\x0a\x01y"sv);
          w.text(1, "name2");
        });
      });
    });
  });
  const auto parts = check(signal::metrics, request, 1);
  ASSERT_EQ(parts.size(), 3u);
  for (const auto& part : parts) EXPECT_NE(part.find("\x10\x01\x10\x02"), std::string::npos);
}

TEST(SplitTest, ADiscardedMemberStaysDiscarded) {
  const std::string request = built([](writer& w) {
    w.message(1, [&] {
      w.message(2, [&] {
        w.message(2, [&] {
          w.text(7, "\x0a\x01Z"sv);
          w.text(5, "\x0a\x01Y"sv);
          w.text(7, "\x0a\x01p\x0a\x01q\x10\x02"sv);
        });
      });
    });
  });
  const auto parts = check(signal::metrics, request, 1);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_LT(parts[1].find("\x2a\x03\x0a\x01Y"), parts[1].find("q"));
}

TEST(SplitTest, ResourceAndScopeMayComeLastOrTwice) {
  const std::string request = built([](writer& w) {
    w.message(1, [&] {
      w.message(2, [&] {
        w.text(2, "1");
        w.text(1, "s1");
        w.text(2, "2");
        w.text(1, "s2");
        w.text(2, "3");
      });
      w.text(1, "r1");
      w.message(2, [&] { w.text(2, "4"); });
      w.text(1, "r2");
    });
  });
  EXPECT_EQ(check(signal::traces, request, 1).size(), 4u);
  EXPECT_EQ(check(signal::traces, request, 3).size(), 2u);
}

TEST(SplitTest, PayloadIsSharedAndPiecesAreFew) {
  const std::string request = specimen::request(signal::logs, {1, 1, 1000, 1, 300});
  const zc::bytes body = zc::bytes::copy_of(request);
  pools memory;
  const auto before = zc::ledger::read();
  const auto parts = split(signal::logs, body, 100, memory.pool);
  const auto after = zc::ledger::read();
  ASSERT_TRUE(parts);
  ASSERT_EQ(parts->size(), 10u);
  for (const auto& part : *parts) {
    EXPECT_EQ(part.pieces(), 2u);  // new heads with the small headers; one run of records
    EXPECT_TRUE(part.view().back().shares_owner_with(body));
  }
  EXPECT_LT(after.copied() - before.copied(), 20u * 300u);  // headers only
}

TEST(SplitTest, LargeHeadersAreShared) {
  const std::string request = built([](writer& w) {
    w.message(1, [&] {
      w.message(1, [&] { specimen::attribute(w, 1, "big", std::string(5000, 'b')); });
      w.message(2, [&] {
        for (int i = 0; i < 50; ++i) w.text(2, std::string(600, 'x'));
      });
    });
  });
  check(signal::logs, request, 7);
  pools memory;
  const auto before = zc::ledger::read();
  const auto parts =
      split(signal::logs, zc::bytes_chain(zc::bytes::copy_of(request)), 7, memory.pool);
  const auto after = zc::ledger::read();
  ASSERT_TRUE(parts);
  EXPECT_EQ(after.bytes[static_cast<std::size_t>(zc::ledger::reason::coalesce)],
            before.bytes[static_cast<std::size_t>(zc::ledger::reason::coalesce)]);
}

TEST(SplitTest, ARefusingPoolIsAnAnswer) {
  zc::quota none(1024);  // less than one block
  zc::pool pool(none);
  const std::string request = specimen::request(signal::logs, {2, 2, 5});
  const auto parts = split(signal::logs, zc::bytes_chain(zc::bytes::copy_of(request)), 3, pool);
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().code, errc::exhausted);
}

TEST(SplitTest, ProfilesAndBrokenRequestsAreRefused) {
  pools memory;
  EXPECT_EQ(split(signal::profiles, zc::bytes_chain(), 1, memory.pool).error().code,
            errc::unsupported);
  EXPECT_EQ(split(signal::logs, zc::bytes::copy_of("\x0a\x05\x12"sv), 1, memory.pool).error().code,
            errc::truncated);
}

}  // namespace
}  // namespace sluice::otlp
